"""Every service of the platform over the shipped in-memory adapters and the real engines, in one process."""

import copy
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, RLock
from typing import Any

from headgate.adapters.engines.duckdb_evaluation import DuckDbEvaluationEngine
from headgate.adapters.engines.duckdb_features import DuckDbFeatureEngine
from headgate.adapters.engines.duckdb_ingest import DuckDbIngestEngine
from headgate.adapters.engines.duckdb_session import Limits
from headgate.adapters.engines.numpy_statistics import NumpyStatistics
from headgate.adapters.memory import (
    Faults,
    ManualClock,
    MemoryBatchCompute,
    MemoryCatalog,
    MemoryEventBus,
    MemoryLedger,
    MemoryModelRuntime,
    MemoryObjectStore,
    MemoryOnlineStore,
    MemoryQueue,
    MemoryScratch,
    MemorySigner,
)
from headgate.bootstrap import price_table
from headgate.domain.dataset import Drop
from headgate.domain.identity import Principal
from headgate.domain.product import Product
from headgate.services.access import Guard
from headgate.services.dispatch.answer_training_requests import AnswerTrainingRequests
from headgate.services.dispatch.end_job import EndJob, trials_with
from headgate.services.experiments.run_experiment import RunExperiment
from headgate.services.features.build_features import BuildFeatures
from headgate.services.governance.apply_product import ApplyProduct
from headgate.services.governance.record_events import RecordEvents
from headgate.services.ingestion.ingest_drops import IngestDrops
from headgate.services.ingestion.ingest_report import IngestReport
from headgate.services.models.evaluate_model import EvaluateModel
from headgate.services.models.register_model import RegisterModel
from headgate.services.products import AppliedProduct, Products
from headgate.services.serving.infer import Infer
from headgate.services.serving.monitor_model import MonitorModel
from headgate.services.training.submit_training import SubmitTraining

ALICE = Principal("user/alice", ("ml-engineers",))
_STORES = (
    *("clock", "catalog", "ledger", "online", "bus", "compute", "prediction_queue", "train_queue"),
    *("landing", "lake", "models", "logs"),
)


@dataclass
class MemoryPlatform:
    """One platform below ``root``; ``faults`` makes any side effect fail."""

    root: Path
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        self.clock = ManualClock()
        self.catalog = MemoryCatalog(self.faults)
        self.ledger = MemoryLedger(self.faults)
        self.online = MemoryOnlineStore(self.faults)
        self.bus = MemoryEventBus(self.faults)
        self.compute = MemoryBatchCompute(faults=self.faults)
        self.prediction_queue = MemoryQueue("predictions", self.faults)
        self.train_queue = MemoryQueue("trainings", self.faults)
        self.landing, self.lake, self.models, self.logs = (
            MemoryObjectStore(name, self.root, self.faults, self.clock)
            for name in ("landing", "lake", "models", "logs")
        )
        self.scratch = MemoryScratch(self.root / "scratch")
        self.limits = Limits(600 * 1024**2, 1)
        self._ids = 0
        self.restart()

    def fork(self) -> "MemoryPlatform":
        """A copy that lives on alone, without planned faults; what was stored so far is shared on disk."""
        fresh: dict[int, Any] = {id(self.faults): Faults()}
        for part in (getattr(self, name) for name in _STORES):
            fresh.update(
                {id(v): RLock() for v in vars(part).values() if isinstance(v, type(RLock()) | type(Lock()))}
            )
        made = copy.copy(self)
        made.faults = fresh[id(self.faults)]
        copies = copy.deepcopy({name: getattr(self, name) for name in _STORES}, fresh)
        for name, part in copies.items():
            setattr(made, name, part)
        made.restart()
        return made

    def new_id(self) -> str:
        self._ids += 1
        return f"id-{self._ids:06d}"

    def restart(self) -> None:
        """New service objects over the same stores: what a crashed worker's successor sees."""
        root = self.root / "sql"
        self.products = Products(self.catalog, self.lake)
        guard = Guard(self.bus, self.clock, self.new_id)
        self.guard = guard
        self.statistics = NumpyStatistics(resamples=40)
        evaluation = EvaluateModel(self.lake, DuckDbEvaluationEngine(self.limits, root), self.statistics)
        features = DuckDbFeatureEngine(self.limits, root)
        self.apply = ApplyProduct(self.products, self.catalog, self.lake, guard, self.bus, self.clock)
        self.ingest = IngestDrops(
            self.products,
            self.catalog,
            self.catalog,
            self.catalog,
            self.landing,
            self.lake,
            DuckDbIngestEngine(self.limits),
            self.bus,
            guard,
            self.clock,
            self.scratch,
        )
        self.build = BuildFeatures(
            self.products,
            self.catalog,
            self.catalog,
            self.lake,
            features,
            self.online,
            self.bus,
            guard,
            self.clock,
            self.scratch,
            models=self.catalog,
        )
        self.train = SubmitTraining(
            self.products,
            self.catalog,
            self.catalog,
            self.lake,
            self.models,
            self.compute,
            self.ledger,
            self.bus,
            guard,
            self.clock,
            price_table(),
            "sha256:test",
            self.catalog,
            self.train_queue,
            self.new_id,
        )
        self.experiment = RunExperiment(self.train, self.catalog)
        self.train_requests = AnswerTrainingRequests(self.train, self.experiment)
        self.register = RegisterModel(
            self.products,
            self.catalog,
            self.catalog,
            self.lake,
            self.models,
            MemoryModelRuntime(),
            evaluation,
            self.ledger,
            self.bus,
            guard,
            self.clock,
            self.scratch,
            price_table(),
            self.catalog,
            self.catalog,
            MemorySigner(),
        )
        self.trials = trials_with(self.register, self.catalog)
        self.end_job = EndJob(self.register, self.trials)
        self.monitor = MonitorModel(
            self.products,
            self.catalog,
            self.catalog,
            self.lake,
            self.models,
            self.logs,
            MemoryModelRuntime(),
            evaluation,
            self.bus,
            self.clock,
            self.scratch,
        )
        self.infer = Infer(
            self.products,
            self.catalog,
            self.models,
            self.online,
            features,
            MemoryModelRuntime(),
            self.prediction_queue,
            guard,
            self.clock,
            self.scratch,
            self.new_id,
        )
        self.record = RecordEvents(self.ledger, self.logs)

    def apply_product(self, bundle: dict[str, Any], principal: Principal = ALICE) -> AppliedProduct:
        product = Product.from_document(bundle)
        self.apply.apply(principal, product.name, bundle)
        return self.products.get(product.name)

    def drop(self, key: str, body: bytes) -> Drop:
        """Puts an object into landing and returns its notification, as the queue would deliver it."""
        self.landing.put(key, body)
        return Drop("landing", key, self.landing.version_ids(key)[-1], len(body), f"message-{self.new_id()}")

    def ingest_now(self, *drops: Drop) -> IngestReport:
        return self.ingest.ingest(drops)
