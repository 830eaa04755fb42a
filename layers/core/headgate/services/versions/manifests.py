"""Reading, writing and naming dataset manifests and segments in the lake. What is read is checked against the
digest that names it.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from headgate.domain.dataset import DataFile
from headgate.domain.errors import Corrupted, NotFound
from headgate.domain.file_table import Segment, SegmentRef, StoredFiles
from headgate.domain.manifest import Manifest
from headgate.ports import ObjectStore


def manifest_key(product: str, dataset: str, digest: str) -> str:
    return f"{product}/datasets/{dataset}/manifests/{digest}.json"


def segment_key(product: str, dataset: str, digest: str) -> str:
    return f"{product}/datasets/{dataset}/segments/{digest}.json"


def data_key(product: str, dataset: str, sha256: str) -> str:
    return f"{product}/datasets/{dataset}/data/{sha256}.parquet"


@dataclass(frozen=True)
class Manifests:
    """The manifests of one dataset."""

    lake: ObjectStore
    product: str
    dataset: str

    def load(self, digest: str) -> Manifest:
        """Raises NotFound, or Corrupted when the bytes are not what the digest names."""
        return Manifest.from_document(
            json.loads(verified(self.lake, manifest_key(self.product, self.dataset, digest), digest))
        )

    def files(self, manifest: Manifest) -> tuple[DataFile, ...]:
        """Every file of a version: one read a segment."""
        return manifest.table.list(self.read)

    def read(self, ref: SegmentRef) -> Sequence[DataFile]:
        """The files of a segment; each is parsed when it is looked at."""
        body = verified(self.lake, segment_key(self.product, self.dataset, ref.digest), ref.digest)
        return StoredFiles.from_body(body)

    def store(self, manifest: Manifest, segments: tuple[Segment, ...]) -> None:
        """Segments first: a manifest never names one that is not there."""
        for segment in segments:
            key = segment_key(self.product, self.dataset, segment.ref.digest)
            self.lake.put(key, segment.body, "application/json")
        key = manifest_key(self.product, self.dataset, manifest.digest)
        self.lake.put(key, manifest.body, "application/json")


def verified(lake: ObjectStore, key: str, digest: str) -> bytes:
    """The bytes at ``key``. Raises NotFound, or Corrupted when they do not have ``digest``, nor one that an
    erasure put in its place.
    """
    body = lake.get(key)
    found = hashlib.sha256(body).hexdigest()
    if found != digest and found not in stand_ins(lake, key, digest):
        raise Corrupted(f"{lake.bucket}/{key} does not have the digest that names it")
    return body


def stand_in_key(key: str, digest: str) -> str:
    """Where it is said which bytes stand for those that ``digest`` named before rows were erased."""
    return f"{key.rsplit('/', 2)[0]}/erased/{digest}.json"


def stand_ins(lake: ObjectStore, key: str, digest: str) -> tuple[str, ...]:
    """The sha256s that an erasure let stand for ``digest``: none, almost always."""
    try:
        document = json.loads(lake.get(stand_in_key(key, digest)))
    except NotFound:
        return ()
    return tuple(document["sha256s"])
