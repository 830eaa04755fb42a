"""The composition root: the only place where services meet adapters. Engines and clients are made here and
nowhere else.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from headgate.adapters.aws.eventbridge import EventBridgeBus
from headgate.adapters.aws.host import SystemClock, TemporaryDisk
from headgate.adapters.aws.s3 import S3ObjectStore
from headgate.adapters.aws.session import AwsClients
from headgate.config import (
    ApiSettings,
    BuildFeaturesSettings,
    FeatureJobSettings,
    InferSettings,
    IngestJobSettings,
    IngestSettings,
    MaintainSettings,
    MonitorSettings,
    PublishSettings,
    RecordSettings,
    RegisterSettings,
    ReproduceJobSettings,
    Settings,
    TrainSettings,
)
from headgate.domain.cost import PriceTable
from headgate.services.access import Guard
from headgate.services.products import Products

if TYPE_CHECKING:
    from headgate.adapters.aws.dynamo import Table
    from headgate.adapters.aws.ledger import DynamoLedger
    from headgate.adapters.engines.duckdb_features import DuckDbFeatureEngine
    from headgate.adapters.engines.duckdb_session import Limits
    from headgate.services.answer_feature_requests import AnswerFeatureRequests
    from headgate.services.answer_training_requests import AnswerTrainingRequests
    from headgate.services.authorize_request import AuthorizeRequest
    from headgate.services.build_features import BuildFeatures
    from headgate.services.collect_garbage import CollectGarbage
    from headgate.services.conclude_reproduction import ConcludeReproduction
    from headgate.services.control_plane import ControlPlane
    from headgate.services.diff_versions import DiffVersions
    from headgate.services.end_job import EndJob
    from headgate.services.erase_subject import EraseSubject
    from headgate.services.evaluate_model import EvaluateModel
    from headgate.services.import_prefix import ImportPrefix
    from headgate.services.infer import Infer
    from headgate.services.ingest_drops import IngestDrops
    from headgate.services.make_feature_share import MakeFeatureShare
    from headgate.services.monitor_model import MonitorModel
    from headgate.services.publish_iceberg import PublishIceberg
    from headgate.services.rebuild_features import RebuildFeatures
    from headgate.services.record_events import RecordEvents
    from headgate.services.run_reproduction import RunReproduction

DIFF_SPILL_BYTES = 3 * 1024**3
"""Of the 4 GiB of disk that the function has which compares versions: where that ends is then told, not an
error of the disk.
"""
MEMORY_SHARE = 0.6
"""Of a function's memory for DuckDB: its sorts and joins were measured up to 49% above their limit."""


BUILD_SECONDS = 500.0
INGEST_SECONDS = 250.0
INGEST_JOB_SECONDS = 12_000.0
FEATURE_JOB_SECONDS = 12_000.0
"""How long the SQL of one build, drop or import may run: five sixths of what the function or job has, so that
it ends with an error that says why.
"""
REQUEST_SECONDS = 5.0
"""How long the on-demand view of one request may run, of the 29 s that its caller waits."""


def new_id() -> str:
    return uuid4().hex


def price_table() -> PriceTable:
    """The list prices shipped with the code."""
    return PriceTable(json.loads((Path(__file__).parent / "prices.json").read_text(encoding="utf-8")))


@dataclass(frozen=True)
class _Parts:
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

    def feature_engine(
        self, memory_mb: int, threads: int = 2, seconds: float = BUILD_SECONDS
    ) -> "DuckDbFeatureEngine":
        from headgate.adapters.aws.s3_access import s3_access
        from headgate.adapters.engines.duckdb_features import DuckDbFeatureEngine

        limits = _limits(memory_mb, threads, seconds)
        return DuckDbFeatureEngine(limits, _scratch(), s3_access(self.clients), _httpfs())

    def conclusion(self, models_bucket: str) -> "ConcludeReproduction":
        """Where reproductions end."""
        from headgate.adapters.aws.reproduction_catalog import DynamoReproductionCatalog
        from headgate.services.conclude_reproduction import ConcludeReproduction
        from headgate.services.reproduction_documents import ReproductionDocuments

        documents = ReproductionDocuments(self.bucket(models_bucket))
        return ConcludeReproduction(DynamoReproductionCatalog(self.catalog), documents, self.bus, self.clock)

    def evaluation(self, memory_mb: int) -> "EvaluateModel":
        from headgate.adapters.aws.s3_access import s3_access
        from headgate.adapters.engines.duckdb_evaluation import DuckDbEvaluationEngine
        from headgate.adapters.engines.numpy_statistics import NumpyStatistics
        from headgate.services.evaluate_model import EvaluateModel

        engine = DuckDbEvaluationEngine(_limits(memory_mb), _scratch(), s3_access(self.clients), _httpfs())
        return EvaluateModel(self.lake, engine, NumpyStatistics())


def _parts(settings: Settings) -> _Parts:
    from headgate.adapters.aws.dynamo import Table
    from headgate.adapters.aws.product_catalog import DynamoProductCatalog

    clients, clock = AwsClients(), SystemClock()
    catalog = Table(clients, settings.catalog_table, clock)
    lake = S3ObjectStore(clients, settings.lake_bucket)
    bus = EventBridgeBus(clients, settings.event_bus)
    return _Parts(
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


def ingest(environ: Mapping[str, str]) -> "IngestDrops":
    """Raises ConfigurationError, as every function of this module."""
    from headgate.adapters.aws.batch import AwsBatchCompute
    from headgate.services.hand_over_drop import HandOverDrop

    settings = IngestSettings.from_env(environ)
    parts = _parts(settings)
    here = _ingest(parts, settings, _limits(settings.memory_mb, seconds=INGEST_SECONDS))
    compute = AwsBatchCompute(parts.clients, settings.batch_queues, settings.batch_job_definitions)
    large = HandOverDrop(compute, here.catalog, here.versions, here.refusals, settings.largest_drop_bytes)
    return replace(here, large=large)


def ingest_job(environ: Mapping[str, str]) -> "IngestDrops":
    """Takes in whatever it is given: a job has the memory, the disk and the time."""
    settings = IngestJobSettings.from_env(environ)
    limits = _limits(settings.job_memory_mb, threads=os.cpu_count() or 2, seconds=INGEST_JOB_SECONDS)
    return _ingest(_parts(settings), settings, limits)


def _ingest(parts: _Parts, settings: IngestSettings | IngestJobSettings, limits: "Limits") -> "IngestDrops":
    from headgate.adapters.aws.dataset_catalog import DynamoDatasetCatalog
    from headgate.adapters.aws.quarantine_catalog import DynamoQuarantineCatalog
    from headgate.adapters.aws.ref_catalog import DynamoRefCatalog
    from headgate.adapters.aws.s3_access import s3_access
    from headgate.adapters.engines.duckdb_ingest import DuckDbIngestEngine
    from headgate.services.ingest_drops import IngestDrops

    return IngestDrops(
        products=parts.products,
        catalog=DynamoDatasetCatalog(parts.catalog),
        refs=DynamoRefCatalog(parts.catalog),
        quarantine=DynamoQuarantineCatalog(parts.catalog),
        landing=parts.bucket(settings.landing_bucket),
        lake=parts.lake,
        engine=DuckDbIngestEngine(limits, settings.source_limits, s3_access(parts.clients), _httpfs()),
        bus=parts.bus,
        guard=parts.guard,
        clock=parts.clock,
        scratch=parts.scratch,
    )


def import_prefix(environ: Mapping[str, str]) -> "ImportPrefix":
    """The part of the ``ingest`` function that takes in objects of other buckets."""
    from headgate.adapters.aws.dataset_catalog import DynamoDatasetCatalog
    from headgate.adapters.aws.external_objects import S3ExternalObjects
    from headgate.adapters.aws.quarantine_catalog import DynamoQuarantineCatalog
    from headgate.adapters.aws.ref_catalog import DynamoRefCatalog
    from headgate.adapters.aws.s3_access import s3_access
    from headgate.adapters.aws.sqs import SqsQueue
    from headgate.adapters.engines.duckdb_import import DuckDbImportEngine
    from headgate.services.import_prefix import ImportPrefix

    settings = IngestSettings.from_env(environ)
    parts = _parts(settings)
    limits = _limits(settings.memory_mb, seconds=INGEST_SECONDS)
    return ImportPrefix(
        products=parts.products,
        catalog=DynamoDatasetCatalog(parts.catalog),
        refs=DynamoRefCatalog(parts.catalog),
        quarantine=DynamoQuarantineCatalog(parts.catalog),
        objects=S3ExternalObjects(parts.clients),
        engine=DuckDbImportEngine(limits, _scratch(), s3_access(parts.clients), _httpfs()),
        lake=parts.lake,
        queue=SqsQueue(parts.clients, settings.ingest_queue_url),
        bus=parts.bus,
        guard=parts.guard,
        clock=parts.clock,
    )


def publish(environ: Mapping[str, str]) -> "PublishIceberg":
    from headgate.adapters.aws.dataset_catalog import DynamoDatasetCatalog
    from headgate.adapters.aws.sqs import SqsQueue
    from headgate.adapters.iceberg.glue_tables import GlueIcebergTables
    from headgate.services.publish_iceberg import PublishIceberg

    settings = PublishSettings.from_env(environ)
    parts = _parts(settings)
    return PublishIceberg(
        products=parts.products,
        catalog=DynamoDatasetCatalog(parts.catalog),
        lake=parts.lake,
        tables=GlueIcebergTables(parts.clients, settings.glue_database, settings.lake_bucket),
        queue=SqsQueue(parts.clients, settings.publish_queue_url),
        guard=parts.guard,
        clock=parts.clock,
    )


def build_features(environ: Mapping[str, str]) -> "BuildFeatures":
    from headgate.adapters.aws.batch import AwsBatchCompute
    from headgate.adapters.aws.dataset_catalog import DynamoDatasetCatalog
    from headgate.adapters.aws.feature_catalog import DynamoFeatureCatalog
    from headgate.adapters.aws.online import DynamoOnlineStore
    from headgate.services.build_features import BuildFeatures
    from headgate.services.feature_compute import FeatureCompute, FeatureJobs

    settings = BuildFeaturesSettings.from_env(environ)
    parts = _parts(settings)
    compute = AwsBatchCompute(parts.clients, settings.batch_queues, settings.batch_job_definitions)
    decide = FeatureCompute(price_table(), settings.largest_build_bytes, settings.memory_mb)
    return BuildFeatures(
        products=parts.products,
        datasets=DynamoDatasetCatalog(parts.catalog),
        features=DynamoFeatureCatalog(parts.catalog),
        lake=parts.lake,
        engine=parts.feature_engine(settings.memory_mb),
        online=DynamoOnlineStore(parts.table(settings.online_table), parts.clock),
        bus=parts.bus,
        guard=parts.guard,
        clock=parts.clock,
        scratch=parts.scratch,
        jobs=FeatureJobs(compute, parts.lake, decide, parts.clock),
    )


def feature_job(environ: Mapping[str, str]) -> "MakeFeatureShare":
    """What a Batch worker makes of a build that is too large for the function."""
    from headgate.adapters.aws.dataset_catalog import DynamoDatasetCatalog
    from headgate.services.make_feature_share import MakeFeatureShare

    settings = FeatureJobSettings.from_env(environ)
    parts = _parts(settings)
    return MakeFeatureShare(
        products=parts.products,
        datasets=DynamoDatasetCatalog(parts.catalog),
        lake=parts.lake,
        engine=parts.feature_engine(settings.job_memory_mb, os.cpu_count() or 2, FEATURE_JOB_SECONDS),
        scratch=parts.scratch,
    )


def feature_requests(environ: Mapping[str, str]) -> "AnswerFeatureRequests":
    """The part of the ``build_features`` function that does what someone asked for."""
    from headgate.services.answer_feature_requests import AnswerFeatureRequests
    from headgate.services.check_parity import CheckParity

    builder = build_features(environ)
    parity = CheckParity(
        products=builder.products,
        features=builder.features,
        lake=builder.lake,
        engine=builder.engine,
        online=builder.online,
        clock=builder.clock,
        scratch=builder.scratch,
    )
    return AnswerFeatureRequests(builder, parity)


def train(environ: Mapping[str, str]) -> "AnswerTrainingRequests":
    from headgate.adapters.aws.batch import AwsBatchCompute
    from headgate.adapters.aws.experiment_catalog import DynamoExperimentCatalog, DynamoTriggerCatalog
    from headgate.adapters.aws.feature_catalog import DynamoFeatureCatalog
    from headgate.adapters.aws.run_catalog import DynamoRunCatalog
    from headgate.adapters.aws.sqs import SqsQueue
    from headgate.services.answer_training_requests import AnswerTrainingRequests
    from headgate.services.run_experiment import RunExperiment
    from headgate.services.submit_training import SubmitTraining

    settings = TrainSettings.from_env(environ)
    parts = _parts(settings)
    training = SubmitTraining(
        products=parts.products,
        features=DynamoFeatureCatalog(parts.catalog),
        runs=DynamoRunCatalog(parts.catalog),
        lake=parts.lake,
        models=parts.bucket(settings.models_bucket),
        compute=AwsBatchCompute(parts.clients, settings.batch_queues, settings.batch_job_definitions),
        ledger=parts.ledger(),
        bus=parts.bus,
        guard=parts.guard,
        clock=parts.clock,
        prices=price_table(),
        environment_digest=settings.trainer_image_digest,
        triggers=DynamoTriggerCatalog(parts.catalog),
        queue=SqsQueue(parts.clients, settings.train_queue_url),
        new_id=new_id,
    )
    experiments = RunExperiment(training, DynamoExperimentCatalog(parts.catalog))
    return AnswerTrainingRequests(training, experiments)


def reproductions(environ: Mapping[str, str]) -> "RunReproduction":
    """The part of the ``train`` function that makes registered models again."""
    from headgate.adapters.aws.model_catalog import DynamoModelCatalog
    from headgate.services.run_reproduction import RunReproduction

    settings = TrainSettings.from_env(environ)
    parts = _parts(settings)
    conclude = parts.conclusion(settings.models_bucket)
    return RunReproduction(
        training=train(environ).training,
        models=DynamoModelCatalog(parts.catalog),
        reproductions=conclude.reproductions,
        conclude=conclude,
        prices=price_table(),
    )


def reproduce_job(environ: Mapping[str, str]) -> "RebuildFeatures":
    """What a Batch worker does of a reproduction."""
    from headgate.adapters.aws.dataset_catalog import DynamoDatasetCatalog
    from headgate.adapters.aws.erasure_catalog import DynamoErasureCatalog
    from headgate.adapters.aws.external_objects import S3ExternalObjects
    from headgate.adapters.aws.model_catalog import DynamoModelCatalog
    from headgate.adapters.aws.run_catalog import DynamoRunCatalog
    from headgate.services.rebuild_features import RebuildFeatures
    from headgate.services.recorded_closure import FindClosure
    from headgate.services.verify_closure import VerifyClosure

    settings = ReproduceJobSettings.from_env(environ)
    parts = _parts(settings)
    conclude, models = parts.conclusion(settings.models_bucket), parts.bucket(settings.models_bucket)
    closures = FindClosure(
        products=parts.products,
        datasets=DynamoDatasetCatalog(parts.catalog),
        runs=DynamoRunCatalog(parts.catalog),
        erasures=DynamoErasureCatalog(parts.catalog),
        lake=parts.lake,
        artifacts=models,
    )
    outside = S3ExternalObjects(parts.clients)
    return RebuildFeatures(
        closures=closures,
        verify=VerifyClosure(parts.bucket(settings.landing_bucket), parts.lake, outside),
        models=DynamoModelCatalog(parts.catalog),
        reproductions=conclude.reproductions,
        documents=conclude.documents,
        engine=parts.feature_engine(settings.job_memory_mb, os.cpu_count() or 2, FEATURE_JOB_SECONDS),
        scratch=parts.scratch,
    )


def register(environ: Mapping[str, str]) -> "EndJob":
    from headgate.adapters.aws.experiment_catalog import DynamoExperimentCatalog
    from headgate.adapters.aws.feature_catalog import DynamoFeatureCatalog
    from headgate.adapters.aws.kms import KmsSigner
    from headgate.adapters.aws.model_catalog import DynamoModelCatalog
    from headgate.adapters.aws.release_catalog import DynamoReleaseCatalog
    from headgate.adapters.aws.run_catalog import DynamoRunCatalog
    from headgate.adapters.engines.onnx_runtime import OnnxModelRuntime
    from headgate.services.end_job import EndJob, trials_with
    from headgate.services.judge_reproduction import JudgeReproduction
    from headgate.services.register_model import RegisterModel

    settings = RegisterSettings.from_env(environ)
    parts = _parts(settings)
    models, evaluation = DynamoModelCatalog(parts.catalog), parts.evaluation(settings.memory_mb)
    judging = JudgeReproduction(
        models=models,
        artifacts=parts.bucket(settings.models_bucket),
        engine=evaluation.engine,
        conclude=parts.conclusion(settings.models_bucket),
        scratch=parts.scratch,
    )
    register = RegisterModel(
        products=parts.products,
        runs=DynamoRunCatalog(parts.catalog),
        models=models,
        lake=parts.lake,
        artifacts=parts.bucket(settings.models_bucket),
        runtime=OnnxModelRuntime(),
        evaluation=evaluation,
        ledger=parts.ledger(),
        bus=parts.bus,
        guard=parts.guard,
        clock=parts.clock,
        scratch=parts.scratch,
        prices=price_table(),
        reproductions=judging,
        releases=DynamoReleaseCatalog(parts.catalog),
        features=DynamoFeatureCatalog(parts.catalog),
        signer=KmsSigner(parts.clients, settings.signing_key),
    )
    return EndJob(register, trials_with(register, DynamoExperimentCatalog(parts.catalog)))


def infer(environ: Mapping[str, str]) -> "Infer":
    from headgate.adapters.aws.model_catalog import DynamoModelCatalog
    from headgate.adapters.aws.online import DynamoOnlineStore
    from headgate.adapters.aws.sqs import SqsQueue
    from headgate.adapters.engines.duckdb_features import DuckDbFeatureEngine
    from headgate.adapters.engines.onnx_runtime import OnnxModelRuntime
    from headgate.services.infer import Infer

    settings = InferSettings.from_env(environ)
    parts = _parts(settings)
    limits = _limits(settings.memory_mb, threads=1, seconds=REQUEST_SECONDS)
    return Infer(
        products=parts.products,
        models=DynamoModelCatalog(parts.catalog),
        artifacts=parts.bucket(settings.models_bucket),
        online=DynamoOnlineStore(parts.table(settings.online_table), parts.clock),
        engine=DuckDbFeatureEngine(limits, _scratch()),
        runtime=OnnxModelRuntime(),
        log=SqsQueue(parts.clients, settings.prediction_queue_url),
        guard=parts.guard,
        clock=parts.clock,
        scratch=parts.scratch,
        new_id=new_id,
    )


def monitor(environ: Mapping[str, str]) -> "MonitorModel":
    from headgate.adapters.aws.feature_catalog import DynamoFeatureCatalog
    from headgate.adapters.aws.model_catalog import DynamoModelCatalog
    from headgate.adapters.engines.onnx_runtime import OnnxModelRuntime
    from headgate.services.monitor_model import MonitorModel

    settings = MonitorSettings.from_env(environ)
    parts = _parts(settings)
    return MonitorModel(
        products=parts.products,
        features=DynamoFeatureCatalog(parts.catalog),
        models=DynamoModelCatalog(parts.catalog),
        lake=parts.lake,
        artifacts=parts.bucket(settings.models_bucket),
        logs=parts.bucket(settings.logs_bucket),
        runtime=OnnxModelRuntime(),
        evaluation=parts.evaluation(settings.memory_mb),
        bus=parts.bus,
        clock=parts.clock,
        scratch=parts.scratch,
    )


def record(environ: Mapping[str, str]) -> "RecordEvents":
    from headgate.services.record_events import RecordEvents

    settings = RecordSettings.from_env(environ)
    parts = _parts(settings)
    return RecordEvents(parts.ledger(), parts.bucket(settings.logs_bucket))


def collect_garbage(environ: Mapping[str, str]) -> "CollectGarbage":
    from headgate.adapters.aws.dataset_catalog import DynamoDatasetCatalog
    from headgate.adapters.aws.feature_catalog import DynamoFeatureCatalog
    from headgate.adapters.aws.garbage_catalog import DynamoGarbageCatalog
    from headgate.adapters.aws.model_catalog import DynamoModelCatalog
    from headgate.adapters.aws.ref_catalog import DynamoRefCatalog
    from headgate.adapters.aws.run_catalog import DynamoRunCatalog
    from headgate.adapters.aws.sqs import SqsQueue
    from headgate.services.collect_garbage import CollectGarbage
    from headgate.services.version_uses import VersionUses

    settings = MaintainSettings.from_env(environ)
    parts = _parts(settings)
    datasets, garbage = DynamoDatasetCatalog(parts.catalog), DynamoGarbageCatalog(parts.catalog)
    return CollectGarbage(
        uses=VersionUses(
            products=parts.products,
            datasets=datasets,
            refs=DynamoRefCatalog(parts.catalog),
            features=DynamoFeatureCatalog(parts.catalog),
            runs=DynamoRunCatalog(parts.catalog),
            models=DynamoModelCatalog(parts.catalog),
        ),
        datasets=datasets,
        marks=garbage,
        collections=garbage,
        lake=parts.lake,
        queue=SqsQueue(parts.clients, settings.maintain_queue_url),
        bus=parts.bus,
        clock=parts.clock,
        least_grace=settings.least_grace_seconds,
    )


def diff_versions(environ: Mapping[str, str]) -> "DiffVersions":
    from headgate.adapters.aws.dataset_catalog import DynamoDatasetCatalog
    from headgate.adapters.aws.ref_catalog import DynamoRefCatalog
    from headgate.adapters.aws.s3_access import s3_access
    from headgate.adapters.engines.duckdb_diff import DuckDbDiffEngine
    from headgate.services.datasets import Datasets
    from headgate.services.diff_versions import DiffVersions

    settings = MaintainSettings.from_env(environ)
    parts = _parts(settings)
    datasets = Datasets(
        *(parts.products, DynamoDatasetCatalog(parts.catalog), DynamoRefCatalog(parts.catalog), parts.lake),
        *(parts.guard, parts.bus, parts.clock),
    )
    limits = replace(_limits(settings.memory_mb), spill_bytes=DIFF_SPILL_BYTES)
    engine = DuckDbDiffEngine(limits, _scratch(), s3_access(parts.clients), _httpfs())
    return DiffVersions(datasets, engine)


def erase_subject(environ: Mapping[str, str]) -> "EraseSubject":
    from headgate.adapters.aws.dataset_catalog import DynamoDatasetCatalog
    from headgate.adapters.aws.erasure_catalog import DynamoErasureCatalog
    from headgate.adapters.aws.model_catalog import DynamoModelCatalog
    from headgate.adapters.aws.online import DynamoOnlineStore
    from headgate.adapters.aws.quarantine_catalog import DynamoQuarantineCatalog
    from headgate.adapters.aws.ref_catalog import DynamoRefCatalog
    from headgate.adapters.aws.run_catalog import DynamoRunCatalog
    from headgate.adapters.aws.s3_access import s3_access
    from headgate.adapters.engines.duckdb_erasure import DuckDbErasureEngine
    from headgate.services.datasets import Datasets
    from headgate.services.erase_data import EraseData
    from headgate.services.erase_made import EraseMade
    from headgate.services.erase_subject import EraseSubject
    from headgate.services.find_subject import FindSubject

    settings = MaintainSettings.from_env(environ)
    parts = _parts(settings)
    catalog = DynamoDatasetCatalog(parts.catalog)
    datasets = Datasets(
        *(parts.products, catalog, DynamoRefCatalog(parts.catalog), parts.lake),
        *(parts.guard, parts.bus, parts.clock),
    )
    engine = DuckDbErasureEngine(_limits(settings.memory_mb), _scratch(), s3_access(parts.clients), _httpfs())
    finder = FindSubject(
        products=parts.products,
        datasets=catalog,
        runs=DynamoRunCatalog(parts.catalog),
        models=DynamoModelCatalog(parts.catalog),
        quarantine=DynamoQuarantineCatalog(parts.catalog),
        landing=parts.bucket(settings.landing_bucket),
        lake=parts.lake,
        artifacts=parts.bucket(settings.models_bucket),
        logs=parts.bucket(settings.logs_bucket),
        online=DynamoOnlineStore(parts.table(settings.online_table), parts.clock),
        engine=engine,
        scratch=parts.scratch,
    )
    made = EraseMade(
        *(catalog, finder.quarantine, finder.landing, parts.lake, finder.artifacts, finder.logs),
        *(finder.online, engine, parts.scratch, parts.clock),
    )
    data = EraseData(datasets, engine, parts.scratch)
    return EraseSubject(finder, data, made, DynamoErasureCatalog(parts.catalog), datasets)


def authorize(environ: Mapping[str, str]) -> "AuthorizeRequest":
    """Needs no AWS service: the key set is in the environment."""
    from headgate.adapters.identity.jwt_verifier import JwtVerifier
    from headgate.services.authorize_request import AuthorizeRequest, AuthorizeSettings

    settings = AuthorizeSettings.from_env(environ)
    verifier = JwtVerifier(settings.jwks, settings.issuer, settings.audience, now=SystemClock().now)
    return AuthorizeRequest(verifier)


def control_plane(environ: Mapping[str, str]) -> "ControlPlane":
    from headgate.adapters.aws.batch import AwsBatchCompute
    from headgate.adapters.aws.dataset_catalog import DynamoDatasetCatalog
    from headgate.adapters.aws.erasure_catalog import DynamoErasureCatalog
    from headgate.adapters.aws.experiment_catalog import DynamoExperimentCatalog
    from headgate.adapters.aws.feature_catalog import DynamoFeatureCatalog
    from headgate.adapters.aws.garbage_catalog import DynamoGarbageCatalog
    from headgate.adapters.aws.job_logs import CloudWatchJobLogs
    from headgate.adapters.aws.kms import KmsSigner
    from headgate.adapters.aws.model_catalog import DynamoModelCatalog
    from headgate.adapters.aws.online import DynamoOnlineStore
    from headgate.adapters.aws.product_catalog import DynamoProductCatalog
    from headgate.adapters.aws.quarantine_catalog import DynamoQuarantineCatalog
    from headgate.adapters.aws.ref_catalog import DynamoRefCatalog
    from headgate.adapters.aws.release_catalog import DynamoReleaseCatalog
    from headgate.adapters.aws.reproduction_catalog import DynamoReproductionCatalog
    from headgate.adapters.aws.run_catalog import DynamoRunCatalog
    from headgate.adapters.aws.sqs import SqsQueue
    from headgate.services.apply_product import ApplyProduct
    from headgate.services.change_stage import ChangeStage
    from headgate.services.check_gate import CheckGate
    from headgate.services.compare_models import CompareModels
    from headgate.services.control_plane import ControlPlane
    from headgate.services.datasets import Datasets
    from headgate.services.feature_compute import FeatureCompute
    from headgate.services.feature_sets import FeatureSets
    from headgate.services.hand_out_features import HandOutFeatures
    from headgate.services.history import History
    from headgate.services.merge_branch import MergeBranch
    from headgate.services.model_documents import ModelDocuments
    from headgate.services.name_version import NameVersion
    from headgate.services.plan_features import PlanFeatures
    from headgate.services.promote_model import PromoteModel
    from headgate.services.propose_model import ProposeModel
    from headgate.services.publish_version import PublishVersion
    from headgate.services.read_model import ReadModel
    from headgate.services.read_online import ReadOnline
    from headgate.services.read_platform import ReadPlatform
    from headgate.services.read_releases import ReadReleases
    from headgate.services.read_run_logs import ReadRunLogs
    from headgate.services.request_collection import RequestCollection
    from headgate.services.request_diff import RequestDiff
    from headgate.services.request_erasure import RequestErasure
    from headgate.services.request_features import RequestFeatures
    from headgate.services.request_import import RequestImport
    from headgate.services.request_rebuild import RequestRebuild
    from headgate.services.request_reproduction import RequestReproduction
    from headgate.services.request_training import RequestTraining
    from headgate.services.review_quarantine import ReviewQuarantine
    from headgate.services.rollback_dataset import RollbackDataset
    from headgate.services.rollback_model import RollbackModel
    from headgate.services.show_experiments import ShowExperiments
    from headgate.services.show_features import ShowFeatures
    from headgate.services.stop_training import StopTraining
    from headgate.services.trace_prediction import TracePrediction

    settings = ApiSettings.from_env(environ)
    parts = _parts(settings)
    products, guard, bus, clock = parts.products, parts.guard, parts.bus, parts.clock
    catalog, datasets = DynamoProductCatalog(parts.catalog), DynamoDatasetCatalog(parts.catalog)
    models, ledger = DynamoModelCatalog(parts.catalog), parts.ledger()
    releases = DynamoReleaseCatalog(parts.catalog)
    signer = KmsSigner(parts.clients, settings.signing_key)
    documents = ModelDocuments(parts.bucket(settings.models_bucket), signer)
    read_model = ReadModel(products, models, documents, guard, parts.scratch)
    promotion = PromoteModel(products, models, releases, guard, bus, clock)
    history = Datasets(products, datasets, DynamoRefCatalog(parts.catalog), parts.lake, guard, bus, clock)
    sets = FeatureSets(products, DynamoFeatureCatalog(parts.catalog), parts.lake, guard, clock)
    online = DynamoOnlineStore(parts.table(settings.online_table), clock)
    experiments = DynamoExperimentCatalog(parts.catalog)
    return ControlPlane(
        apply_product=ApplyProduct(products, catalog, parts.lake, guard, bus, clock),
        read=ReadPlatform(
            products=products,
            catalog=catalog,
            run_catalog=DynamoRunCatalog(parts.catalog),
            model_catalog=models,
            ledger=ledger,
            guard=guard,
            clock=clock,
        ),
        promote_model=promotion,
        propose_model=ProposeModel(products, models, releases, guard, bus, clock),
        rollback_model=RollbackModel(promotion),
        releases=ReadReleases(products, releases, guard, clock),
        read_model=read_model,
        compare_models=CompareModels(read_model),
        check_gate=CheckGate(
            *(products, catalog, datasets, models, guard, clock, DynamoReproductionCatalog(parts.catalog))
        ),
        change_stage=ChangeStage(products, catalog, guard, bus, clock),
        trace_prediction=TracePrediction(products, ledger, guard),
        run_logs=ReadRunLogs(
            products,
            DynamoRunCatalog(parts.catalog),
            AwsBatchCompute(parts.clients, {}, {}),
            CloudWatchJobLogs(parts.clients),
            guard,
        ),
        history=History(history),
        names=NameVersion(history),
        rollback=RollbackDataset(history),
        merge=MergeBranch(history),
        publish=PublishVersion(history),
        collections=RequestCollection(
            history,
            DynamoGarbageCatalog(parts.catalog),
            SqsQueue(parts.clients, settings.maintain_queue_url),
            new_id,
        ),
        diffs=RequestDiff(history, SqsQueue(parts.clients, settings.maintain_queue_url)),
        features=ShowFeatures(sets),
        feature_files=HandOutFeatures(sets),
        feature_requests=RequestFeatures(sets, SqsQueue(parts.clients, settings.feature_queue_url), new_id),
        feature_plans=PlanFeatures(
            *(products, datasets, DynamoFeatureCatalog(parts.catalog), parts.lake, guard),
            FeatureCompute(price_table(), settings.largest_build_bytes, BuildFeaturesSettings.memory_mb),
        ),
        online=ReadOnline(sets, online),
        request_training=RequestTraining(
            products, guard, SqsQueue(parts.clients, settings.train_queue_url), price_table()
        ),
        experiments=ShowExperiments(
            products=products,
            experiments=experiments,
            runs=DynamoRunCatalog(parts.catalog),
            artifacts=parts.bucket(settings.models_bucket),
            ledger=ledger,
            guard=guard,
            clock=clock,
        ),
        stop_training=StopTraining(
            products=products,
            runs=DynamoRunCatalog(parts.catalog),
            experiments=experiments,
            compute=AwsBatchCompute(parts.clients, {}, {}),
            guard=guard,
            bus=bus,
            clock=clock,
        ),
        erasure=RequestErasure(
            history,
            DynamoErasureCatalog(parts.catalog),
            SqsQueue(parts.clients, settings.maintain_queue_url),
            new_id,
        ),
        quarantine=ReviewQuarantine(
            products=products,
            catalog=DynamoQuarantineCatalog(parts.catalog),
            queue=SqsQueue(parts.clients, settings.ingest_queue_url),
            guard=guard,
            bus=bus,
            clock=clock,
        ),
        request_rebuild=RequestRebuild(
            products, guard, SqsQueue(parts.clients, settings.publish_queue_url), new_id
        ),
        reproductions=RequestReproduction(
            products=products,
            models=models,
            reproductions=DynamoReproductionCatalog(parts.catalog),
            queue=SqsQueue(parts.clients, settings.train_queue_url),
            guard=guard,
            clock=clock,
            prices=price_table(),
            new_id=new_id,
        ),
        request_import=RequestImport(products, guard, SqsQueue(parts.clients, settings.ingest_queue_url)),
    )


def _limits(memory_mb: int, threads: int = 2, seconds: float | None = None) -> "Limits":
    from headgate.adapters.engines.duckdb_session import Limits

    return Limits(int(memory_mb * 1024**2 * MEMORY_SHARE), threads, seconds=seconds)


def _scratch() -> Path:
    """A folder of the SQL engine's own: what else lies in the temporary directory stays out of a product's
    reach.
    """
    import tempfile

    return Path(tempfile.gettempdir()) / "headgate-sql"


def _httpfs() -> Path | None:
    """The httpfs extension's file where the duckdb layer or environment has it; it is loaded from there,
    never installed.
    """
    import sys

    for folder in sys.path:
        for found in Path(folder).glob("duckdb_extension_httpfs/extensions/*/httpfs.duckdb_extension"):
            return found
    return None
