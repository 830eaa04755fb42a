"""The composition root: the only place where services meet adapters. Engines and clients are made here and
nowhere else.

One function for each function and job of the deployment, in modules by purpose; each raises
ConfigurationError for an environment it cannot work in. What it is made of is imported when it is called, so
that a function of the deployment loads what it uses, and nothing of its neighbours.
"""

from headgate.bootstrap.api import authorize, control_plane
from headgate.bootstrap.features import build_features, feature_job, feature_requests
from headgate.bootstrap.ingestion import (
    INGEST_JOB_SECONDS,
    INGEST_SECONDS,
    import_prefix,
    ingest,
    ingest_job,
    publish,
)
from headgate.bootstrap.maintenance import collect_features, collect_garbage, diff_versions, erase_subject
from headgate.bootstrap.parts import new_id, price_table
from headgate.bootstrap.registry import monitor, register
from headgate.bootstrap.serving import REQUEST_SECONDS, infer, record
from headgate.bootstrap.sql import BUILD_SECONDS, FEATURE_JOB_SECONDS, MEMORY_SHARE, httpfs
from headgate.bootstrap.training import reproduce_job, reproductions, train

__all__ = [
    "BUILD_SECONDS",
    "FEATURE_JOB_SECONDS",
    "INGEST_JOB_SECONDS",
    "INGEST_SECONDS",
    "MEMORY_SHARE",
    "REQUEST_SECONDS",
    "authorize",
    "build_features",
    "collect_features",
    "collect_garbage",
    "control_plane",
    "diff_versions",
    "erase_subject",
    "feature_job",
    "feature_requests",
    "httpfs",
    "import_prefix",
    "infer",
    "ingest",
    "ingest_job",
    "monitor",
    "new_id",
    "price_table",
    "publish",
    "record",
    "register",
    "reproduce_job",
    "reproductions",
    "train",
]
