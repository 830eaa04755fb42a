"""Collections of garbage in memory."""

from collections.abc import Sequence

from headgate.adapters import documents
from headgate.adapters.memory.faults import Faults
from headgate.adapters.memory.part import CatalogPart
from headgate.domain.errors import NotFound
from headgate.domain.garbage import CollectionRecord


class MemoryCollections(CatalogPart):
    """The CollectionCatalog port."""

    def __init__(self, faults: Faults | None = None) -> None:
        super().__init__(faults)
        self._collections: dict[tuple[str, str, str], str] = {}

    def put_collection(self, record: CollectionRecord) -> None:
        with self._faults.effect("catalog.put_collection"), self._lock:
            key = (record.product, record.dataset, record.id)
            self._collections[key] = documents.text_of_record(record)

    def collection(self, product: str, dataset: str, name: str) -> CollectionRecord:
        with self._faults.read("catalog.collection"), self._lock:
            text = self._collections.get((product, dataset, name))
        if text is None:
            raise NotFound(f"dataset {product}/{dataset} has no collection {name!r}")
        return documents.collection_record(text)

    def collections(self, product: str, dataset: str, limit: int = 100) -> Sequence[CollectionRecord]:
        with self._faults.read("catalog.collections"), self._lock:
            texts = [t for (p, d, _), t in self._collections.items() if (p, d) == (product, dataset)]
        found = [documents.collection_record(text) for text in texts]
        return sorted(found, key=lambda r: (r.requested_at, r.id), reverse=True)[:limit]
