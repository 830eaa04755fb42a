"""Whatever committers do, no version is lost: history is one line from the head to the first version."""

from __future__ import annotations

from typing import Any

from headgate.adapters.memory import Crash, Faults, MemoryCatalog
from headgate.domain.errors import Conflict, StateUnknown
from headgate.domain.version import VersionRecord
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from tests.unit.adapters import records

WRITERS = st.sampled_from(["ingest-1", "ingest-2", "ingest-3"])


class Committers(RuleBasedStateMachine):
    """Writers read the head at some time and commit on top of it later, each with a source of its own."""

    prepared = Bundle("prepared")

    def __init__(self) -> None:
        super().__init__()
        self.faults = Faults()
        self.catalog = MemoryCatalog(self.faults)
        self.accepted: list[VersionRecord] = []
        self.count = 0

    @rule(target=prepared, writer=WRITERS)
    def prepare(self, writer: str) -> VersionRecord:
        head = self.catalog.dataset_head("shop", "orders")
        self.count += 1
        name = f"{writer}-{self.count}"
        ordinal, parent = (1, None) if head is None else (head.ordinal + 1, head.digest)
        return records.version(ordinal, name, parent, (records.source(name),))

    @rule(record=prepared)
    def commit(self, record: VersionRecord) -> None:
        follows = record.parent == (self.accepted[-1].digest if self.accepted else None)
        try:
            self.catalog.commit_version(record)
        except Conflict:
            assert not follows
        else:
            assert follows
            self.accepted.append(record)

    @rule(record=prepared, when=st.sampled_from(["before", "after"]), lost=st.booleans())
    def commit_and_crash(self, record: VersionRecord, when: Any, lost: bool) -> None:
        follows = record.parent == (self.accepted[-1].digest if self.accepted else None)
        self.faults.clear()
        self.faults.fail_at("catalog.commit_version", 1, when, StateUnknown("lost") if lost else None)
        try:
            self.catalog.commit_version(record)
        except (Crash, StateUnknown):
            if when == "after":
                assert follows
                self.accepted.append(record)
        except Conflict:
            assert not follows
        finally:
            self.faults.clear()

    @invariant()
    def every_accepted_version_is_in_one_line_of_history(self) -> None:
        history = list(self.catalog.dataset_versions("shop", "orders", limit=1000))[::-1]
        assert history == self.accepted
        assert [v.ordinal for v in history] == list(range(1, len(history) + 1))
        assert [v.parent for v in history] == [None, *(v.digest for v in history)][: len(history)]
        head = self.catalog.dataset_head("shop", "orders")
        assert head == (history[-1] if history else None)

    @invariant()
    def every_accepted_source_is_found_in_its_version(self) -> None:
        for record in self.accepted:
            found = self.catalog.version_with_source("shop", "orders", record.sources[0].sha256)
            assert found == record.ordinal


TestCommitters = Committers.TestCase
TestCommitters.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
