"""Reproductions in memory."""

from collections.abc import Sequence

from headgate.adapters import documents
from headgate.adapters.memory.faults import Faults
from headgate.adapters.memory.part import CatalogPart
from headgate.domain.errors import Conflict, NotFound
from headgate.domain.reproduction import Reproduction


class MemoryReproductions(CatalogPart):
    """The ReproductionCatalog port. Records are kept as text."""

    def __init__(self, faults: Faults | None = None) -> None:
        super().__init__(faults)
        self._reproductions: dict[tuple[str, str], str] = {}

    def add_reproduction(self, record: Reproduction) -> None:
        with self._faults.effect("catalog.add_reproduction"), self._lock:
            if (record.product, record.id) in self._reproductions:
                raise Conflict(f"there is a reproduction {record.id} of product {record.product}")
            self._reproductions[record.product, record.id] = documents.text_of_record(record)

    def reproduction(self, product: str, name: str) -> Reproduction:
        with self._faults.read("catalog.reproduction"), self._lock:
            text = self._reproductions.get((product, name))
        if text is None:
            raise NotFound(f"product {product} has no reproduction {name!r}")
        return documents.reproduction(text)

    def reproductions(self, product: str, version: int, limit: int = 100) -> Sequence[Reproduction]:
        with self._faults.read("catalog.reproductions"), self._lock:
            texts = [text for (p, _), text in self._reproductions.items() if p == product]
        found = [record for record in map(documents.reproduction, texts) if record.version == version]
        return sorted(found, key=lambda record: record.id, reverse=True)[:limit]

    def advance_reproduction(self, record: Reproduction, was: Reproduction) -> None:
        with self._faults.effect("catalog.advance_reproduction"), self._lock:
            text = self._reproductions.get((record.product, record.id))
            if text is None or documents.reproduction(text).state != was.state:
                raise Conflict(f"reproduction {record.id} is not {was.state} any more")
            self._reproductions[record.product, record.id] = documents.text_of_record(record)
