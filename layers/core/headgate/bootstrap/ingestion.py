"""Taking data in and publishing its versions: the ``ingest`` and ``publish`` functions and the ingest job."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from headgate.bootstrap.parts import Parts, parts_of
from headgate.bootstrap.sql import httpfs, limits_of, sql_scratch
from headgate.config import IngestJobSettings, IngestSettings, PublishSettings

if TYPE_CHECKING:
    from headgate.adapters.engines.duckdb_session import Limits
    from headgate.services.ingestion.import_prefix import ImportPrefix
    from headgate.services.ingestion.ingest_drops import IngestDrops
    from headgate.services.versions.publish_iceberg import PublishIceberg

INGEST_SECONDS = 250.0
INGEST_JOB_SECONDS = 12_000.0
"""How long the SQL of one drop or import may run: five sixths of what the function or job has, so that it
ends with an error that says why.
"""


def ingest(environ: Mapping[str, str]) -> "IngestDrops":
    from headgate.adapters.aws.batch import AwsBatchCompute
    from headgate.services.ingestion.hand_over_drop import HandOverDrop

    settings = IngestSettings.from_env(environ)
    parts = parts_of(settings)
    here = _ingest(parts, settings, limits_of(settings.memory_mb, seconds=INGEST_SECONDS))
    compute = AwsBatchCompute(parts.clients, settings.batch_queues, settings.batch_job_definitions)
    large = HandOverDrop(compute, here.catalog, here.versions, here.refusals, settings.largest_drop_bytes)
    return replace(here, large=large)


def ingest_job(environ: Mapping[str, str]) -> "IngestDrops":
    """Takes in whatever it is given: a job has the memory, the disk and the time."""
    settings = IngestJobSettings.from_env(environ)
    limits = limits_of(settings.job_memory_mb, threads=os.cpu_count() or 2, seconds=INGEST_JOB_SECONDS)
    return _ingest(parts_of(settings), settings, limits)


def _ingest(parts: Parts, settings: IngestSettings | IngestJobSettings, limits: "Limits") -> "IngestDrops":
    from headgate.adapters.aws.dataset_catalog import DynamoDatasetCatalog
    from headgate.adapters.aws.quarantine_catalog import DynamoQuarantineCatalog
    from headgate.adapters.aws.ref_catalog import DynamoRefCatalog
    from headgate.adapters.aws.s3_access import s3_access
    from headgate.adapters.engines.duckdb_ingest import DuckDbIngestEngine
    from headgate.services.ingestion.ingest_drops import IngestDrops

    return IngestDrops(
        products=parts.products,
        catalog=DynamoDatasetCatalog(parts.catalog),
        refs=DynamoRefCatalog(parts.catalog),
        quarantine=DynamoQuarantineCatalog(parts.catalog),
        landing=parts.bucket(settings.landing_bucket),
        lake=parts.lake,
        engine=DuckDbIngestEngine(limits, settings.source_limits, s3_access(parts.clients), httpfs()),
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
    from headgate.services.ingestion.import_prefix import ImportPrefix

    settings = IngestSettings.from_env(environ)
    parts = parts_of(settings)
    limits = limits_of(settings.memory_mb, seconds=INGEST_SECONDS)
    return ImportPrefix(
        products=parts.products,
        catalog=DynamoDatasetCatalog(parts.catalog),
        refs=DynamoRefCatalog(parts.catalog),
        quarantine=DynamoQuarantineCatalog(parts.catalog),
        objects=S3ExternalObjects(parts.clients),
        engine=DuckDbImportEngine(limits, sql_scratch(), s3_access(parts.clients), httpfs()),
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
    from headgate.services.versions.publish_iceberg import PublishIceberg

    settings = PublishSettings.from_env(environ)
    parts = parts_of(settings)
    return PublishIceberg(
        products=parts.products,
        catalog=DynamoDatasetCatalog(parts.catalog),
        lake=parts.lake,
        tables=GlueIcebergTables(parts.clients, settings.glue_database, settings.lake_bucket),
        queue=SqsQueue(parts.clients, settings.publish_queue_url),
        guard=parts.guard,
        clock=parts.clock,
    )
