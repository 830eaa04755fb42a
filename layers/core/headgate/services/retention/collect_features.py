"""Deletes from a feature set's folder what no kept version needs, beside running builds.

What makes it safe, in this order:

1. What is younger than the grace is left alone, and what was written since the oldest build, job or
   reproduction began that is still under way.
2. Versions that nothing holds are marked in the catalog, and records of what was made are deleted unless all
   they speak of stays. From then on no build that begins finds what is to go: it looks in the newest version,
   which is never given up, and in those records; what it makes itself it writes anew, as a version of the
   object that this collection never saw.
3. Builds that began before may have found it. The collection goes on when none of them is under way any more
   (`headgate.services.features.under_way`).
4. Everything that any version needs that is not marked is found, those among them that were committed
   meanwhile; a manifest that cannot be read ends the collection before any data is deleted.
5. Of what was listed and is not needed, exactly those object versions are deleted.

Two collections of a set at once each stand by the marks that they found at step 2. A crash anywhere is healed
by beginning again.
"""

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from headgate.domain.errors import NotFound
from headgate.domain.feature_garbage import FeatureReach, kept_features
from headgate.domain.feature_version import FeatureVersionRecord
from headgate.domain.garbage import CollectionRecord, CollectionRequest, Garbage, ranges
from headgate.domain.version import covers
from headgate.ports import FeatureCatalog, ObjectEntry
from headgate.services.clock import iso, parse_iso
from headgate.services.features.feature_compute import job_notes
from headgate.services.features.feature_manifests import features_prefix, load_features
from headgate.services.features.online_notes import OnlineNotes
from headgate.services.features.under_way import JOB_SECONDS, LATER, UnderWay
from headgate.services.retention.collection_run import CollectionRun, Finding, OutOfTime, Postponed
from headgate.services.retention.version_uses import EVERY, VersionUses

REPORTS = ("builds", "parity")
"""What became of what someone asked for."""
NOTES = ("jobs", "building")


@dataclass(frozen=True)
class _Versions:
    records: Sequence[FeatureVersionRecord]
    kept: dict[int, str]
    given_up: Sequence[int]

    @property
    def live(self) -> list[FeatureVersionRecord]:
        return [r for r in self.records if r.ordinal in self.kept]


@dataclass(frozen=True)
class CollectFeatures:
    """The use case."""

    uses: VersionUses
    features: FeatureCatalog
    under_way: UnderWay
    run: CollectionRun

    def collect(self, request: CollectionRequest, out_of_time: OutOfTime = lambda: False) -> CollectionRecord:
        """See `CollectionRun.collect`."""
        return self.run.collect(request, self._find, out_of_time)

    def _find(self, record: CollectionRecord) -> Finding | Postponed:
        if not record.dry_run and not record.settled_at and any(self._jobs(record)):
            return Postponed(record, LATER)
        if not record.old_before:
            record = replace(record, old_before=self._old_before(record))
        entries = list(self.run.lake.entries(f"{_prefix(record)}/"))
        listed = [e for e in entries if e.last_modified < record.old_before]
        if record.dry_run:
            versions = self._versions(record)
        else:
            if not record.settled_at:
                record, deleted = self._settle(record, entries, listed)
                listed = [e for e in listed if (e.key, e.version_id) not in deleted]
            if wait := self.under_way.wait_for(record.product, began_before=parse_iso(record.settled_at)):
                return Postponed(record, wait)
            versions = self._unmarked(record)
        garbage = self._garbage(record, listed, versions)
        return Finding(record, garbage, len(versions.records), versions.kept, versions.given_up, len(listed))

    def _settle(
        self, record: CollectionRecord, entries: Sequence[ObjectEntry], listed: Sequence[ObjectEntry]
    ) -> tuple[CollectionRecord, set[tuple[str, str]]]:
        """The record once what may go can be found by no build that begins now, and the object versions that
        were deleted for that.
        """
        given_up = self._versions(record).given_up
        self.features.give_up_features(record.product, record.dataset, given_up, record.started_at)
        used = self.uses.trained_on(record.product)
        saved = [r.ordinal for r in self._records(record) if r.collected_at and r.digest in used]
        self.features.keep_features(record.product, record.dataset, saved)
        record = replace(record, gone=ranges(r.ordinal for r in self._records(record) if r.collected_at))
        record = replace(record, online=tuple(sorted(self._online(record))))
        reach = self._reach(record, self._unmarked(record).live)
        dangling = self._dangling(record, entries, listed, reach)
        record = self.run.delete(record, dangling)
        record = replace(record, settled_at=iso(self.run.now()))
        self.run.collections.put_collection(record)
        return record, {(g.key, g.version_id) for g in dangling}

    def _jobs(self, record: CollectionRecord) -> Iterable[object]:
        """A large build that is at work counts on all that was there when it was handed over."""
        return job_notes(self.run.lake, f"{_prefix(record)}/", self.run.now())

    def _old_before(self, record: CollectionRecord) -> str:
        """What was written at or after it is not touched."""
        old = self.run.ago(record.retention.grace_seconds)
        since = self.under_way.since(record.product, record.dataset)
        reproduced = [
            iso(parse_iso(run.created_at) - timedelta(seconds=JOB_SECONDS))
            for run in self.uses.runs.runs(record.product, EVERY)
            if run.trigger == "reproduction" and (run.finished_at or old) >= old
        ]
        return min([old, *([iso(since)] if since else []), *reproduced])

    def _versions(self, record: CollectionRecord) -> _Versions:
        records = self._records(record)
        retention = record.retention
        young = self.run.ago(max(retention.keep_days * 86_400, retention.grace_seconds))
        used = self.uses.trained_on(record.product)
        kept = kept_features(records, used, retention, young)
        gone = {r.ordinal for r in records if r.collected_at and r.digest not in used}
        given_up = [r.ordinal for r in records if r.ordinal not in kept and not r.collected_at]
        return _Versions(records, {n: why for n, why in kept.items() if n not in gone}, given_up)

    def _unmarked(self, record: CollectionRecord) -> _Versions:
        """The versions by the marks that this collection settled on: what others gave up since is theirs to
        delete.
        """
        records = self._records(record)
        why = self._versions(record).kept
        gone = {r.ordinal for r in records if r.collected_at and covers(record.gone, r.ordinal)}
        kept = {r.ordinal: why.get(r.ordinal, "made meanwhile") for r in records if r.ordinal not in gone}
        return _Versions(records, kept, [r.ordinal for r in records if r.collected_at == record.started_at])

    def _records(self, record: CollectionRecord) -> Sequence[FeatureVersionRecord]:
        """Newest first."""
        return self.features.feature_versions(record.product, record.dataset, EVERY)

    def _reach(self, record: CollectionRecord, live: Iterable[FeatureVersionRecord]) -> FeatureReach:
        """Raises NotFound or Corrupted when a manifest cannot be read; one that another collection deleted by
        now is left out.
        """
        reach = FeatureReach()
        for version in live:
            if version.digest in reach.digests:
                continue
            try:
                manifest = load_features(self.run.lake, record.product, record.dataset, version.digest)
            except NotFound:
                if version.collected_at:
                    continue
                raise
            reach.add(manifest, _prefix(record), version.digest)
        for digest in self._online(record) - reach.digests:
            with suppress(NotFound):  # of rows whose version is gone by now, the next build finds out
                manifest = load_features(self.run.lake, record.product, record.dataset, digest)
                reach.add(manifest, _prefix(record), digest)
        return reach

    def _online(self, record: CollectionRecord) -> frozenset[str]:
        """What online rows are of besides the newest version: live models are answered from some of it. What
        they were of when no build could find any more what is to go stays too: one may have begun from it.
        """
        notes = OnlineNotes(self.run.lake, self.run.clock, record.product, record.dataset)
        return notes.versions().union(record.online)

    def _dangling(
        self,
        record: CollectionRecord,
        entries: Sequence[ObjectEntry],
        listed: Sequence[ObjectEntry],
        reach: FeatureReach,
    ) -> list[Garbage]:
        """Every version of each record of what was made, oldest first, that speaks of something that is to
        go, or of nothing that is needed.
        """
        prefix = f"{_prefix(record)}/memo/"
        going = {e.key for e in listed if e.key not in reach.keys}
        old = {e.key for e in listed}
        memos = [e for e in entries if e.key.startswith(prefix)]
        gone = {
            key
            for key in {e.key for e in memos}
            if (key in old and _id(key) not in reach.ids) or self._named(key) & going
        }
        found = [_garbage(e, "what it speaks of is not kept") for e in memos if e.key in gone]
        return found[::-1]

    def _named(self, memo: str) -> set[str]:
        document: dict[str, Any] = json.loads(self.run.lake.get(memo))
        return {p["key"] for p in document["partitions"] if p["key"]}

    def _garbage(
        self, record: CollectionRecord, listed: Sequence[ObjectEntry], versions: _Versions
    ) -> list[Garbage]:
        reach = self._reach(record, versions.live)
        gone = {r.digest: r.ordinal for r in versions.records if r.ordinal not in versions.kept}
        kept_reports = self.run.ago(record.retention.keep_days * 86_400)
        found = []
        for entry in listed:
            reason = _reason(entry, reach, gone, kept_reports)
            if reason is None and not entry.is_latest:
                reason = "an older copy"
            if reason is not None:
                found.append(_garbage(entry, reason))
        return found


def _reason(entry: ObjectEntry, reach: FeatureReach, gone: dict[str, int], kept_reports: str) -> str | None:
    """Why an old object goes; None where it stays, also where nobody knows what it is."""
    *_, folder, name = entry.key.split("/")
    if folder in ("data", "statistics"):
        return None if entry.key in reach.keys else "no kept version needs it"
    if folder in ("manifests", "erased"):
        digest = name.removesuffix(".json")
        if digest in reach.digests:
            return None
        return f"v{gone[digest]} is given up" if digest in gone else "a manifest of no version"
    if folder == "memo":
        return None if _id(entry.key) in reach.ids else "what it speaks of is not kept"
    if folder in NOTES:
        return "work that has ended"
    if folder in REPORTS and entry.last_modified < kept_reports:
        return f"a report of {entry.last_modified[:10]}"
    return None


def _garbage(entry: ObjectEntry, reason: str) -> Garbage:
    return Garbage(entry.key, entry.version_id, entry.bytes, entry.last_modified, reason)


def _id(memo: str) -> str:
    return memo.rpartition("/")[2].removesuffix(".json")


def _prefix(record: CollectionRecord) -> str:
    return features_prefix(record.product, record.dataset)
