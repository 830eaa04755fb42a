"""Branches and merges: three-way on files, conflicts that are told, and nothing that comes back by itself."""

import itertools

import pytest
from headgate.domain.errors import AccessDenied, InvalidRequest, NotFound, PreconditionFailed
from headgate.domain.identity import Principal
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.crash_points import after_every_crash
from tests.support.history_desk import DATASET, PRODUCT, HistoryDesk
from tests.support.memory_platform import ALICE, MemoryPlatform
from tests.support.small_product import bundle

BOB = Principal("user/bob", ("data-scientists",))


@pytest.fixture
def desk(platform: MemoryPlatform) -> HistoryDesk:
    """Main holds a and b; the branch work begins there."""
    made = HistoryDesk(platform)
    made.add("a")
    made.add("b")
    made.naming.create_branch(ALICE, PRODUCT, DATASET, "work")
    return made


def merge(desk: HistoryDesk, source: str = "work", into: str = "main") -> int:
    return desk.merging.merge(ALICE, PRODUCT, DATASET, source, into).record.ordinal


def test_a_fast_forward_still_makes_a_version_that_says_who_merged(desk: HistoryDesk) -> None:
    work = desk.add("c", branch="work")

    done = desk.merging.merge(ALICE, PRODUCT, DATASET, "work", message="reviewed")

    assert desk.shown() == ["a", "b", "c"]
    assert (done.record.operation, done.record.author, done.record.message) == (
        "merge",
        "user/alice",
        "reviewed",
    )
    assert (done.record.parent, done.record.second_parent) == (desk.history_of(2).digest, work.digest)
    assert done.record.added_rows == 10


def test_both_sides_additions_are_there_after_a_merge(desk: HistoryDesk) -> None:
    desk.add("on-branch", branch="work")
    desk.add("on-main")

    merge(desk)

    assert desk.shown() == ["a", "b", "on-branch", "on-main"]
    assert desk.shown("work") == ["a", "b", "on-branch"]


def test_the_same_bytes_on_both_sides_are_there_once(desk: HistoryDesk) -> None:
    desk.add("same", branch="work")
    desk.add("same", "more")

    merge(desk)

    assert desk.shown() == ["a", "b", "more", "same"]


def test_a_merge_that_is_asked_for_twice_makes_one_version(desk: HistoryDesk) -> None:
    desk.add("c", branch="work")
    first = desk.merging.merge(ALICE, PRODUCT, DATASET, "work")
    desk.add("later")

    again = desk.merging.merge(ALICE, PRODUCT, DATASET, "work")

    assert (again.changed, again.record) == (False, first.record)


def test_a_second_merge_brings_only_what_is_new(desk: HistoryDesk) -> None:
    # Given a branch that was merged, after which main went back behind one of its files
    desk.add("c", branch="work")
    merge(desk)
    desk.add("d", branch="work")

    # When it is merged again
    merge(desk)

    # Then only the new file came
    assert desk.shown() == ["a", "b", "c", "d"]
    assert desk.head().added_rows == 10


def test_what_a_branch_took_away_is_taken_away_in_the_merge(desk: HistoryDesk) -> None:
    desk.rolling.rollback(ALICE, PRODUCT, DATASET, "v1", branch="work")
    desk.add("on-main")

    merge(desk)

    assert desk.shown() == ["a", "on-main"]
    assert not desk.head().shows(2)


def test_a_branch_built_on_what_main_went_back_behind_is_a_conflict(desk: HistoryDesk) -> None:
    desk.add("c", branch="work")
    desk.rolling.rollback(ALICE, PRODUCT, DATASET, "v1")

    with pytest.raises(PreconditionFailed, match="main v4 does not show v2 any more, which v3 of work was"):
        merge(desk)
    assert desk.shown() == ["a"]


def test_a_branch_built_on_what_main_overwrote_is_a_conflict(desk: HistoryDesk) -> None:
    desk.add("c", branch="work")
    desk.add("new", contract=desk.overwriting())

    with pytest.raises(PreconditionFailed, match="does not show v2 any more"):
        merge(desk)


def test_an_overwrite_merges_when_main_stood_still(desk: HistoryDesk) -> None:
    desk.add("new", branch="work", contract=desk.overwriting())

    merge(desk)

    assert desk.shown() == ["new"]
    assert not desk.head().shows(1)


def test_an_overwrite_is_a_conflict_when_files_came_to_main(desk: HistoryDesk) -> None:
    desk.add("new", branch="work", contract=desk.overwriting())
    desk.add("on-main")

    with pytest.raises(PreconditionFailed, match=r"v3 replaces the whole dataset, but 1 file"):
        merge(desk)


def test_the_way_out_of_a_conflict_is_to_begin_again_from_main(desk: HistoryDesk) -> None:
    # Given a conflict
    desk.add("c", branch="work")
    desk.rolling.rollback(ALICE, PRODUCT, DATASET, "v1")

    # When the branch goes to where main is, and the data comes again
    desk.rolling.rollback(ALICE, PRODUCT, DATASET, "main", branch="work")
    desk.add("c", branch="work")
    merge(desk)

    # Then it merges
    assert desk.shown() == ["a", "c"]


def test_main_can_be_merged_into_a_branch(desk: HistoryDesk) -> None:
    desk.add("on-branch", branch="work")
    desk.add("on-main")

    merge(desk, "main", "work")

    assert desk.shown("work") == ["a", "b", "on-branch", "on-main"]
    assert desk.shown() == ["a", "b", "on-main"]


def test_a_merge_tells_main_alone_that_there_is_a_version(desk: HistoryDesk) -> None:
    bus = desk.platform.bus
    desk.add("c", branch="work")
    before = len(bus.of_type("DatasetVersionCommitted"))

    ordinal = merge(desk)

    told = bus.of_type("DatasetVersionCommitted")[before:]
    assert [(e.detail["ordinal"], e.detail["operation"]) for e in told] == [(ordinal, "merge")]


def test_policy_decides_who_may_merge(desk: HistoryDesk) -> None:
    desk.add("c", branch="work")

    with pytest.raises(AccessDenied, match="headgate:MergeBranch"):
        desk.merging.merge(BOB, PRODUCT, DATASET, "work")


def test_merging_into_main_of_a_dataset_that_waits_takes_the_right_to_publish(desk: HistoryDesk) -> None:
    # Given someone who may merge but not publish
    desk.manual()
    desk.deny("headgate:PublishVersion")
    desk.add("c", branch="work")

    with pytest.raises(AccessDenied, match="PublishVersion"):
        desk.merging.merge(ALICE, PRODUCT, DATASET, "work")
    assert desk.merging.merge(ALICE, PRODUCT, DATASET, "main", "work").changed is False


@pytest.mark.parametrize(
    ("source", "into", "error", "why"),
    [
        ("nothing", "main", NotFound, "nothing"),
        ("work", "nowhere", NotFound, "nowhere"),
        ("work", "pending", InvalidRequest, "takes drops alone"),
    ],
)
def test_a_merge_of_nothing_or_to_nowhere_is_refused(
    desk: HistoryDesk, source: str, into: str, error: type[Exception], why: str
) -> None:
    desk.add("c", branch="work")

    with pytest.raises(error, match=why):
        merge(desk, source, into)


def test_a_crash_anywhere_in_a_merge_is_healed_by_asking_again(desk: HistoryDesk) -> None:
    desk.add("on-branch", branch="work")
    desk.rolling.rollback(ALICE, PRODUCT, DATASET, "v1", branch="work")
    desk.add("on-main")
    desk.platform.faults.clear()

    def act(platform: MemoryPlatform) -> None:
        merge(HistoryDesk(platform))

    for platform, crash in after_every_crash(desk.platform, act):
        after = HistoryDesk(platform)
        assert after.shown() == ["a", "on-main"], crash
        assert after.head().operation == "merge", crash
        assert after.head().ordinal == 6, crash


STEPS = st.lists(st.tuples(st.sampled_from(["add", "back", "merge"]), st.sampled_from(["main", "work"])))


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_merges_show_what_a_set_of_pieces_would(
    steps: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Against a model: a branch is a set, with the set it last shared with the other. A conflict changes
    nothing.
    """
    platform = MemoryPlatform(tmp_path_factory.mktemp("merge"))
    platform.apply_product(bundle())
    desk, names = HistoryDesk(platform), (f"p{n}" for n in itertools.count())
    desk.add("first")
    desk.naming.create_branch(ALICE, PRODUCT, DATASET, "work")
    model = {"main": {"first"}, "work": {"first"}}
    shared = {"first"}
    for what, branch in steps:
        other = "work" if branch == "main" else "main"
        if what == "add":
            piece = next(names)
            desk.add(piece, branch=branch)
            model[branch].add(piece)
        elif what == "back":
            desk.rolling.rollback(ALICE, PRODUCT, DATASET, "v1", branch=branch)
            model[branch] = {"first"}
        else:
            try:
                merge(desk, other, branch)
            except PreconditionFailed:
                continue
            expected = (model[branch] - (shared - model[other])) | (model[other] - shared)
            assert set(desk.shown(branch)) == expected
            model[branch], shared = expected, set(model[other])
    for branch, pieces in model.items():
        assert desk.shown(branch) == sorted(pieces)
