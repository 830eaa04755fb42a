"""Reading and naming dataset manifests and segments in the lake. What is read is checked against the digest
that names it.
"""

import hashlib
import json

from headgate.domain.dataset import DataFile, Manifest, segment_files
from headgate.domain.errors import Corrupted
from headgate.ports import ObjectStore


def manifest_key(product: str, dataset: str, digest: str) -> str:
    return f"{product}/datasets/{dataset}/manifests/{digest}.json"


def segment_key(product: str, dataset: str, digest: str) -> str:
    return f"{product}/datasets/{dataset}/segments/{digest}.json"


def load_manifest(lake: ObjectStore, product: str, dataset: str, digest: str) -> Manifest:
    """Raises NotFound, or Corrupted when the bytes are not what the digest names."""
    return Manifest.from_document(json.loads(verified(lake, manifest_key(product, dataset, digest), digest)))


def list_files(lake: ObjectStore, manifest: Manifest) -> tuple[DataFile, ...]:
    """Every file of a version: one read a segment."""
    found: list[DataFile] = []
    for segment in manifest.segments:
        body = verified(lake, segment_key(manifest.product, manifest.dataset, segment.digest), segment.digest)
        found.extend(segment_files(json.loads(body)))
    return tuple(found)


def verified(lake: ObjectStore, key: str, digest: str) -> bytes:
    """The bytes at ``key``. Raises NotFound, or Corrupted when they do not have ``digest``."""
    body = lake.get(key)
    if hashlib.sha256(body).hexdigest() != digest:
        raise Corrupted(f"{lake.bucket}/{key} does not have the digest that names it")
    return body
