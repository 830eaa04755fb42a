"""Settings of the functions, read from an environment mapping once and checked whole: every missing variable
is named at once.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, TypeVar

from headgate.domain.errors import ConfigurationError
from headgate.domain.source_limits import SourceLimits, setting

_S = TypeVar("_S", bound="Settings")
_SOURCE = {f"source_{field.name}": setting(field.name) for field in fields(SourceLimits)}

_VARIABLES = {
    "environment": "HEADGATE_ENVIRONMENT",
    "catalog_table": "CATALOG_TABLE_NAME",
    "ledger_table": "LEDGER_TABLE_NAME",
    "online_table": "ONLINE_TABLE_NAME",
    "idempotency_table": "IDEMPOTENCY_TABLE_NAME",
    "event_bus": "EVENT_BUS_NAME",
    "lake_bucket": "LAKE_BUCKET_NAME",
    "landing_bucket": "LANDING_BUCKET_NAME",
    "models_bucket": "MODELS_BUCKET_NAME",
    "logs_bucket": "LOGS_BUCKET_NAME",
    "batch_queues": "BATCH_QUEUES",
    "batch_job_definitions": "BATCH_JOB_DEFINITIONS",
    "trainer_image_digest": "TRAINER_IMAGE_DIGEST",
    "signing_key": "SIGNING_KEY_ARN",
    "prediction_queue_url": "PREDICTION_QUEUE_URL",
    "train_queue_url": "TRAIN_QUEUE_URL",
    "ingest_queue_url": "INGEST_QUEUE_URL",
    "publish_queue_url": "PUBLISH_QUEUE_URL",
    "feature_queue_url": "FEATURE_QUEUE_URL",
    "glue_database": "GLUE_DATABASE_NAME",
    "maintain_queue_url": "MAINTAIN_QUEUE_URL",
    "least_grace_seconds": "GC_LEAST_GRACE_SECONDS",
    "largest_drop_bytes": "LARGEST_DROP_BYTES",
    "largest_build_bytes": "LARGEST_BUILD_BYTES",
    "job_memory_mb": "JOB_MEMORY_MB",
    "memory_mb": "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    **_SOURCE,
}


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError("a number above 0 is needed")
    return number


def _mapping(text: str) -> Mapping[str, str]:
    found = json.loads(text)
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise ValueError("a JSON object of strings is needed")
    return found


_PARSERS: dict[str, Callable[[str], Any]] = {
    "memory_mb": int,
    "least_grace_seconds": int,
    "job_memory_mb": int,
    "largest_drop_bytes": int,
    "largest_build_bytes": int,
    "batch_queues": _mapping,
    "batch_job_definitions": _mapping,
    **dict.fromkeys(_SOURCE, _positive),
}


@dataclass(frozen=True)
class Settings:
    """What every function has. ``memory_mb`` is the function's memory in MiB, as Lambda says it."""

    environment: str
    catalog_table: str
    ledger_table: str
    event_bus: str
    lake_bucket: str

    @classmethod
    def from_env(cls: type[_S], environ: Mapping[str, str]) -> _S:
        """Raises ConfigurationError naming every missing or malformed variable."""
        values: dict[str, Any] = {}
        problems = []
        for field in fields(cls):
            variable = _VARIABLES[field.name]
            text = environ.get(variable, "").strip()
            if not text:
                if field.default is MISSING:
                    problems.append(f"{variable} is missing")
                continue
            try:
                values[field.name] = _PARSERS.get(field.name, str)(text)
            except ValueError as error:
                problems.append(f"{variable} is malformed ({error})")
        if problems:
            raise ConfigurationError(f"environment of this function: {'; '.join(problems)}")
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class SourceSettings(Settings):
    """What whoever reads dropped files has too: the fields of `SourceLimits`, with its defaults."""

    source_max_bytes: int = SourceLimits.max_bytes
    source_max_ratio: int = SourceLimits.max_ratio
    source_ratio_from_bytes: int = SourceLimits.ratio_from_bytes
    source_max_line_bytes: int = SourceLimits.max_line_bytes
    source_max_columns: int = SourceLimits.max_columns
    source_max_object_bytes: int = SourceLimits.max_object_bytes

    @property
    def source_limits(self) -> SourceLimits:
        return SourceLimits(
            **{field.name: getattr(self, f"source_{field.name}") for field in fields(SourceLimits)}
        )


@dataclass(frozen=True)
class IngestSettings(SourceSettings):
    """``largest_drop_bytes`` is what the function takes in itself; the rest goes to a Batch job."""

    landing_bucket: str
    batch_queues: Mapping[str, str]
    batch_job_definitions: Mapping[str, str]
    largest_drop_bytes: int
    ingest_queue_url: str
    memory_mb: int = 2048


@dataclass(frozen=True)
class IngestJobSettings(SourceSettings):
    landing_bucket: str
    job_memory_mb: int


@dataclass(frozen=True)
class BuildFeaturesSettings(Settings):
    online_table: str
    batch_queues: Mapping[str, str]
    batch_job_definitions: Mapping[str, str]
    largest_build_bytes: int
    memory_mb: int = 3008


@dataclass(frozen=True)
class FeatureJobSettings(Settings):
    job_memory_mb: int


@dataclass(frozen=True)
class ReproduceJobSettings(Settings):
    landing_bucket: str
    models_bucket: str
    job_memory_mb: int


@dataclass(frozen=True)
class TrainSettings(Settings):
    models_bucket: str
    idempotency_table: str
    batch_queues: Mapping[str, str]
    batch_job_definitions: Mapping[str, str]
    trainer_image_digest: str
    train_queue_url: str


@dataclass(frozen=True)
class RegisterSettings(Settings):
    models_bucket: str
    signing_key: str
    memory_mb: int = 3008


@dataclass(frozen=True)
class InferSettings(Settings):
    models_bucket: str
    online_table: str
    prediction_queue_url: str
    memory_mb: int = 1769


@dataclass(frozen=True)
class ApiSettings(Settings):
    models_bucket: str
    signing_key: str
    landing_bucket: str
    logs_bucket: str
    train_queue_url: str
    ingest_queue_url: str
    maintain_queue_url: str
    publish_queue_url: str
    feature_queue_url: str
    online_table: str
    largest_build_bytes: int


@dataclass(frozen=True)
class PublishSettings(Settings):
    glue_database: str
    publish_queue_url: str


@dataclass(frozen=True)
class MonitorSettings(Settings):
    models_bucket: str
    logs_bucket: str
    memory_mb: int = 3008


@dataclass(frozen=True)
class RecordSettings(Settings):
    logs_bucket: str
    idempotency_table: str


@dataclass(frozen=True)
class MaintainSettings(Settings):
    landing_bucket: str
    models_bucket: str
    logs_bucket: str
    online_table: str
    maintain_queue_url: str
    memory_mb: int = 3008
    least_grace_seconds: int = 3600
    """No collection of garbage goes below: a worker takes 15 minutes at most from an object to its commit."""
