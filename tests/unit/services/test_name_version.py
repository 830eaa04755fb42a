"""Tags, branches and holds: what a name may be, that tags never move, and who may give or take a name."""

import pytest
from headgate.domain.errors import AccessDenied, Collected, Conflict, InvalidRequest, NotFound
from headgate.domain.identity import Principal
from headgate.services.versions.branches import Versions

from tests.support.crash_points import after_every_crash
from tests.support.history_desk import DATASET, PRODUCT, HistoryDesk
from tests.support.memory_platform import ALICE, MemoryPlatform

MALLORY = Principal("user/mallory")


@pytest.fixture
def desk(platform: MemoryPlatform) -> HistoryDesk:
    made = HistoryDesk(platform)
    for piece in ("a", "b", "c"):
        made.add(piece)
    return made


def test_a_tag_means_its_version_for_good(desk: HistoryDesk) -> None:
    tag = desk.naming.tag(ALICE, PRODUCT, DATASET, "q1", "v2", "first quarter")

    assert (tag.ordinal, tag.author, tag.message) == (2, "user/alice", "first quarter")
    assert desk.shown("q1") == ["a", "b"]
    with pytest.raises(Conflict, match="q1 means v2; tags do not move"):
        desk.naming.tag(ALICE, PRODUCT, DATASET, "q1", "v3")


def test_the_same_tag_again_is_the_same_tag(desk: HistoryDesk) -> None:
    first = desk.naming.tag(ALICE, PRODUCT, DATASET, "q1", "v2")
    desk.platform.clock.advance(60)

    again = desk.naming.tag(ALICE, PRODUCT, DATASET, "q1", "v2", "another word")

    assert again == first
    told = desk.platform.bus.of_type("VersionTagged")
    assert len(told) == 2
    assert len({e.id for e in told}) == 1


@pytest.mark.parametrize(
    "name", ["v12", "12", "main", "pending", "Upper", "a/b", "", "abcdef012345", "x" * 64]
)
def test_a_name_that_reads_as_something_else_is_refused(desk: HistoryDesk, name: str) -> None:
    with pytest.raises(InvalidRequest):
        desk.naming.tag(ALICE, PRODUCT, DATASET, name, "v1")
    with pytest.raises(InvalidRequest):
        desk.naming.create_branch(ALICE, PRODUCT, DATASET, name)


def test_a_branch_begins_where_it_is_asked_to(desk: HistoryDesk) -> None:
    branch = desk.naming.create_branch(ALICE, PRODUCT, DATASET, "work", "v2")

    assert (branch.base_ordinal, branch.head_ordinal) == (2, 2)
    assert desk.shown("work") == ["a", "b"]
    desk.add("on-branch", branch="work")
    assert desk.shown("work") == ["a", "b", "on-branch"]
    assert desk.shown() == ["a", "b", "c"]


def test_the_same_branch_again_is_the_same_until_it_moved(desk: HistoryDesk) -> None:
    first = desk.naming.create_branch(ALICE, PRODUCT, DATASET, "work", "v2")
    assert desk.naming.create_branch(ALICE, PRODUCT, DATASET, "work", "v2") == first

    desk.add("d", branch="work")

    with pytest.raises(Conflict, match="work is there already, at v4"):
        desk.naming.create_branch(ALICE, PRODUCT, DATASET, "work", "v2")


def test_a_branch_cannot_have_the_name_of_a_tag(desk: HistoryDesk) -> None:
    desk.naming.tag(ALICE, PRODUCT, DATASET, "q1", "v2")

    with pytest.raises(Conflict, match="q1 is a tag"):
        desk.naming.create_branch(ALICE, PRODUCT, DATASET, "q1")


def test_a_tag_cannot_have_the_name_of_a_branch(desk: HistoryDesk) -> None:
    desk.naming.create_branch(ALICE, PRODUCT, DATASET, "work")

    with pytest.raises(Conflict, match="work is a branch"):
        desk.naming.tag(ALICE, PRODUCT, DATASET, "work", "v2")


def test_a_deleted_branch_leaves_its_versions(desk: HistoryDesk) -> None:
    desk.naming.create_branch(ALICE, PRODUCT, DATASET, "work")
    version = desk.add("d", branch="work")

    desk.naming.delete_branch(ALICE, PRODUCT, DATASET, "work")

    assert desk.shown(f"v{version.ordinal}") == ["a", "b", "c", "d"]
    with pytest.raises(NotFound):
        desk.shown("work")
    with pytest.raises(NotFound, match="no branch 'work'"):
        desk.naming.delete_branch(ALICE, PRODUCT, DATASET, "work")


@pytest.mark.parametrize("name", ["main", "pending"])
def test_the_platforms_own_branches_are_not_deleted(desk: HistoryDesk, name: str) -> None:
    with pytest.raises(InvalidRequest, match="is not deleted"):
        desk.naming.delete_branch(ALICE, PRODUCT, DATASET, name)


def test_a_hold_keeps_a_version_with_a_reason_until_it_is_released(desk: HistoryDesk) -> None:
    hold = desk.naming.hold(ALICE, PRODUCT, DATASET, "case-7", "v1", "asked for by the auditor")

    assert (hold.ordinal, hold.reason) == (1, "asked for by the auditor")
    with pytest.raises(Conflict, match="case-7 keeps v1"):
        desk.naming.hold(ALICE, PRODUCT, DATASET, "case-7", "v2", "another")
    assert desk.naming.release(ALICE, PRODUCT, DATASET, "case-7") == hold
    assert desk.naming.names(ALICE, PRODUCT, DATASET).holds == []
    with pytest.raises(NotFound, match="no hold 'case-7'"):
        desk.naming.release(ALICE, PRODUCT, DATASET, "case-7")


def test_a_hold_needs_a_reason(desk: HistoryDesk) -> None:
    with pytest.raises(InvalidRequest, match="reason"):
        desk.naming.hold(ALICE, PRODUCT, DATASET, "case-7", "v1", "  ")


def test_a_collected_version_takes_no_name(desk: HistoryDesk) -> None:
    desk.platform.catalog.mark_collected(PRODUCT, DATASET, [1], "2030-01-02T00:00:00.000Z")

    with pytest.raises(Collected):
        desk.naming.tag(ALICE, PRODUCT, DATASET, "q1", "v1")
    with pytest.raises(Collected):
        desk.naming.create_branch(ALICE, PRODUCT, DATASET, "work", "v1")
    with pytest.raises(Collected):
        desk.naming.hold(ALICE, PRODUCT, DATASET, "case-7", "v1", "why")


def test_every_name_is_listed_with_what_it_means(desk: HistoryDesk) -> None:
    desk.naming.tag(ALICE, PRODUCT, DATASET, "q1", "v2")
    desk.naming.create_branch(ALICE, PRODUCT, DATASET, "work", "v1")
    desk.naming.hold(ALICE, PRODUCT, DATASET, "case-7", "v1", "why")

    names = desk.naming.names(ALICE, PRODUCT, DATASET)

    assert [(b.name, b.head_ordinal) for b in names.branches] == [("main", 3), ("work", 1)]
    assert [(t.name, t.ordinal) for t in names.tags] == [("q1", 2)]
    assert [(h.name, h.ordinal) for h in names.holds] == [("case-7", 1)]


def test_any_name_finds_its_version(desk: HistoryDesk) -> None:
    desk.naming.tag(ALICE, PRODUCT, DATASET, "q1", "v2")
    versions = Versions(desk.platform.catalog, desk.platform.catalog)
    second = desk.history_of(2)

    for name in ("v2", "2", "q1", second.digest, second.digest[:12], "main@2030-01-01T00:02"):
        assert versions.resolve(PRODUCT, DATASET, name) == second, name
    assert versions.resolve(PRODUCT, DATASET, "main").ordinal == 3


@pytest.mark.parametrize("name", ["v9", "nothing", "0" * 12])
def test_a_name_of_nothing_is_not_found(desk: HistoryDesk, name: str) -> None:
    with pytest.raises(NotFound):
        desk.shown(name)


@pytest.mark.parametrize(
    ("action", "act"),
    [
        ("TagVersion", lambda n: n.tag(MALLORY, PRODUCT, DATASET, "q1", "v1")),
        ("CreateBranch", lambda n: n.create_branch(MALLORY, PRODUCT, DATASET, "work")),
        ("DeleteBranch", lambda n: n.delete_branch(MALLORY, PRODUCT, DATASET, "work")),
        ("HoldVersion", lambda n: n.hold(MALLORY, PRODUCT, DATASET, "case-7", "v1", "why")),
        ("ReleaseHold", lambda n: n.release(MALLORY, PRODUCT, DATASET, "case-7")),
        ("ReadDataset", lambda n: n.names(MALLORY, PRODUCT, DATASET)),
    ],
)
def test_each_act_needs_its_own_right(desk: HistoryDesk, action: str, act: object) -> None:
    desk.platform.faults.clear()

    with pytest.raises(AccessDenied, match=f"headgate:{action}"):
        act(desk.naming)  # type: ignore[operator]
    assert set(desk.platform.faults.effects) == {"bus.publish"}


@pytest.mark.parametrize(
    "act",
    [
        lambda n: n.tag(ALICE, PRODUCT, DATASET, "q1", "v1"),
        lambda n: n.create_branch(ALICE, PRODUCT, DATASET, "work", "v1"),
        lambda n: n.hold(ALICE, PRODUCT, DATASET, "case-7", "v1", "why"),
    ],
)
def test_a_crash_anywhere_is_healed_by_asking_again(desk: HistoryDesk, act: object) -> None:
    desk.platform.faults.clear()

    for platform, crash in after_every_crash(desk.platform, lambda p: act(HistoryDesk(p).naming)):  # type: ignore[operator]
        names = HistoryDesk(platform).naming.names(ALICE, PRODUCT, DATASET)
        assert len(names.branches) + len(names.tags) + len(names.holds) == 2, crash
        told = [
            e.id for e in platform.bus.events if e.type in ("VersionTagged", "BranchCreated", "VersionHeld")
        ]
        assert len(set(told)) == 1, crash
