"""One collection of garbage, from its message to its record: what is found, deleted bit by bit, and told.

Owns the record and the order of its changes; what is garbage is found by who calls it. A crash anywhere is
healed by beginning again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from headgate.domain import events
from headgate.domain.canonical import canonical_json
from headgate.domain.errors import Permanent
from headgate.domain.events import DomainEvent
from headgate.domain.garbage import MOST_LISTED, CollectionRecord, CollectionRequest, Garbage, Kept, ranges
from headgate.ports import Clock, CollectionCatalog, EventBus, MessageQueue, ObjectStore
from headgate.services.clock import iso

SAVED_EVERY = 500
"""After so many deletions the record says how far it is."""
OutOfTime = Callable[[], bool]


@dataclass(frozen=True)
class Finding:
    """What is to go. So many ``versions`` there are, ``kept`` says why each stays that does, ``given_up`` are
    those that this collection gives up; ``scanned`` objects were looked at. ``record`` is as finding it left
    it.
    """

    record: CollectionRecord
    garbage: Sequence[Garbage]
    versions: int
    kept: Mapping[int, str]
    given_up: Sequence[int]
    scanned: int


@dataclass(frozen=True)
class Postponed:
    """Not yet: to be begun again after so many seconds."""

    record: CollectionRecord
    seconds: int


Find = Callable[[CollectionRecord], Finding | Postponed]


@dataclass(frozen=True)
class CollectionRun:
    """``least_grace`` (seconds) is what no request can go below: longer than any commit lasts."""

    collections: CollectionCatalog
    lake: ObjectStore
    queue: MessageQueue
    bus: EventBus
    clock: Clock
    least_grace: float
    saved_every: int = SAVED_EVERY

    def collect(self, request: CollectionRequest, find: Find, out_of_time: OutOfTime) -> CollectionRecord:
        """Does what is asked, once; a finished collection stays as it is. When ``out_of_time`` says so it
        asks for the rest by message. A problem that a retry cannot help with is kept in the record.
        """
        record = self.collections.collection(request.product, request.dataset, request.id, request.of)
        if record.state in ("done", "failed"):
            self._tell(record)
            return record
        grace = max(record.retention.grace_seconds, self.least_grace)
        retention = replace(record.retention, grace_seconds=grace)
        started = record.started_at or iso(self.clock.now())
        record = replace(record, state="running", retention=retention, started_at=started)
        self.collections.put_collection(record)
        delay = 0
        try:
            found = find(record)
            if isinstance(found, Postponed):
                record, finished, delay = found.record, False, found.seconds
            else:
                record, finished = self._act(self._noted(found), found, out_of_time)
        except Permanent as problem:
            record, finished = replace(record, state="failed", problem=str(problem)), True
        if finished:
            record = replace(record, finished_at=iso(self.clock.now()))
        else:
            self.queue.send(request.to_message(), delay)
        self.collections.put_collection(record)
        self._tell(record)
        return record

    def ago(self, seconds: float) -> str:
        return iso(self.now() - timedelta(seconds=seconds))

    def now(self) -> datetime:
        return self.clock.now()

    def delete(self, record: CollectionRecord, garbage: Sequence[Garbage]) -> CollectionRecord:
        """Exactly these object versions are gone, and the record says so."""
        for each in garbage:
            self.lake.delete(each.key, each.version_id)
        record = record.with_deleted(garbage)
        self.collections.put_collection(record)
        return record

    def _noted(self, found: Finding) -> CollectionRecord:
        """The record with what was found; the report has all of it."""
        record = found.record
        record = replace(
            record,
            versions=found.versions,
            collected=ranges(found.given_up),
            scanned=found.scanned,
            objects=record.deleted + len(found.garbage),
            bytes=record.deleted_bytes + sum(g.bytes for g in found.garbage),
            listed=record.listed or tuple(found.garbage[:MOST_LISTED]),
            kept=tuple(Kept(n, why) for n, why in islice(sorted(found.kept.items()), MOST_LISTED)),
            report=report_key(record),
        )
        document = {
            "format": "headgate.collection/1",
            **asdict(replace(record, listed=(), kept=())),
            "garbage": [asdict(g) for g in found.garbage],
            "kept": [{"ordinal": n, "reason": why} for n, why in sorted(found.kept.items())],
        }
        self.lake.put(record.report, canonical_json(document), "application/json")
        self.collections.put_collection(record)
        return record

    def _act(
        self, record: CollectionRecord, found: Finding, out_of_time: OutOfTime
    ) -> tuple[CollectionRecord, bool]:
        """The record, and whether nothing is left to do."""
        for start in range(0, 0 if record.dry_run else len(found.garbage), self.saved_every):
            if out_of_time():
                return record, False
            record = self.delete(record, found.garbage[start : start + self.saved_every])
        return replace(record, state="done"), True

    def _tell(self, record: CollectionRecord) -> None:
        if record.state != "done" or record.dry_run:
            return
        detail = {
            "dataset" if record.of == "dataset" else "feature_set": record.dataset,
            "principal": record.requested_by,
            "versions": record.given_up,
            "objects": record.deleted,
            "bytes": record.deleted_bytes,
            "report": record.report,
        }
        self.bus.publish(
            [DomainEvent(events.GARBAGE_COLLECTED, record.product, record.id, record.finished_at, detail)]
        )


def report_key(record: CollectionRecord) -> str:
    folder = record.dataset if record.of == "dataset" else f"features/{record.dataset}"
    return f"{record.product}/collections/{folder}/{record.id}.json"
