"""Fifty runs at once against money for one: exactly one is submitted, whatever keeps the books."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from headgate.adapters.memory import (
    Faults,
    ManualClock,
    MemoryBatchCompute,
    MemoryCatalog,
    MemoryEventBus,
    MemoryObjectStore,
)
from headgate.bootstrap import price_table
from headgate.domain.errors import Retryable
from headgate.domain.run import RunRecord, RunSpec, TrainingPartition
from headgate.services.access import Guard
from headgate.services.governance.apply_product import ApplyProduct
from headgate.services.products import AppliedProduct, Products
from headgate.services.training.start_training import StartTraining
from headgate.services.training.training_spec import TrainingSpecs

from tests.support.memory_platform import ALICE
from tests.support.small_product import bundle
from tests.unit.adapters.backends import Backend
from tests.unit.adapters.races import race

RIVALS = 50
ONE_RUN = 0.23304 / 6
"""What ten minutes of the class cpu cost, in dollars."""
MONTH = "2030-01"


class Rivals:
    """``RIVALS`` different runs of a product whose budget is enough for one and a half."""

    def __init__(self, backend: Backend, directory: Path) -> None:
        self.clock, self.bus, self.compute = ManualClock(), MemoryEventBus(), MemoryBatchCompute()
        catalog, lake = MemoryCatalog(), MemoryObjectStore("lake", directory, Faults(), self.clock)
        self.backend, self.models = backend, MemoryObjectStore("models", directory, Faults(), self.clock)
        products, guard = Products(catalog, lake), Guard(self.bus, self.clock, lambda: "id")
        training = {**bundle()["training"], "budget_usd_per_month": 1.5 * ONE_RUN}
        ApplyProduct(products, catalog, lake, guard, self.bus, self.clock).apply(
            ALICE, "shops", bundle(training=training)
        )
        self.applied: AppliedProduct = products.get("shops")
        prices = price_table()
        self.specs = TrainingSpecs(catalog, lake, self.models, self.clock, prices, "sha256:test")
        self.starting = StartTraining(
            *(backend.runs, self.models, self.compute, backend.ledger, self.bus, guard, self.clock)
        )

    def spec(self, number: int) -> RunSpec:
        config = self.applied.product.training
        assert config is not None
        partition = TrainingPartition("s3://lake/p.parquet", f"{number:064x}", 10, "2024-01")
        return RunSpec("shops", config, (partition,), ("visit_id",), "visited_at", "c", "e")

    def submit(self, number: int) -> None:
        """As the queue would: what a retry can help is tried again."""
        spec = self.spec(number)
        record = self.specs.record(spec, "f1", "user/alice", "manual")
        for _ in range(20):
            try:
                self.starting.start(self.applied, spec, record)
                return
            except Retryable:
                continue
        raise AssertionError(f"run {number} was neither submitted nor refused")


def runs_of(rivals: Rivals) -> list[RunRecord]:
    return [rivals.backend.runs.run("shops", rivals.spec(n).digest) for n in range(RIVALS)]


class TestBudgetRace:
    def test_of_fifty_runs_at_once_exactly_one_is_paid(self, backend: Backend, tmp_path: Path) -> None:
        # Given fifty different runs, and money for one
        rivals = Rivals(backend, tmp_path)
        # When all are submitted at the same instant
        outcomes = race(rivals.submit, range(RIVALS))
        # Then one has a job, and each of the others says what was lacking
        assert [error for _, error in outcomes if error is not None] == []
        runs = runs_of(rivals)
        assert Counter(run.state for run in runs) == {"SUBMITTED": 1, "REFUSED": RIVALS - 1}
        assert len(rivals.compute.submissions) == 1
        reasons: set[Any] = {run.reason for run in runs if run.state == "REFUSED"}
        assert reasons == {"product shops has 0.02 of 0.06 USD left in 2030-01, 0.04 needed"}
        assert len(rivals.bus.of_type("TrainingRefused")) == RIVALS - 1
        budget = backend.ledger.budget("shops", MONTH)
        assert (budget.reserved, budget.spent, budget.limit) == (0.03884, 0.0, 0.05826)
