"""Rolling back and restoring: a new version that shows what an earlier one showed, and nothing rewritten."""

import pytest
from headgate.domain.errors import AccessDenied, Collected, InvalidRequest, NotFound
from headgate.domain.identity import Principal

from tests.support.crash_points import after_every_crash
from tests.support.history_desk import DATASET, PRODUCT, HistoryDesk
from tests.support.memory_platform import ALICE, MemoryPlatform

MALLORY = Principal("user/mallory")


@pytest.fixture
def desk(platform: MemoryPlatform) -> HistoryDesk:
    return HistoryDesk(platform)


def test_a_rollback_shows_the_target_and_keeps_what_came_after(desk: HistoryDesk) -> None:
    # Given three versions
    for piece in ("a", "b", "c"):
        desk.add(piece)

    # When main goes back to the first
    done = desk.rolling.rollback(ALICE, PRODUCT, DATASET, "v1", reason="c was wrong")

    # Then a fourth version shows what the first showed, says why, and the third is as it was
    assert (done.changed, done.record.ordinal, done.record.operation) == (True, 4, "rollback")
    assert (done.record.message, done.record.author) == ("c was wrong", "user/alice")
    assert desk.shown() == ["a"]
    assert desk.shown("v3") == ["a", "b", "c"]


def test_bytes_that_a_rollback_hid_can_be_dropped_again(desk: HistoryDesk) -> None:
    for piece in ("a", "b"):
        desk.add(piece)
    desk.rolling.rollback(ALICE, PRODUCT, DATASET, "v1")

    record = desk.head()

    assert record.shows(1)
    assert not record.shows(2)


def test_a_rollback_that_is_asked_for_twice_makes_one_version(desk: HistoryDesk) -> None:
    for piece in ("a", "b"):
        desk.add(piece)
    first = desk.rolling.rollback(ALICE, PRODUCT, DATASET, "v1")

    again = desk.rolling.rollback(ALICE, PRODUCT, DATASET, "v1")

    assert (again.changed, again.record) == (False, first.record)
    assert desk.head().ordinal == 3


def test_a_rollback_can_be_rolled_back(desk: HistoryDesk) -> None:
    for piece in ("a", "b"):
        desk.add(piece)
    desk.rolling.rollback(ALICE, PRODUCT, DATASET, "v1")

    desk.rolling.rollback(ALICE, PRODUCT, DATASET, "v2")

    assert desk.shown() == ["a", "b"]
    assert desk.head().shows(2)


def test_a_restore_finds_where_main_stood_at_a_time(desk: HistoryDesk) -> None:
    # Given versions an hour apart (the clock stands at 2030-01-01T00:00)
    for piece in ("a", "b", "c"):
        desk.add(piece, at=3600)

    # When main is restored to half past two
    done = desk.rolling.rollback(ALICE, PRODUCT, DATASET, "main@2030-01-01T02:30")

    # Then it shows the version of two o'clock
    assert done.target is not None
    assert done.target.ordinal == 2
    assert desk.shown() == ["a", "b"]


def test_a_time_before_the_first_version_is_not_found(desk: HistoryDesk) -> None:
    desk.add("a")

    with pytest.raises(NotFound, match="had no version on main at 2029-12-31T00:00:00.000Z"):
        desk.rolling.rollback(ALICE, PRODUCT, DATASET, "main@2029-12-31")


@pytest.mark.parametrize("time", ["yesterday", "2030-13-01", ""])
def test_what_is_no_time_is_refused(desk: HistoryDesk, time: str) -> None:
    desk.add("a")

    with pytest.raises(InvalidRequest, match="is no time"):
        desk.rolling.rollback(ALICE, PRODUCT, DATASET, f"main@{time}")


def test_the_policy_decides_who_may_roll_back(desk: HistoryDesk) -> None:
    for piece in ("a", "b"):
        desk.add(piece)

    with pytest.raises(AccessDenied, match="headgate:RollbackDataset"):
        desk.rolling.rollback(MALLORY, PRODUCT, DATASET, "v1")
    assert desk.head().ordinal == 2


def test_a_collected_version_cannot_be_shown_again(desk: HistoryDesk) -> None:
    for piece in ("a", "b"):
        desk.add(piece)
    desk.platform.catalog.mark_collected(PRODUCT, DATASET, [1], "2030-01-02T00:00:00.000Z")

    with pytest.raises(Collected, match="v1 was collected as garbage on 2030-01-02"):
        desk.rolling.rollback(ALICE, PRODUCT, DATASET, "v1")


def test_a_version_collected_while_it_is_rolled_back_to_is_not_shown_again(desk: HistoryDesk) -> None:
    # Given a collector that marks the target between the reading of it and the commit
    for piece in ("a", "b"):
        desk.add(piece)
    catalog = desk.platform.catalog
    commit = catalog.commit_version

    class Racing(type(catalog)):  # type: ignore[misc]
        def commit_version(self, *arguments: object) -> None:
            catalog.mark_collected(PRODUCT, DATASET, [1], "2030-01-02T00:00:00.000Z")
            commit(*arguments)  # type: ignore[arg-type]

    catalog.__class__ = Racing

    with pytest.raises(Collected):
        desk.rolling.rollback(ALICE, PRODUCT, DATASET, "v1")
    assert desk.head().ordinal == 2


def test_the_lineage_of_a_rollback_leads_to_what_it_shows(desk: HistoryDesk) -> None:
    first, _, _ = (desk.add(piece) for piece in ("a", "b", "c"))

    done = desk.rolling.rollback(ALICE, PRODUCT, DATASET, "v1")

    (event,) = [
        e.detail["event"]
        for e in desk.platform.bus.of_type("LineageRecorded")
        if e.detail["event"]["outputs"][0]["name"].endswith(done.record.digest)
    ]
    assert [i["name"] for i in event["inputs"]] == [f"dataset/{PRODUCT}/{DATASET}/{first.digest}"]


def test_a_rollback_takes_along_what_was_published_before(desk: HistoryDesk) -> None:
    # Given a dataset whose versions wait, two of them published, none waiting
    desk.manual()
    for piece in ("a", "b"):
        desk.add(piece, branch="pending")
        desk.publishing.publish(ALICE, PRODUCT, DATASET)

    # When main goes back to the first publication, and another drop is published
    desk.rolling.rollback(ALICE, PRODUCT, DATASET, "v2")
    desk.add("c", branch="pending")
    desk.publishing.publish(ALICE, PRODUCT, DATASET)

    # Then what main went back behind has not come back
    assert desk.shown() == ["a", "c"]


def test_a_crash_anywhere_in_a_rollback_is_healed_by_asking_again(desk: HistoryDesk) -> None:
    desk.manual()
    for piece in ("a", "b"):
        desk.add(piece, branch="pending")
        desk.publishing.publish(ALICE, PRODUCT, DATASET)
    desk.platform.faults.clear()

    def roll_back(platform: MemoryPlatform) -> None:
        HistoryDesk(platform).rolling.rollback(ALICE, PRODUCT, DATASET, "v2")

    for platform, crash in after_every_crash(desk.platform, roll_back):
        after = HistoryDesk(platform)
        assert after.shown() == ["a"], crash
        assert after.shown("pending") == ["a"], crash
        assert after.head().ordinal == 5, crash
        assert {e.detail["ordinal"] for e in platform.bus.of_type("DatasetVersionCommitted")} >= {5}, crash
