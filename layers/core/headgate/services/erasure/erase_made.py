"""Takes a subject's rows out of what was made of a dataset: feature partitions, scores of held-out rows, the
prediction log, online rows, refused drops, and the dropped objects themselves.
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

from headgate.domain.canonical import canonical_json
from headgate.domain.dataset import QuarantineRecord
from headgate.domain.erasure import ErasureRequest, Rewrite
from headgate.domain.errors import Conflict
from headgate.domain.feature_version import FeatureManifest, Partition
from headgate.domain.online_space import space_names
from headgate.ports import (
    Clock,
    DatasetCatalog,
    ErasureEngine,
    KeyColumns,
    ObjectStore,
    OnlineStore,
    QuarantineCatalog,
    Rest,
    Scratch,
)
from headgate.services.clock import iso
from headgate.services.erasure.find_subject import Holdings
from headgate.services.erasure.search_lake import FeatureFiles
from headgate.services.features.feature_memo import forget_all
from headgate.services.features.online_notes import OnlineNotes
from headgate.services.file_digest import file_sha256
from headgate.services.ingestion.quarantine import report_key
from headgate.services.versions.put_in_place import PutInPlace, forget, forget_older, forget_older_documents

ERASED = "(erased)"


@dataclass(frozen=True)
class EraseMade:
    """The use case's part outside of versions. Every step is safe to repeat."""

    datasets: DatasetCatalog
    quarantine: QuarantineCatalog
    landing: ObjectStore
    lake: ObjectStore
    artifacts: ObjectStore
    logs: ObjectStore
    online: OnlineStore
    engine: ErasureEngine
    scratch: Scratch
    clock: Clock

    def erase(self, request: ErasureRequest, held: Holdings) -> list[Rewrite]:
        """Dropped bytes are buried before they go: who drops them again is refused."""
        self.datasets.bury(request.product, request.dataset, sorted(held.dropped.sha256s), request.id)
        for key, version_id in sorted(held.dropped.holding):
            self.landing.delete(key, version_id)
        for record in held.refused:
            self._redact(request, record, held)
        for logged in held.logged:
            if logged.rest:
                if logged.rows:
                    self.logs.put(logged.key, logged.rest, "application/x-ndjson")
                forget_older(self.logs, logged.key)
            else:
                forget(self.logs, logged.key)
        self._forget_online(request, held)
        rewritten = [self._artifact(request, held.keys, key) for key in sorted(held.artifacts)]
        for features in held.features:
            rewritten += self._features(request, held.keys, features)
        return rewritten

    def _forget_online(self, request: ErasureRequest, held: Holdings) -> None:
        """A mark is left first: what was an entity's newest row is not, and who builds next has to look. It
        is left also where features are rewritten, for a build that runs now may write them again.
        """
        names = {space_names(space)[0] for space, _ in held.online} | {f.name for f in held.features}
        for name in sorted(names):
            OnlineNotes(self.lake, self.clock, request.product, name).mark(request.id)
        self.online.remove(request.product, held.online)

    def _redact(self, request: ErasureRequest, record: QuarantineRecord, held: Holdings) -> None:
        """The rule stays, what it told of rows goes; a record whose object is gone is closed."""
        told = replace(record, reason=ERASED, sample=())
        key = report_key(record.product, record.dataset, record.id)
        self.lake.put(key, canonical_json(asdict(told)), "application/json")
        forget_older(self.lake, key)
        self.quarantine.redact_quarantine(told)
        if record.state == "open" and (record.key, record.version_id) in held.dropped.holding:
            closed = replace(
                told,
                state="discarded",
                closed_by=request.principal.id,
                closed_at=iso(self.clock.now()),
                closed_because=f"erasure {request.id}",
            )
            with suppress(Conflict):  # closed by someone meanwhile
                self.quarantine.close_quarantine(closed)

    def _artifact(self, request: ErasureRequest, keys: KeyColumns, key: str) -> Rewrite:
        """In place: a run's manifest keeps the digest it had, the erasure's report has the new one."""
        with self.scratch.directory() as directory:
            source, target = directory / "source.parquet", directory / "rest.parquet"
            old = self.artifacts.download(key, source)
            self.engine.without(source, keys, request.subject.values, target)
            self.artifacts.upload(target, key)
            new = file_sha256(target)
        forget_older(self.artifacts, key)
        return Rewrite(key, old, new)

    def _features(self, request: ErasureRequest, keys: KeyColumns, held: FeatureFiles) -> list[Rewrite]:
        prefix = f"{request.product}/features/{held.name}"
        manifests = [f"{prefix}/manifests/{digest}.json" for digest in held.versions]
        loaded = [FeatureManifest.from_document(json.loads(self.lake.get(key))) for key in manifests]
        known = {
            p.key: (p, "" if p.positives is None else _label(m))
            for m in loaded
            for p in m.stored
            if p.key in held.partitions
        }
        new = {
            key: self._partition(request, prefix, keys, partition, label)
            for key, (partition, label) in known.items()
        }
        place = PutInPlace(self.lake, request.id)
        rewritten = [Rewrite(key, known[key][0].sha256, partition.sha256) for key, partition in new.items()]
        rewritten += [place.feature_manifest(key, new) for key in manifests]
        for key in sorted(held.partitions):
            forget(self.lake, key)
        forget_all(self.lake, prefix)
        forget_older_documents(self.lake, prefix)
        return rewritten

    def _partition(
        self, request: ErasureRequest, prefix: str, keys: KeyColumns, partition: Partition, label: str
    ) -> Partition:
        with self.scratch.directory() as directory:
            source, target = directory / "source.parquet", directory / "rest.parquet"
            self.lake.download(partition.key, source)
            rest = self.engine.without(source, keys, request.subject.values, target, label=label)
            sha256 = file_sha256(target)
            key = f"{prefix}/data/{sha256}.parquet"
            self.lake.upload(target, key)
            size = target.stat().st_size
        return _left(partition, rest, key, sha256, size)


def _left(partition: Partition, rest: Rest, key: str, sha256: str, size: int) -> Partition:
    positives = None if partition.positives is None else rest.positives
    return replace(partition, key=key, sha256=sha256, bytes=size, rows=rest.rows, positives=positives)


def _label(manifest: FeatureManifest) -> str:
    return next((c.name for c in manifest.columns if c.role == "label"), "")
