"""Erasures in memory."""

from collections.abc import Sequence

from headgate.adapters import documents
from headgate.adapters.memory.faults import Faults
from headgate.adapters.memory.part import CatalogPart
from headgate.domain.erasure import ErasureRecord
from headgate.domain.errors import NotFound


class MemoryErasures(CatalogPart):
    """The ErasureCatalog port. Records are kept as text."""

    def __init__(self, faults: Faults | None = None) -> None:
        super().__init__(faults)
        self._erasures: dict[tuple[str, str], str] = {}

    def put_erasure(self, record: ErasureRecord) -> None:
        with self._faults.effect("catalog.put_erasure"), self._lock:
            self._erasures[record.product, record.id] = documents.text_of_record(record)

    def erasure(self, product: str, name: str) -> ErasureRecord:
        with self._faults.read("catalog.erasure"), self._lock:
            text = self._erasures.get((product, name))
        if text is None:
            raise NotFound(f"product {product} has no erasure {name!r}")
        return documents.erasure_record(text)

    def erasures(self, product: str, limit: int = 100) -> Sequence[ErasureRecord]:
        with self._faults.read("catalog.erasures"), self._lock:
            found = [documents.erasure_record(t) for (p, _), t in self._erasures.items() if p == product]
        return sorted(found, key=lambda r: (r.requested_at, r.id), reverse=True)[:limit]
