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
from dataclasses import dataclass

from headgate.domain.garbage import CollectionRecord, CollectionRequest, Garbage, Retention, kept_versions
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
from headgate.services.retention.collection_run import SAVED_EVERY, CollectionRun, Finding
from headgate.services.retention.version_uses import VersionUses
from headgate.services.versions.ancestry import newest_first
from headgate.services.versions.diff_reports import reports_prefix
from headgate.services.versions.manifests import Manifests, manifest_key, segment_key

KINDS = ("data", "segments", "manifests")


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
        """See `CollectionRun.collect`."""
        return self._run.collect(request, self._find, out_of_time)

    @property
    def _run(self) -> CollectionRun:
        return CollectionRun(
            *(self.collections, self.lake, self.queue, self.bus, self.clock),
            least_grace=self.least_grace,
            saved_every=self.saved_every,
        )

    def _find(self, record: CollectionRecord) -> Finding:
        product, dataset = record.product, record.dataset
        old_before = self._ago(record.retention.grace_seconds)
        listed = [e for e in self._entries(product, dataset) if e.last_modified < old_before]
        versions = self._settled(record)
        garbage = self._garbage(product, dataset, listed, versions)
        return Finding(record, garbage, len(versions.records), versions.kept, versions.given_up, len(listed))

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

    def _entries(self, product: str, dataset: str) -> Iterator[ObjectEntry]:
        for kind in KINDS:
            yield from self.lake.entries(f"{product}/datasets/{dataset}/{kind}/")
        yield from self.lake.entries(reports_prefix(product, dataset))

    def _ago(self, seconds: float) -> str:
        return self._run.ago(seconds)
