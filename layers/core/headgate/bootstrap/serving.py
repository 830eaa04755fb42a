"""Answering requests, and keeping what was told: the ``infer`` and ``record`` functions."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from headgate.bootstrap.parts import new_id, parts_of
from headgate.bootstrap.sql import limits_of, sql_scratch
from headgate.config import InferSettings, RecordSettings

if TYPE_CHECKING:
    from headgate.services.governance.record_events import RecordEvents
    from headgate.services.serving.infer import Infer

REQUEST_SECONDS = 5.0
"""How long the on-demand view of one request may run, of the 29 s that its caller waits."""


def infer(environ: Mapping[str, str]) -> "Infer":
    from headgate.adapters.aws.model_catalog import DynamoModelCatalog
    from headgate.adapters.aws.online import DynamoOnlineStore
    from headgate.adapters.aws.sqs import SqsQueue
    from headgate.adapters.engines.duckdb_features import DuckDbFeatureEngine
    from headgate.adapters.engines.onnx_runtime import OnnxModelRuntime
    from headgate.services.serving.infer import Infer

    settings = InferSettings.from_env(environ)
    parts = parts_of(settings)
    limits = limits_of(settings.memory_mb, threads=1, seconds=REQUEST_SECONDS)
    return Infer(
        products=parts.products,
        models=DynamoModelCatalog(parts.catalog),
        artifacts=parts.bucket(settings.models_bucket),
        online=DynamoOnlineStore(parts.table(settings.online_table), parts.clock),
        engine=DuckDbFeatureEngine(limits, sql_scratch()),
        runtime=OnnxModelRuntime(),
        log=SqsQueue(parts.clients, settings.prediction_queue_url),
        guard=parts.guard,
        clock=parts.clock,
        scratch=parts.scratch,
        new_id=new_id,
    )


def record(environ: Mapping[str, str]) -> "RecordEvents":
    from headgate.services.governance.record_events import RecordEvents

    settings = RecordSettings.from_env(environ)
    parts = parts_of(settings)
    return RecordEvents(parts.ledger(), parts.bucket(settings.logs_bucket))
