"""Whatever committers do on whichever branch, no version is lost: each branch is one line of history, and
what came with it is known to it and to no other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from headgate.adapters.memory import Crash, Faults, MemoryCatalog
from headgate.domain.dataset import SourceRef
from headgate.domain.errors import Conflict, StateUnknown
from headgate.domain.version import CommitView, Spans, VersionRecord, with_ordinal
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from tests.unit.adapters import records

BRANCHES = st.sampled_from(["main", "dev", "pending"])
BODIES = st.sampled_from("abcdef")


@dataclass(frozen=True)
class Prepared:
    """A commit that waits, and what its committer saw."""

    record: VersionRecord
    view: CommitView


class Committers(RuleBasedStateMachine):
    """Writers read a branch at some time and commit on top of it later."""

    prepared = Bundle("prepared")

    def __init__(self) -> None:
        super().__init__()
        self.faults = Faults()
        self.catalog = MemoryCatalog(self.faults)
        self.accepted: list[VersionRecord] = []
        self.heads: dict[str, VersionRecord | None] = {"main": None}
        self.count = 0
        for name in ("dev", "pending"):
            self._open(name)

    def _open(self, name: str) -> None:
        head = records.head(self.catalog)
        self.catalog.add_branch("shop", "orders", records.branch(name, head), head)
        self.heads[name] = self.heads["main"]

    def _visible(self, branch: str) -> Spans:
        head = self.heads[branch]
        return head.visible if head else ()

    @rule(target=prepared, branch=BRANCHES, body=BODIES)
    def prepare(self, branch: str, body: str) -> Prepared:
        self.count += 1
        source = replace(records.source(body), key=f"shop/orders/{self.count}.csv")
        view = self.catalog.commit_view("shop", "orders", branch, [source])
        head = view.head.record if view.head else None
        record = records.version(
            view.next_ordinal,
            f"{branch}-{self.count}",
            head.digest if head else None,
            (source,),
            branch=branch,
            visible=with_ordinal(head.visible if head else (), view.next_ordinal),
        )
        return Prepared(record, view)

    @rule(target=prepared, branch=BRANCHES, data=st.data())
    def prepare_a_rollback(self, branch: str, data: Any) -> Prepared:
        self.count += 1
        view = self.catalog.commit_view("shop", "orders", branch, [])
        shown = data.draw(st.sampled_from([(), *(v.visible for v in self.accepted)]))
        head = view.head.record if view.head else None
        record = records.version(
            view.next_ordinal,
            f"{branch}-{self.count}",
            head.digest if head else None,
            branch=branch,
            operation="rollback",
            visible=shown,
        )
        return Prepared(record, view)

    @rule(branch=st.sampled_from(["dev", "pending"]))
    def open_anew(self, branch: str) -> None:
        self.catalog.delete_branch("shop", "orders", branch)
        self._open(branch)

    @rule(commit=prepared)
    def commit(self, commit: Prepared) -> None:
        self._try(commit)

    @rule(commit=prepared, when=st.sampled_from(["before", "after"]), lost=st.booleans())
    def commit_and_crash(self, commit: Prepared, when: Any, lost: bool) -> None:
        self.faults.fail_at("catalog.commit_version", 1, when, StateUnknown("lost") if lost else None)
        self._try(commit, happens=when == "after")

    def _try(self, commit: Prepared, happens: bool = True) -> None:
        """The catalog takes a commit exactly when nobody committed anything since it was prepared."""
        record, seen = commit.record, commit.view.head.record if commit.view.head else None
        follows = seen == self.heads[record.branch] and record.ordinal == len(self.accepted) + 1
        try:
            self.catalog.commit_version(record, records.manifest(record), commit.view)
        except Conflict:
            assert not follows
        except (Crash, StateUnknown):
            assert follows or not happens
            self._note(record, happens)
        else:
            assert follows
            self._note(record, True)
        finally:
            self.faults.clear()

    def _note(self, record: VersionRecord, happened: bool) -> None:
        if happened:
            self.accepted.append(record)
            self.heads[record.branch] = record

    @invariant()
    def every_accepted_version_is_in_history_once_and_in_order(self) -> None:
        history = list(self.catalog.dataset_versions("shop", "orders", limit=1000))[::-1]
        assert history == self.accepted
        assert [v.ordinal for v in history] == list(range(1, len(history) + 1))

    @invariant()
    def every_branch_stands_at_its_last_version_with_its_manifest(self) -> None:
        for name, record in self.heads.items():
            head = records.head(self.catalog, name)
            assert (head.record if head else None) == record
            assert head is None or head.manifest == records.manifest(head.record)
        named = {b.name: b.head_ordinal for b in self.catalog.branches("shop", "orders")}
        assert named == {n: r.ordinal if r else 0 for n, r in self.heads.items() if n != "main"}

    @invariant()
    def a_branch_knows_exactly_the_bytes_it_shows(self) -> None:
        for branch, head in self.heads.items():
            for body in "abcdef":
                new = SourceRef("landing", "shop/orders/new.csv", "v1", f"sha-{body}", 10)
                found = self.catalog.commit_view("shop", "orders", branch, [new]).known(new)
                shown = [
                    v.ordinal
                    for v in self.accepted
                    if head and head.shows(v.ordinal) and new.sha256 in {s.sha256 for s in v.sources}
                ]
                assert found == (max(shown) if shown else None)


TestCommitters = Committers.TestCase
TestCommitters.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
