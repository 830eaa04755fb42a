"""Deletes from the lake what no kept version of a dataset reaches, beside running commits.

What makes it safe, in this order:

1. Object versions are listed; those younger than the grace are left alone. So what a commit in flight has
   written stays, and what it writes again is a new version of the object that this collection never saw.
2. Versions that nothing holds are marked in the catalog. From then on nothing can name them or take their
   files over: a rollback, merge, tag, branch or hold checks the mark in the very transaction that commits it.
3. Names and records are read again. A name that came before the mark takes it away.
4. Everything that any unmarked version reaches is found, reading every manifest and segment; one that cannot
   be read ends the collection before anything is deleted.
5. Of what was listed and is not reached, exactly those object versions are deleted.

A crash anywhere is healed by beginning again.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from itertools import islice

from headgate.domain import events
from headgate.domain.canonical import canonical_json
from headgate.domain.errors import Permanent
from headgate.domain.events import DomainEvent
from headgate.domain.garbage import (
    MOST_LISTED,
    CollectionRecord,
    CollectionRequest,
    Garbage,
    Kept,
    Retention,
    kept_versions,
    ranges,
)
from headgate.domain.version import VersionRecord
from headgate.ports import (
    Clock,
    CollectionCatalog,
    DatasetCatalog,
    EventBus,
    GarbageCatalog,
    MessageQueue,
    ObjectEntry,
    ObjectStore,
)
from headgate.services.clock import iso
from headgate.services.retention.version_uses import VersionUses
from headgate.services.versions.ancestry import newest_first
from headgate.services.versions.diff_reports import reports_prefix
from headgate.services.versions.manifests import Manifests, manifest_key, segment_key

SAVED_EVERY = 500
"""After so many deletions the record says how far it is."""
KINDS = ("data", "segments", "manifests")


def report_key(product: str, dataset: str, name: str) -> str:
    return f"{product}/collections/{dataset}/{name}.json"


@dataclass(frozen=True)
class _Versions:
    """All versions of a dataset as they are now, why each stays that does, and which this collection gives
    up.
    """

    records: Sequence[VersionRecord]
    kept: dict[int, str]
    given_up: Sequence[int]

    @property
    def live(self) -> list[VersionRecord]:
        return [r for r in self.records if r.ordinal in self.kept]


@dataclass(frozen=True)
class CollectGarbage:
    """The use case. ``least_grace`` (seconds) is what no request can go below: longer than any commit
    lasts.
    """

    uses: VersionUses
    datasets: DatasetCatalog
    marks: GarbageCatalog
    collections: CollectionCatalog
    lake: ObjectStore
    queue: MessageQueue
    bus: EventBus
    clock: Clock
    least_grace: float
    saved_every: int = SAVED_EVERY

    def collect(
        self, request: CollectionRequest, out_of_time: Callable[[], bool] = lambda: False
    ) -> CollectionRecord:
        """Does what is asked, once; a finished collection stays as it is. When ``out_of_time`` says so it
        asks for the rest by message. A problem that a retry cannot help with is kept in the record.
        """
        record = self.collections.collection(request.product, request.dataset, request.id)
        if record.state in ("done", "failed"):
            self._tell(record)
            return record
        grace = max(record.retention.grace_seconds, self.least_grace)
        retention = replace(record.retention, grace_seconds=grace)
        record = replace(
            record,
            state="running",
            retention=retention,
            started_at=record.started_at or iso(self.clock.now()),
        )
        self.collections.put_collection(record)
        try:
            record, finished = self._run(record, out_of_time)
        except Permanent as problem:
            record, finished = replace(record, state="failed", problem=str(problem)), True
        if finished:
            record = replace(record, finished_at=iso(self.clock.now()))
        else:
            self.queue.send(request.to_message())
        self.collections.put_collection(record)
        self._tell(record)
        return record

    def _run(
        self, record: CollectionRecord, out_of_time: Callable[[], bool]
    ) -> tuple[CollectionRecord, bool]:
        product, dataset = record.product, record.dataset
        old_before = self._ago(record.retention.grace_seconds)
        listed = [e for e in self._entries(product, dataset) if e.last_modified < old_before]
        versions = self._settled(record)
        garbage = self._garbage(product, dataset, listed, versions)
        record = replace(
            record,
            versions=len(versions.records),
            collected=ranges(versions.given_up),
            scanned=len(listed),
            objects=record.deleted + len(garbage),
            bytes=record.deleted_bytes + sum(g.bytes for g in garbage),
            listed=record.listed or tuple(garbage[:MOST_LISTED]),
            kept=tuple(Kept(n, why) for n, why in islice(sorted(versions.kept.items()), MOST_LISTED)),
            report=report_key(product, dataset, record.id),
        )
        self._report(record, garbage, versions)
        self.collections.put_collection(record)
        if record.dry_run:
            return replace(record, state="done"), True
        return self._sweep(record, garbage, out_of_time)

    def _settled(self, record: CollectionRecord) -> _Versions:
        """The versions once what may go is marked, and no name can come to it any more."""
        first = self._versions(record.product, record.dataset, record.retention)
        if record.dry_run:
            return first
        self.marks.mark_collected(record.product, record.dataset, first.given_up, record.started_at)
        named = self.uses.named(record.product, record.dataset)
        marked = [r for r in newest_first(self.datasets, record.product, record.dataset) if r.collected_at]
        saved = [r.ordinal for r in marked if r.ordinal in named]
        self.marks.clear_collected(record.product, record.dataset, saved)
        again = list(newest_first(self.datasets, record.product, record.dataset))
        why = {**first.kept, **named}
        kept = {r.ordinal: why.get(r.ordinal, "made meanwhile") for r in again if not r.collected_at}
        return _Versions(again, kept, [r.ordinal for r in again if r.collected_at == record.started_at])

    def _versions(self, product: str, dataset: str, retention: Retention) -> _Versions:
        records = list(newest_first(self.datasets, product, dataset))
        young = self._ago(max(retention.keep_days * 86_400, retention.grace_seconds))
        used = self.uses.used(product, dataset, records, young)
        named = {**used, **self.uses.named(product, dataset)}
        kept = kept_versions(records, named, retention, young)
        marked = {r.ordinal for r in records if r.collected_at and r.ordinal not in named}
        given_up = [r.ordinal for r in records if r.ordinal not in kept and not r.collected_at]
        return _Versions(records, {n: why for n, why in kept.items() if n not in marked}, given_up)

    def _garbage(
        self, product: str, dataset: str, listed: Sequence[ObjectEntry], versions: _Versions
    ) -> list[Garbage]:
        """What of ``listed`` no live version reaches, and older copies of what one does."""
        reach = self._reach(product, dataset, versions.live)
        gone = {manifest_key(product, dataset, r.digest): r.ordinal for r in versions.records}
        found = []
        for entry in listed:
            if entry.key.startswith(reports_prefix(product, dataset)):
                reason = "a diff, which is made again when it is asked for"
            elif entry.key not in reach:
                ordinal = gone.get(entry.key)
                reason = f"v{ordinal} is given up" if ordinal else "no kept version reaches it"
            elif not entry.is_latest:
                reason = "an older copy of the same bytes"
            else:
                continue
            found.append(Garbage(entry.key, entry.version_id, entry.bytes, entry.last_modified, reason))
        return found

    def _reach(self, product: str, dataset: str, live: Sequence[VersionRecord]) -> set[str]:
        """Every key that a live version needs. Raises NotFound or Corrupted when one cannot be followed."""
        manifests = Manifests(self.lake, product, dataset)
        reached: set[str] = set()
        for record in live:
            table = manifests.load(record.digest).table
            reached.add(manifest_key(product, dataset, record.digest))
            reached.update(f.key for f in table.recent)
            for ref in table.segments:
                key = segment_key(product, dataset, ref.digest)
                if key not in reached:
                    reached.add(key)
                    reached.update(f.key for f in manifests.read(ref))
        return reached

    def _sweep(
        self, record: CollectionRecord, garbage: Sequence[Garbage], out_of_time: Callable[[], bool]
    ) -> tuple[CollectionRecord, bool]:
        for start in range(0, len(garbage), self.saved_every):
            if out_of_time():
                return record, False
            group = garbage[start : start + self.saved_every]
            for each in group:
                self.lake.delete(each.key, each.version_id)
            record = record.with_deleted(group)
            self.collections.put_collection(record)
        return replace(record, state="done"), True

    def _entries(self, product: str, dataset: str) -> Iterator[ObjectEntry]:
        for kind in KINDS:
            yield from self.lake.entries(f"{product}/datasets/{dataset}/{kind}/")
        yield from self.lake.entries(reports_prefix(product, dataset))

    def _report(self, record: CollectionRecord, garbage: Sequence[Garbage], versions: _Versions) -> None:
        document = {
            "format": "headgate.collection/1",
            **asdict(replace(record, listed=(), kept=())),
            "garbage": [asdict(g) for g in garbage],
            "kept": [{"ordinal": n, "reason": why} for n, why in sorted(versions.kept.items())],
        }
        self.lake.put(record.report, canonical_json(document), "application/json")

    def _tell(self, record: CollectionRecord) -> None:
        if record.state != "done" or record.dry_run:
            return
        detail = {
            "dataset": record.dataset,
            "principal": record.requested_by,
            "versions": record.given_up,
            "objects": record.deleted,
            "bytes": record.deleted_bytes,
            "report": record.report,
        }
        self.bus.publish(
            [DomainEvent(events.GARBAGE_COLLECTED, record.product, record.id, record.finished_at, detail)]
        )

    def _ago(self, seconds: float) -> str:
        return iso(self.clock.now() - timedelta(seconds=seconds))
