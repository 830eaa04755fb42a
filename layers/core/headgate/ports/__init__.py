"""Ports: what services need from the outside, as small Protocols named for a role. Each docstring lists what
is raised.

Every port has an in-memory adapter in ``headgate.adapters.memory`` that is part of the product.
"""

from headgate.ports.data_engines import (
    Checked,
    Converted,
    DiffEngine,
    ErasureEngine,
    ImportEngine,
    IngestEngine,
    KeyColumns,
    Rest,
)
from headgate.ports.datasets import (
    CollectionCatalog,
    DatasetCatalog,
    ErasureCatalog,
    GarbageCatalog,
    QuarantineCatalog,
    RefCatalog,
)
from headgate.ports.experiments import ExperimentCatalog, TriggerCatalog
from headgate.ports.features import (
    BuiltJoin,
    BuiltPartition,
    BuiltView,
    EarlierValue,
    FeatureEngine,
    FeatureSession,
    JoinTask,
    OnlineRow,
    OnlineStore,
    OnlineValue,
    Source,
    ViewFiles,
    ViewTask,
)
from headgate.ports.host import Clock, S3Access, S3AccessProvider, Scratch
from headgate.ports.logs import JobLogs, LogPage
from headgate.ports.messages import BatchCompute, EventBus, MessageQueue
from headgate.ports.models import EvaluationEngine, LoadedModel, ModelRuntime, RowWindow, Statistics
from headgate.ports.objects import ExternalObjects, ObjectEntry, ObjectStore
from headgate.ports.records import (
    FeatureCatalog,
    Ledger,
    ModelCatalog,
    ProductCatalog,
    ReleaseCatalog,
    ReproductionCatalog,
    RunCatalog,
)
from headgate.ports.signing import Signer
from headgate.ports.tables import PublishedTable, TableCatalog

__all__ = [
    "BatchCompute",
    "BuiltJoin",
    "BuiltPartition",
    "BuiltView",
    "Checked",
    "Clock",
    "CollectionCatalog",
    "Converted",
    "DatasetCatalog",
    "DiffEngine",
    "EarlierValue",
    "ErasureCatalog",
    "ErasureEngine",
    "EvaluationEngine",
    "EventBus",
    "ExperimentCatalog",
    "ExternalObjects",
    "FeatureCatalog",
    "FeatureEngine",
    "FeatureSession",
    "GarbageCatalog",
    "ImportEngine",
    "IngestEngine",
    "JobLogs",
    "JoinTask",
    "KeyColumns",
    "Ledger",
    "LoadedModel",
    "LogPage",
    "MessageQueue",
    "ModelCatalog",
    "ModelRuntime",
    "ObjectEntry",
    "ObjectStore",
    "OnlineRow",
    "OnlineStore",
    "OnlineValue",
    "ProductCatalog",
    "PublishedTable",
    "QuarantineCatalog",
    "RefCatalog",
    "ReleaseCatalog",
    "ReproductionCatalog",
    "Rest",
    "RowWindow",
    "RunCatalog",
    "S3Access",
    "S3AccessProvider",
    "Scratch",
    "Signer",
    "Source",
    "Statistics",
    "TableCatalog",
    "TriggerCatalog",
    "ViewFiles",
    "ViewTask",
]
