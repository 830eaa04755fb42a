"""Diffs over the in-memory platform: versions made of real files, asked about, and compared."""

from dataclasses import dataclass, field
from typing import Any

from headgate.adapters.engines.duckdb_diff import DuckDbDiffEngine
from headgate.adapters.memory import MemoryQueue
from headgate.domain.contract_diff import major
from headgate.domain.identity import Principal
from headgate.domain.version_diff import DiffReport
from headgate.ports import DiffEngine
from headgate.services.versions.datasets import Datasets
from headgate.services.versions.diff_versions import DiffVersions
from headgate.services.versions.request_diff import RequestDiff

from tests.support.memory_platform import ALICE, MemoryPlatform
from tests.support.small_product import bundle, visits_contract

PRODUCT, DATASET = "shops", "visits"
LONG = 60.0


def visit(name: str, shop: str = "north", size: int | str = 1, bought: bool = True) -> str:
    return f"{name},2024-01-05 10:30:00,{shop},{size},{bought}"


@dataclass
class DiffDesk:
    """Both halves of a diff. The queue between them is a list."""

    platform: MemoryPlatform
    queue: MemoryQueue = field(default_factory=lambda: MemoryQueue("maintain"))
    engine: DiffEngine | None = None

    @property
    def datasets(self) -> Datasets:
        p = self.platform
        return Datasets(p.products, p.catalog, p.catalog, p.lake, p.guard, p.bus, p.clock)

    @property
    def asking(self) -> RequestDiff:
        return RequestDiff(self.datasets, self.queue)

    @property
    def comparing(self) -> DiffVersions:
        real = DuckDbDiffEngine(self.platform.limits, self.platform.root / "sql")
        return DiffVersions(self.datasets, self.engine or real)

    def apply(self, **changes: Any) -> None:
        """The contract of visits with ``changes`` from now on, whatever they break."""
        applied = self.platform.products.get(PRODUCT).product.contract(DATASET).version
        version = f"{major(applied) + 1}.0.0"
        contract = {**visits_contract(), "version": version, **changes}
        self.platform.apply_product(bundle(datasets={**bundle()["datasets"], DATASET: contract}))

    def drop(self, name: str, *rows: str, header: str = "visit_id,visited_at,shop,size,bought") -> None:
        """One more version."""
        self.platform.clock.advance(60)
        body = "\n".join([header, *rows, ""]).encode()
        report = self.platform.ingest_now(self.platform.drop(f"{PRODUCT}/{DATASET}/{name}.csv", body))
        assert not report.quarantined, report

    def ask(
        self,
        before: str,
        after: str = "main",
        key: list[str] | None = None,
        limit: int = 20,
        principal: Principal = ALICE,
    ) -> DiffReport:
        return self.asking.ask(principal, PRODUCT, DATASET, before, after, key, limit)

    def work(self) -> DiffReport:
        """Takes one message, as the function does."""
        (message,) = self.queue.receive(1)
        return self.comparing.compare(DiffReport.from_document(message), LONG)

    def diff(self, before: str, after: str = "main", key: list[str] | None = None) -> DiffReport:
        """Asked for and made."""
        asked = self.ask(before, after, key)
        return asked if asked.state == "done" else self.work()

    def show(self, name: str) -> DiffReport:
        return self.asking.show(ALICE, PRODUCT, DATASET, name)
