"""Keeping the lake tidy: the ``maintain`` function."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from headgate.bootstrap.parts import Parts, parts_of
from headgate.bootstrap.sql import httpfs, limits_of, sql_scratch
from headgate.config import MaintainSettings

if TYPE_CHECKING:
    from headgate.services.erasure.erase_subject import EraseSubject
    from headgate.services.erasure.find_subject import FindSubject
    from headgate.services.retention.collect_features import CollectFeatures
    from headgate.services.retention.collect_garbage import CollectGarbage
    from headgate.services.retention.version_uses import VersionUses
    from headgate.services.versions.diff_versions import DiffVersions

DIFF_SPILL_BYTES = 3 * 1024**3
"""Of the 4 GiB of disk that the function has which compares versions: where that ends is then told, not an
error of the disk.
"""


def collect_garbage(environ: Mapping[str, str]) -> "CollectGarbage":
    from headgate.adapters.aws.dataset_catalog import DynamoDatasetCatalog
    from headgate.adapters.aws.garbage_catalog import DynamoGarbageCatalog
    from headgate.adapters.aws.sqs import SqsQueue
    from headgate.services.retention.collect_garbage import CollectGarbage

    settings = MaintainSettings.from_env(environ)
    parts = parts_of(settings)
    datasets, garbage = DynamoDatasetCatalog(parts.catalog), DynamoGarbageCatalog(parts.catalog)
    return CollectGarbage(
        uses=_uses(parts),
        datasets=datasets,
        marks=garbage,
        collections=garbage,
        lake=parts.lake,
        queue=SqsQueue(parts.clients, settings.maintain_queue_url),
        bus=parts.bus,
        clock=parts.clock,
        least_grace=settings.least_grace_seconds,
    )


def collect_features(environ: Mapping[str, str]) -> "CollectFeatures":
    from headgate.adapters.aws.feature_catalog import DynamoFeatureCatalog
    from headgate.adapters.aws.garbage_catalog import DynamoGarbageCatalog
    from headgate.adapters.aws.sqs import SqsQueue
    from headgate.services.features.under_way import UnderWay
    from headgate.services.retention.collect_features import CollectFeatures
    from headgate.services.retention.collection_run import CollectionRun

    settings = MaintainSettings.from_env(environ)
    parts = parts_of(settings)
    return CollectFeatures(
        uses=_uses(parts),
        features=DynamoFeatureCatalog(parts.catalog),
        under_way=UnderWay(parts.lake, parts.clock),
        run=CollectionRun(
            collections=DynamoGarbageCatalog(parts.catalog),
            lake=parts.lake,
            queue=SqsQueue(parts.clients, settings.maintain_queue_url),
            bus=parts.bus,
            clock=parts.clock,
            least_grace=settings.least_grace_seconds,
        ),
    )


def _uses(parts: Parts) -> "VersionUses":
    from headgate.adapters.aws.dataset_catalog import DynamoDatasetCatalog
    from headgate.adapters.aws.feature_catalog import DynamoFeatureCatalog
    from headgate.adapters.aws.model_catalog import DynamoModelCatalog
    from headgate.adapters.aws.ref_catalog import DynamoRefCatalog
    from headgate.adapters.aws.run_catalog import DynamoRunCatalog
    from headgate.services.retention.version_uses import VersionUses

    return VersionUses(
        products=parts.products,
        datasets=DynamoDatasetCatalog(parts.catalog),
        refs=DynamoRefCatalog(parts.catalog),
        features=DynamoFeatureCatalog(parts.catalog),
        runs=DynamoRunCatalog(parts.catalog),
        models=DynamoModelCatalog(parts.catalog),
    )


def diff_versions(environ: Mapping[str, str]) -> "DiffVersions":
    from headgate.adapters.aws.s3_access import s3_access
    from headgate.adapters.engines.duckdb_diff import DuckDbDiffEngine
    from headgate.services.versions.diff_versions import DiffVersions

    settings = MaintainSettings.from_env(environ)
    parts = parts_of(settings)
    limits = replace(limits_of(settings.memory_mb), spill_bytes=DIFF_SPILL_BYTES)
    engine = DuckDbDiffEngine(limits, sql_scratch(), s3_access(parts.clients), httpfs())
    return DiffVersions(parts.datasets(), engine)


def erase_subject(environ: Mapping[str, str]) -> "EraseSubject":
    from headgate.adapters.aws.erasure_catalog import DynamoErasureCatalog
    from headgate.adapters.aws.sqs import SqsQueue
    from headgate.services.erasure.erase_data import EraseData
    from headgate.services.erasure.erase_made import EraseMade
    from headgate.services.erasure.erase_subject import EraseSubject
    from headgate.services.features.under_way import UnderWay

    settings = MaintainSettings.from_env(environ)
    parts = parts_of(settings)
    datasets, finder = parts.datasets(), _finder(parts, settings)
    made = EraseMade(
        *(finder.datasets, finder.quarantine, finder.landing, parts.lake, finder.artifacts, finder.logs),
        *(finder.online, finder.engine, parts.scratch, parts.clock),
    )
    data = EraseData(datasets, finder.engine, parts.scratch)
    return EraseSubject(
        *(finder, data, made, DynamoErasureCatalog(parts.catalog), datasets),
        queue=SqsQueue(parts.clients, settings.maintain_queue_url),
        under_way=UnderWay(parts.lake, parts.clock),
    )


def _finder(parts: Parts, settings: MaintainSettings) -> "FindSubject":
    from headgate.adapters.aws.dataset_catalog import DynamoDatasetCatalog
    from headgate.adapters.aws.model_catalog import DynamoModelCatalog
    from headgate.adapters.aws.online import DynamoOnlineStore
    from headgate.adapters.aws.quarantine_catalog import DynamoQuarantineCatalog
    from headgate.adapters.aws.run_catalog import DynamoRunCatalog
    from headgate.adapters.aws.s3_access import s3_access
    from headgate.adapters.engines.duckdb_erasure import DuckDbErasureEngine
    from headgate.services.erasure.find_subject import FindSubject

    limits, access = limits_of(settings.memory_mb), s3_access(parts.clients)
    return FindSubject(
        products=parts.products,
        datasets=DynamoDatasetCatalog(parts.catalog),
        runs=DynamoRunCatalog(parts.catalog),
        models=DynamoModelCatalog(parts.catalog),
        quarantine=DynamoQuarantineCatalog(parts.catalog),
        landing=parts.bucket(settings.landing_bucket),
        lake=parts.lake,
        artifacts=parts.bucket(settings.models_bucket),
        logs=parts.bucket(settings.logs_bucket),
        online=DynamoOnlineStore(parts.table(settings.online_table), parts.clock),
        engine=DuckDbErasureEngine(limits, sql_scratch(), access, httpfs()),
        scratch=parts.scratch,
    )
