"""The commit itself: what it reads and writes in which order, and what it does when others were first."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from headgate.adapters.memory import Faults, ManualClock, MemoryCatalog, MemoryEventBus, MemoryObjectStore
from headgate.domain.contract import Column, Contract
from headgate.domain.dataset import DataFile, SourceRef
from headgate.domain.errors import Conflict, InvalidRequest, NotFound, StateUnknown, Throttled
from headgate.domain.file_table import RECENT_FILES, Change, FileTable
from headgate.domain.version import MAIN, CommitView, VersionRecord
from headgate.services.versions.branches import start_branch
from headgate.services.versions.commit_version import (
    COMMIT_ATTEMPTS,
    Authorship,
    CommitVersion,
    Line,
    Proposal,
    Propose,
)
from headgate.services.versions.manifests import Manifests, data_key
from headgate.services.versions.take_in import Accepted, take_in

CONTRACT = Contract("orders", "1.0.0", "csv", (Column("id", "VARCHAR", required=True),))
ORDERS = Line("shop", "orders")
DEV = replace(ORDERS, branch="dev")
BY = Authorship("user/ada", "because", 1.23456, 10)


class Desk:
    """Commits of named pieces over the in-memory adapters."""

    def __init__(self, root: Path) -> None:
        self.faults = Faults()
        self.clock = ManualClock()
        self.catalog = MemoryCatalog(self.faults)
        self.lake = MemoryObjectStore("lake", root, self.faults)
        self.bus = MemoryEventBus(self.faults)
        self.commits = CommitVersion(self.catalog, self.lake, self.bus, self.clock)

    def source(self, name: str) -> SourceRef:
        return SourceRef(
            "landing", f"shop/orders/{name}.csv", "v1", hashlib.sha256(name.encode()).hexdigest(), 9
        )

    def proposal(self, *names: str) -> Propose:
        return take_in(CONTRACT, [Accepted((), self.source(n), self.file(n), (), 0.0) for n in names])

    def file(self, name: str) -> DataFile:
        key = data_key("shop", "orders", self.source(name).sha256)
        return DataFile(key, 9, self.source(name).sha256, 1, (), self.source(name), (0, 1))

    def commit(
        self,
        *names: str,
        line: Line = ORDERS,
        view: CommitView | None = None,
        commits: CommitVersion | None = None,
    ) -> VersionRecord:
        sources = [self.source(n) for n in names]
        return (commits or self.commits).commit(line, self.proposal(*names), BY, sources, view)

    def view(self, *names: str, line: Line = ORDERS) -> CommitView:
        return self.catalog.commit_view("shop", "orders", line.branch, [self.source(n) for n in names])

    def open_dev(self) -> None:
        start_branch(self.catalog, DEV, self.view().head, "user/ada", "2030-01-01T00:00:00.000Z")

    def names(self, branch: str = MAIN) -> list[str]:
        """The names of what a branch holds, in order."""
        record = self.catalog.dataset_head("shop", "orders", branch)
        assert record is not None
        manifests = Manifests(self.lake, "shop", "orders")
        files = manifests.files(manifests.load(record.digest))
        return [f.source.key.removeprefix("shop/orders/").removesuffix(".csv") for f in files]

    @property
    def history(self) -> list[tuple[int, str]]:
        found = self.catalog.dataset_versions("shop", "orders")
        return [(v.ordinal, v.branch) for v in reversed(found)]


class Interrupted:
    """The catalog, where ``meanwhile`` happens once, just before the next commit."""

    def __init__(self, catalog: MemoryCatalog, meanwhile: Any, fail: Exception | None = None) -> None:
        self._catalog, self._meanwhile, self._fail = catalog, meanwhile, fail

    def __getattr__(self, name: str) -> Any:
        return getattr(self._catalog, name)

    def commit_version(self, *arguments: Any) -> None:
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            meanwhile()
            if self._fail is not None:
                raise self._fail
        self._catalog.commit_version(*arguments)


def emptied(*_: Any) -> Proposal:
    """A version without files."""
    return Proposal("rollback", Change(FileTable(), ()), (), "1.0.0", (), 0)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def interrupted(desk: Desk, meanwhile: Any, fail: Exception | None = None) -> CommitVersion:
    return replace(desk.commits, catalog=Interrupted(desk.catalog, meanwhile, fail))  # type: ignore[arg-type]


def test_a_commit_says_what_was_done_by_whom(desk: Desk) -> None:
    desk.commit("a")
    desk.clock.advance(60)

    record = desk.commit("b")

    assert record == desk.catalog.dataset_head("shop", "orders")
    assert (record.ordinal, record.operation, record.branch) == (2, "append", MAIN)
    assert (record.rows, record.files, record.bytes, record.added_rows) == (2, 2, 18, 1)
    assert (record.author, record.message) == ("user/ada", "because")
    assert (record.ingest_seconds, record.ingest_bytes) == (1.235, 10)
    assert record.created_at == "2030-01-01T00:01:00.000Z"
    assert (record.visible, record.sources) == (((1, 2),), (desk.source("b"),))
    assert record.parent == desk.catalog.dataset_version("shop", "orders", 1).digest


def test_what_a_head_names_is_in_the_lake_before_it(desk: Desk) -> None:
    many = [f"{n:02d}" for n in range(RECENT_FILES + 1)]

    desk.commit(*many)

    assert desk.faults.effects == ("lake.put", "lake.put", "catalog.commit_version")
    segment, manifest = sorted(desk.lake.keys(), reverse=True)
    assert (segment.split("/")[3], manifest.split("/")[3]) == ("segments", "manifests")


def test_a_view_at_hand_saves_the_read(desk: Desk) -> None:
    view = desk.view("a")
    desk.faults.fail_at("catalog.commit_view", 2, "before", Throttled("asked again"))

    assert desk.commit("a", view=view).ordinal == 1


def test_a_manifest_that_is_not_kept_with_the_head_is_read_from_the_lake(desk: Desk) -> None:
    desk.commit("a")
    view = desk.view("b")
    assert view.head is not None

    desk.commit("b", view=replace(view, head=replace(view.head, manifest=None)))

    assert desk.names() == ["a", "b"]


def test_a_committer_that_lost_stands_on_the_winner(desk: Desk) -> None:
    desk.commit("a")

    record = desk.commit("mine", commits=interrupted(desk, lambda: desk.commit("theirs")))

    assert record.ordinal == 3
    assert desk.names() == ["a", "theirs", "mine"]
    assert len(desk.clock.slept) == 1
    assert 0 <= desk.clock.slept[0] <= 0.05


def test_a_committer_that_always_loses_gives_up(desk: Desk) -> None:
    for nth in range(1, COMMIT_ATTEMPTS + 1):
        desk.faults.fail_at("catalog.commit_version", nth, "before", Conflict("moved"))

    with pytest.raises(Conflict, match="moved"):
        desk.commit("a")

    assert desk.history == []
    assert len(desk.clock.slept) == COMMIT_ATTEMPTS
    assert max(desk.clock.slept) <= 2


def test_what_a_rival_took_in_meanwhile_is_its_version(desk: Desk) -> None:
    theirs: list[VersionRecord] = []

    mine = desk.commit("a", "b", commits=interrupted(desk, lambda: theirs.append(desk.commit("b", "a"))))

    assert [mine] == theirs
    assert sorted(desk.names()) == ["a", "b"]


def test_of_what_a_rival_took_in_a_part_nothing_is_committed(desk: Desk) -> None:
    """Who asked has to look again: what is left may be committed alone."""
    with pytest.raises(Conflict, match="some of the drops"):
        desk.commit("a", "b", commits=interrupted(desk, lambda: desk.commit("b")))

    assert desk.names() == ["b"]


def test_what_was_taken_in_before_the_first_look_is_not_taken_in_again(desk: Desk) -> None:
    first = desk.commit("a")

    assert desk.commit("a") == first

    assert desk.history == [(1, MAIN)]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_is_looked_up(desk: Desk, when: Any) -> None:
    desk.faults.fail_at("catalog.commit_version", 1, when, StateUnknown("lost"))

    record = desk.commit("a")

    assert desk.history == [(1, MAIN)]
    assert record == desk.catalog.dataset_head("shop", "orders")


def test_a_lost_answer_is_found_below_what_came_after_it(desk: Desk) -> None:
    """The commit happened, a rival went on from it, then the answer was lost."""

    class Slow(Interrupted):
        def commit_version(self, *arguments: Any) -> None:
            self._catalog.commit_version(*arguments)
            desk.commit("theirs")
            raise StateUnknown("lost")

    catalog: Any = Slow(desk.catalog, None)
    record = desk.commit("mine", commits=replace(desk.commits, catalog=catalog))

    assert record.ordinal == 1
    assert desk.names() == ["mine", "theirs"]


def test_a_lost_answer_is_not_taken_for_a_rivals_version(desk: Desk) -> None:
    lost = StateUnknown("lost")

    record = desk.commit("mine", commits=interrupted(desk, lambda: desk.commit("theirs"), lost))

    assert record.ordinal == 2
    assert desk.names() == ["theirs", "mine"]


def test_a_lost_answer_is_not_taken_for_the_same_version_of_another_branch(desk: Desk) -> None:
    """Equal files on equal parents have one digest, on whichever branch they are: here both are emptied."""
    desk.commit("a")
    desk.open_dev()
    rival = interrupted(desk, lambda: desk.commits.commit(ORDERS, emptied, BY), StateUnknown("lost"))

    record = rival.commit(DEV, emptied, BY)

    assert record.branch == "dev"
    assert desk.history == [(1, MAIN), (2, MAIN), (3, "dev")]
    assert desk.names("dev") == []


def test_branches_take_in_the_same_bytes_each_for_itself(desk: Desk) -> None:
    desk.commit("a")
    desk.open_dev()
    desk.commit("b", line=DEV)
    desk.commit("c")

    assert (desk.names("dev"), desk.names()) == (["a", "b"], ["a", "c"])
    assert desk.view("b", line=DEV).known(desk.source("b")) == 2


def test_a_branch_that_is_not_there_is_not_found(desk: Desk) -> None:
    with pytest.raises(NotFound, match="dev"):
        desk.commit("a", line=DEV)


def test_what_a_proposal_refuses_writes_nothing(desk: Desk) -> None:
    def refuse(*_: Any) -> Proposal:
        raise InvalidRequest("no")

    with pytest.raises(InvalidRequest):
        desk.commits.commit(ORDERS, refuse, BY)

    assert desk.faults.effects == ()


def test_a_proposal_is_asked_again_about_the_new_head(desk: Desk) -> None:
    seen: list[tuple[int, int]] = []

    def propose(view: CommitView, parent: Any, read: Any) -> Proposal:
        seen.append((view.next_ordinal, parent.table.files if parent else 0))
        return emptied()

    interrupted(desk, lambda: desk.commit("a")).commit(ORDERS, propose, BY)

    assert seen == [(1, 0), (2, 1)]


@pytest.mark.parametrize(
    ("line", "kind"), [(ORDERS, "DatasetVersionCommitted"), (DEV, "BranchVersionCommitted")]
)
def test_a_version_is_told_of_by_its_digest(desk: Desk, line: Line, kind: str) -> None:
    desk.open_dev()
    record = desk.commit("a", line=line)

    desk.commits.publish(record)
    desk.commits.publish(record)

    (first, again) = desk.bus.of_type(kind)
    assert first == again
    assert (first.id, first.detail["ordinal"], first.detail["branch"]) == (record.digest, 1, line.branch)
    lineage = desk.bus.of_type("LineageRecorded")
    assert lineage[0].id == lineage[1].id


def test_many_committers_at_once_lose_and_double_nothing(desk: Desk) -> None:
    """Six workers; each source is in the hands of two of them."""
    batches: Sequence[tuple[str, ...]] = [(f"{n}", f"{(n + 1) % 6}") for n in range(6)]

    def work(batch: tuple[str, ...]) -> None:
        for name in batch:
            while (view := desk.view(name)).known(desk.source(name)) is None:
                with suppress(Conflict):
                    desk.commit(name, view=view)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, batches))

    assert sorted(desk.names()) == sorted("012345")
    assert desk.history == [(n, MAIN) for n in range(1, 7)]
