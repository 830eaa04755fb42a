"""Collections of garbage in memory."""

from collections.abc import Sequence

from headgate.adapters import documents
from headgate.adapters.memory.faults import Faults
from headgate.adapters.memory.part import CatalogPart
from headgate.domain.errors import NotFound
from headgate.domain.garbage import CollectionRecord, Of


class MemoryCollections(CatalogPart):
    """The CollectionCatalog port."""

    def __init__(self, faults: Faults | None = None) -> None:
        super().__init__(faults)
        self._collections: dict[tuple[Of, str, str, str], str] = {}

    def put_collection(self, record: CollectionRecord) -> None:
        with self._faults.effect("catalog.put_collection"), self._lock:
            key = (record.of, record.product, record.dataset, record.id)
            self._collections[key] = documents.text_of_record(record)

    def collection(self, product: str, dataset: str, name: str, of: Of = "dataset") -> CollectionRecord:
        with self._faults.read("catalog.collection"), self._lock:
            text = self._collections.get((of, product, dataset, name))
        if text is None:
            raise NotFound(f"{of} {product}/{dataset}: no collection {name!r}")
        return documents.collection_record(text)

    def collections(
        self, product: str, dataset: str, limit: int = 100, of: Of = "dataset"
    ) -> Sequence[CollectionRecord]:
        with self._faults.read("catalog.collections"), self._lock:
            wanted = (of, product, dataset)
            texts = [text for (*whose, _), text in self._collections.items() if tuple(whose) == wanted]
        found = [documents.collection_record(text) for text in texts]
        return sorted(found, key=lambda r: (r.requested_at, r.id), reverse=True)[:limit]
