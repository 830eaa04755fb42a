"""Training runs in memory."""

from collections.abc import Sequence

from headgate.adapters.memory.faults import Faults
from headgate.adapters.memory.part import CatalogPart
from headgate.domain.errors import NotFound
from headgate.domain.run import RunRecord


class MemoryRuns(CatalogPart):
    """The RunCatalog port."""

    def __init__(self, faults: Faults | None = None) -> None:
        super().__init__(faults)
        self._runs: dict[tuple[str, str], RunRecord] = {}

    def add_run(self, record: RunRecord) -> bool:
        with self._faults.effect("catalog.add_run"), self._lock:
            key = (record.product, record.digest)
            if key in self._runs:
                return False
            self._runs[key] = record
            return True

    def run(self, product: str, digest: str) -> RunRecord:
        with self._faults.read("catalog.run"), self._lock:
            if (product, digest) not in self._runs:
                raise NotFound(f"product {product} has no run {digest[:12]}")
            return self._runs[product, digest]

    def runs(self, product: str, limit: int = 100) -> Sequence[RunRecord]:
        with self._faults.read("catalog.runs"), self._lock:
            found = [record for (p, _), record in self._runs.items() if p == product]
        return sorted(found, key=lambda r: (r.created_at, r.digest), reverse=True)[:limit]

    def update_run(self, record: RunRecord) -> None:
        """Raises NotFound when the run was never added."""
        with self._faults.effect("catalog.update_run"), self._lock:
            if (record.product, record.digest) not in self._runs:
                raise NotFound(f"product {record.product} has no run {record.digest[:12]}")
            self._runs[record.product, record.digest] = record
