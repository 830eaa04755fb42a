"""Objects that stand under another's name without the rows that were erased, and nothing of the old left.

A manifest's digest names its version for ever. So its object is replaced under the same key, and beside it is
said which bytes stand for the digest now: readers find that only when the digest does not fit.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from headgate.domain.canonical import canonical_json
from headgate.domain.dataset import DataFile
from headgate.domain.erasure import Rewrite
from headgate.domain.feature_version import FeatureManifest, Partition
from headgate.domain.file_table import Segment, StoredFiles
from headgate.domain.manifest import Manifest
from headgate.ports import ObjectStore
from headgate.services.versions.manifests import stand_in_key, stand_ins


@dataclass(frozen=True)
class PutInPlace:
    """The acts, each safe to repeat; ``erasure`` is the id that is left beside what was replaced."""

    lake: ObjectStore
    erasure: str

    def manifest(self, key: str, files: Mapping[str, DataFile]) -> Rewrite:
        found = Manifest.from_document(json.loads(self.lake.get(key)))
        recent = tuple(files.get(f.key, f) for f in found.table.recent)
        return self._document(key, replace(found, table=replace(found.table, recent=recent)).body)

    def segment(self, key: str, files: Mapping[str, DataFile]) -> Rewrite:
        """Files keep their places, as do the totals that manifests tell of the segment."""
        found = [files.get(f.key, f) for f in StoredFiles.from_body(self.lake.get(key))]
        return self._document(key, Segment(StoredFiles.of(found), 0, 0).body)

    def feature_manifest(self, key: str, partitions: Mapping[str, Partition]) -> Rewrite:
        found = FeatureManifest.from_document(json.loads(self.lake.get(key)))
        changed = replace(
            found,
            partitions=tuple(partitions.get(p.key, p) for p in found.partitions),
            views=tuple(
                replace(v, partitions=tuple(partitions.get(p.key, p) for p in v.partitions))
                for v in found.views
            ),
        )
        return self._document(key, canonical_json(changed.to_document()))

    def _document(self, key: str, body: bytes) -> Rewrite:
        """First what may stand for the digest, then what does: a reader between them finds the old bytes."""
        digest = key.rpartition("/")[2].removesuffix(".json")
        new = hashlib.sha256(body).hexdigest()
        allowed = sorted({*stand_ins(self.lake, key, digest), new})
        said = canonical_json({"sha256s": allowed, "erasure": self.erasure})
        self.lake.put(stand_in_key(key, digest), said, "application/json")
        self.lake.put(key, body, "application/json")
        forget_older(self.lake, key)
        return Rewrite(key, digest, new)


def forget_older(store: ObjectStore, key: str) -> None:
    """Every version of the object but the newest is gone for good."""
    _forget(store, key, newest_too=False)


def forget(store: ObjectStore, key: str) -> None:
    """Every version of the object is gone for good."""
    _forget(store, key, newest_too=True)


def forget_older_documents(lake: ObjectStore, prefix: str) -> None:
    """What a crash between a replacement and `forget_older` left of the documents below ``prefix``."""
    replaced = {e.key.rpartition("/")[2] for e in lake.entries(f"{prefix}/erased/")}
    for kind in ("manifests", "segments"):
        for entry in list(lake.entries(f"{prefix}/{kind}/")) if replaced else ():
            if not entry.is_latest and entry.key.rpartition("/")[2] in replaced:
                lake.delete(entry.key, entry.version_id)


def _forget(store: ObjectStore, key: str, newest_too: bool) -> None:
    for entry in list(store.entries(key)):
        if entry.key == key and (newest_too or not entry.is_latest):
            store.delete(key, entry.version_id)
