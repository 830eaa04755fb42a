"""The log and one version: pages, lines of a branch, names, files and checks; and who may read them."""

import pytest
from headgate.domain.errors import AccessDenied, Collected, NotFound
from headgate.domain.identity import Principal

from tests.support.history_desk import CHECK, DATASET, PRODUCT, HistoryDesk
from tests.support.memory_platform import ALICE, MemoryPlatform
from tests.support.small_product import visits_contract

MALLORY = Principal("user/mallory")


@pytest.fixture
def desk(platform: MemoryPlatform) -> HistoryDesk:
    made = HistoryDesk(platform)
    for piece in ("a", "b", "c"):
        made.add(piece)
    return made


def test_the_log_comes_in_pages_newest_first(desk: HistoryDesk) -> None:
    first = desk.history.log(ALICE, PRODUCT, DATASET, 2)
    second = desk.history.log(ALICE, PRODUCT, DATASET, 2, before=first.before)

    assert [v.ordinal for v in first.versions] == [3, 2]
    assert first.before == 2
    assert ([v.ordinal for v in second.versions], second.before) == ([1], None)


def test_a_page_that_is_just_full_is_the_last(desk: HistoryDesk) -> None:
    assert desk.history.log(ALICE, PRODUCT, DATASET, 3).before is None


def test_the_log_of_a_branch_is_what_led_to_it(desk: HistoryDesk) -> None:
    desk.naming.create_branch(ALICE, PRODUCT, DATASET, "work", "v2")
    desk.add("on-branch", branch="work")
    desk.add("d")

    log = desk.history.log(ALICE, PRODUCT, DATASET, 10, branch="work")
    main = desk.history.log(ALICE, PRODUCT, DATASET, 2, branch="main")

    assert [v.ordinal for v in log.versions] == [4, 2, 1]
    assert ([v.ordinal for v in main.versions], main.before) == ([5, 3], 3)
    rest = desk.history.log(ALICE, PRODUCT, DATASET, 2, branch="main", before=3)
    assert [v.ordinal for v in rest.versions] == [2, 1]


def test_the_log_says_what_means_each_version(desk: HistoryDesk) -> None:
    desk.naming.tag(ALICE, PRODUCT, DATASET, "q1", "v2")
    desk.naming.create_branch(ALICE, PRODUCT, DATASET, "work", "v2")

    log = desk.history.log(ALICE, PRODUCT, DATASET, 10)

    assert dict(log.names) == {3: ["main"], 2: ["work", "tag q1"]}


def test_a_version_is_shown_with_its_files_and_checks(desk: HistoryDesk) -> None:
    shown = desk.history.show(ALICE, PRODUCT, DATASET, "v2", files=1)

    assert shown.manifest.table.files == 2
    assert [f.source.key for f in shown.files] == [f"{PRODUCT}/{DATASET}/b.csv"]
    assert shown.manifest.checks == (CHECK,)


def test_the_files_of_a_long_history_are_all_shown(desk: HistoryDesk) -> None:
    for n in range(45):
        desk.add(f"p{n}")

    shown = desk.history.show(ALICE, PRODUCT, DATASET, "main", files=1000)

    assert len(shown.files) == len({f.key for f in shown.files}) == 48


def test_a_collected_version_says_so(desk: HistoryDesk) -> None:
    desk.platform.catalog.mark_collected(PRODUCT, DATASET, [1], "2030-01-02T00:00:00.000Z")

    with pytest.raises(Collected, match="its record stays, its files are gone"):
        desk.history.show(ALICE, PRODUCT, DATASET, "v1")
    log = desk.history.log(ALICE, PRODUCT, DATASET, 10)
    assert [v.collected_at for v in log.versions] == ["", "", "2030-01-02T00:00:00.000Z"]


def test_policy_is_asked_before_it_is_told_what_there_is(desk: HistoryDesk) -> None:
    for dataset in (DATASET, "nothing"):
        with pytest.raises(AccessDenied, match="ReadDataset"):
            desk.history.log(MALLORY, PRODUCT, dataset, 10)
    with pytest.raises(NotFound):
        desk.history.log(ALICE, PRODUCT, "nothing", 10)


def test_a_policy_may_ask_for_the_classes_of_the_columns(desk: HistoryDesk) -> None:
    # Given a policy that keeps what is restricted from everybody
    hidden = {"ForAnyValue:StringEquals": {"headgate:Classification": "restricted"}}
    desk.deny("headgate:ReadDataset", hidden)
    desk.history.log(ALICE, PRODUCT, DATASET, 10)

    # When a column becomes restricted
    contract = visits_contract()
    contract["columns"][0]["classification"] = "restricted"
    applied = desk.platform.products.get(PRODUCT).product.document
    datasets = {**applied["datasets"], DATASET: contract}
    desk.platform.apply_product({**applied, "datasets": datasets})

    # Then the dataset is not read any more
    with pytest.raises(AccessDenied, match="ReadDataset"):
        desk.history.log(ALICE, PRODUCT, DATASET, 10)
