"""Products, stages and gate evidence in memory."""

from collections.abc import Sequence
from dataclasses import replace

from headgate.adapters import documents
from headgate.adapters.memory.faults import Faults
from headgate.adapters.memory.part import CatalogPart
from headgate.domain.errors import Conflict, NotFound
from headgate.domain.product import GateEvidence, ProductRecord


class MemoryProducts(CatalogPart):
    """The ProductCatalog port."""

    def __init__(self, faults: Faults | None = None) -> None:
        super().__init__(faults)
        self._products: dict[str, ProductRecord] = {}
        self._evidence: dict[tuple[str, str], str] = {}

    def product(self, name: str) -> ProductRecord:
        with self._faults.read("catalog.product"), self._lock:
            if name not in self._products:
                raise NotFound(f"no product {name!r} was applied")
            return self._products[name]

    def products(self) -> Sequence[ProductRecord]:
        """Sorted by name."""
        with self._faults.read("catalog.products"), self._lock:
            return [record for _, record in sorted(self._products.items())]

    def put_product(self, record: ProductRecord, previous: ProductRecord | None = None) -> None:
        with self._faults.effect("catalog.put_product"), self._lock:
            if self._products.get(record.name) != previous:
                raise Conflict(f"product {record.name} was changed by someone else meanwhile")
            self._products[record.name] = record

    def change_stage(self, name: str, from_stage: str, to_stage: str, at: str) -> None:
        with self._faults.effect("catalog.change_stage"), self._lock:
            record = self._products.get(name)
            if record is None:
                raise NotFound(f"no product {name!r} was applied")
            if record.stage != from_stage:
                raise Conflict(f"product {name} is in stage {record.stage}, not {from_stage}, by now")
            self._products[name] = replace(
                record, stage=to_stage, updated_at=at, stage_from=from_stage, stage_since=at
            )

    def put_evidence(self, evidence: GateEvidence) -> None:
        with self._faults.effect("catalog.put_evidence"), self._lock:
            self._evidence[evidence.product, evidence.stage] = documents.text_of_record(evidence)

    def evidence(self, product: str) -> Sequence[GateEvidence]:
        """Sorted by stage name."""
        with self._faults.read("catalog.evidence"), self._lock:
            found = sorted((stage, text) for (p, stage), text in self._evidence.items() if p == product)
        return [documents.gate_evidence(text) for _, text in found]
