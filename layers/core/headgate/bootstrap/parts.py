"""What almost every use case is made of: clients, stores and the ports that many share."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from headgate.adapters.aws.eventbridge import EventBridgeBus
from headgate.adapters.aws.host import SystemClock, TemporaryDisk
from headgate.adapters.aws.s3 import S3ObjectStore
from headgate.adapters.aws.session import AwsClients
from headgate.bootstrap.sql import BUILD_SECONDS, httpfs, limits_of, sql_scratch
from headgate.config import Settings
from headgate.domain.cost import PriceTable
from headgate.services.access import Guard
from headgate.services.products import Products

if TYPE_CHECKING:
    from headgate.adapters.aws.dynamo import Table
    from headgate.adapters.aws.ledger import DynamoLedger
    from headgate.adapters.engines.duckdb_features import DuckDbFeatureEngine
    from headgate.services.models.evaluate_model import EvaluateModel
    from headgate.services.reproduction.conclude_reproduction import ConcludeReproduction
    from headgate.services.versions.datasets import Datasets


def new_id() -> str:
    return uuid4().hex


def price_table() -> PriceTable:
    """The list prices shipped with the code."""
    return PriceTable(json.loads((Path(__file__).parents[1] / "prices.json").read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Parts:
    """What almost every use case is made of."""

    settings: Settings
    clients: AwsClients
    clock: SystemClock
    catalog: "Table"
    lake: S3ObjectStore
    products: Products
    bus: EventBridgeBus
    guard: Guard
    scratch: TemporaryDisk

    def bucket(self, name: str) -> S3ObjectStore:
        return S3ObjectStore(self.clients, name)

    def table(self, name: str) -> "Table":
        from headgate.adapters.aws.dynamo import Table

        return Table(self.clients, name, self.clock)

    def ledger(self) -> "DynamoLedger":
        from headgate.adapters.aws.ledger import DynamoLedger

        return DynamoLedger(self.table(self.settings.ledger_table), self.clock)

    def datasets(self) -> "Datasets":
        """The versions of datasets, for the use cases that read and move them."""
        from headgate.adapters.aws.dataset_catalog import DynamoDatasetCatalog
        from headgate.adapters.aws.ref_catalog import DynamoRefCatalog
        from headgate.services.versions.datasets import Datasets

        catalog, refs = DynamoDatasetCatalog(self.catalog), DynamoRefCatalog(self.catalog)
        return Datasets(self.products, catalog, refs, self.lake, self.guard, self.bus, self.clock)

    def feature_engine(
        self, memory_mb: int, threads: int = 2, seconds: float = BUILD_SECONDS
    ) -> "DuckDbFeatureEngine":
        from headgate.adapters.aws.s3_access import s3_access
        from headgate.adapters.engines.duckdb_features import DuckDbFeatureEngine

        limits = limits_of(memory_mb, threads, seconds)
        return DuckDbFeatureEngine(limits, sql_scratch(), s3_access(self.clients), httpfs())

    def conclusion(self, models_bucket: str) -> "ConcludeReproduction":
        """Where reproductions end."""
        from headgate.adapters.aws.reproduction_catalog import DynamoReproductionCatalog
        from headgate.services.reproduction.conclude_reproduction import ConcludeReproduction
        from headgate.services.reproduction.reproduction_documents import ReproductionDocuments

        documents = ReproductionDocuments(self.bucket(models_bucket))
        return ConcludeReproduction(DynamoReproductionCatalog(self.catalog), documents, self.bus, self.clock)

    def evaluation(self, memory_mb: int) -> "EvaluateModel":
        from headgate.adapters.aws.s3_access import s3_access
        from headgate.adapters.engines.duckdb_evaluation import DuckDbEvaluationEngine
        from headgate.adapters.engines.numpy_statistics import NumpyStatistics
        from headgate.services.models.evaluate_model import EvaluateModel

        engine = DuckDbEvaluationEngine(
            limits_of(memory_mb), sql_scratch(), s3_access(self.clients), httpfs()
        )
        return EvaluateModel(self.lake, engine, NumpyStatistics())


def parts_of(settings: Settings) -> Parts:
    from headgate.adapters.aws.dynamo import Table
    from headgate.adapters.aws.product_catalog import DynamoProductCatalog

    clients, clock = AwsClients(), SystemClock()
    catalog = Table(clients, settings.catalog_table, clock)
    lake = S3ObjectStore(clients, settings.lake_bucket)
    bus = EventBridgeBus(clients, settings.event_bus)
    return Parts(
        settings=settings,
        clients=clients,
        clock=clock,
        catalog=catalog,
        lake=lake,
        products=Products(DynamoProductCatalog(catalog), lake),
        bus=bus,
        guard=Guard(bus, clock, new_id),
        scratch=TemporaryDisk(),
    )
