"""Building features: the ``build_features`` function and its job."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from headgate.bootstrap.parts import parts_of, price_table
from headgate.bootstrap.sql import FEATURE_JOB_SECONDS
from headgate.config import BuildFeaturesSettings, FeatureJobSettings

if TYPE_CHECKING:
    from headgate.services.dispatch.answer_feature_requests import AnswerFeatureRequests
    from headgate.services.features.build_features import BuildFeatures
    from headgate.services.features.make_feature_share import MakeFeatureShare


def build_features(environ: Mapping[str, str]) -> "BuildFeatures":
    from headgate.adapters.aws.batch import AwsBatchCompute
    from headgate.adapters.aws.dataset_catalog import DynamoDatasetCatalog
    from headgate.adapters.aws.feature_catalog import DynamoFeatureCatalog
    from headgate.adapters.aws.model_catalog import DynamoModelCatalog
    from headgate.adapters.aws.online import DynamoOnlineStore
    from headgate.services.features.build_features import BuildFeatures
    from headgate.services.features.feature_compute import FeatureCompute, FeatureJobs

    settings = BuildFeaturesSettings.from_env(environ)
    parts = parts_of(settings)
    compute = AwsBatchCompute(parts.clients, settings.batch_queues, settings.batch_job_definitions)
    decide = FeatureCompute(price_table(), settings.largest_build_bytes, settings.memory_mb)
    features = DynamoFeatureCatalog(parts.catalog)
    return BuildFeatures(
        products=parts.products,
        datasets=DynamoDatasetCatalog(parts.catalog),
        features=features,
        lake=parts.lake,
        engine=parts.feature_engine(settings.memory_mb),
        online=DynamoOnlineStore(parts.table(settings.online_table), parts.clock),
        bus=parts.bus,
        guard=parts.guard,
        clock=parts.clock,
        scratch=parts.scratch,
        jobs=FeatureJobs(compute, parts.lake, features, decide, parts.clock),
        models=DynamoModelCatalog(parts.catalog),
    )


def feature_job(environ: Mapping[str, str]) -> "MakeFeatureShare":
    """What a Batch worker makes of a build that is too large for the function."""
    from headgate.adapters.aws.dataset_catalog import DynamoDatasetCatalog
    from headgate.adapters.aws.feature_catalog import DynamoFeatureCatalog
    from headgate.services.features.make_feature_share import MakeFeatureShare

    settings = FeatureJobSettings.from_env(environ)
    parts = parts_of(settings)
    return MakeFeatureShare(
        products=parts.products,
        datasets=DynamoDatasetCatalog(parts.catalog),
        lake=parts.lake,
        engine=parts.feature_engine(settings.job_memory_mb, os.cpu_count() or 2, FEATURE_JOB_SECONDS),
        scratch=parts.scratch,
        features=DynamoFeatureCatalog(parts.catalog),
    )


def feature_requests(environ: Mapping[str, str]) -> "AnswerFeatureRequests":
    """The part of the ``build_features`` function that does what someone asked for."""
    from headgate.services.dispatch.answer_feature_requests import AnswerFeatureRequests
    from headgate.services.features.check_parity import CheckParity

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
