"""The ExternalObjects port over in-memory buckets."""

from collections.abc import Iterator, Sequence

from headgate.adapters.memory.objects import MemoryObjectStore
from headgate.domain.errors import NotFound
from headgate.domain.external_object import ExternalObject


class MemoryExternalObjects:
    """``stores`` by their bucket's name; those in ``unversioned`` say that they keep no versions."""

    def __init__(self, stores: Sequence[MemoryObjectStore], unversioned: Sequence[str] = ()) -> None:
        self._stores = {store.bucket: store for store in stores}
        self._unversioned = unversioned

    def is_versioned(self, bucket: str) -> bool:
        self._store(bucket)
        return bucket not in self._unversioned

    def objects(self, bucket: str, prefix: str) -> Iterator[ExternalObject]:
        store = self._store(bucket)
        for key in store.keys(prefix):
            yield ExternalObject(bucket, key, store.version_ids(key)[-1], len(store.get(key)))

    def sha256(self, found: ExternalObject) -> str:
        from hashlib import sha256

        return sha256(self._store(found.bucket).get(found.key, found.version_id)).hexdigest()

    def _store(self, bucket: str) -> MemoryObjectStore:
        if bucket not in self._stores:
            raise NotFound(f"there is no bucket {bucket}")
        return self._stores[bucket]
