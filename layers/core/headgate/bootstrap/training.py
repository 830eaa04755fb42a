"""Training and making models again: the ``train`` function and the job of reproductions."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from headgate.bootstrap.parts import new_id, parts_of, price_table
from headgate.bootstrap.sql import FEATURE_JOB_SECONDS
from headgate.config import ReproduceJobSettings, TrainSettings

if TYPE_CHECKING:
    from headgate.services.dispatch.answer_training_requests import AnswerTrainingRequests
    from headgate.services.reproduction.rebuild_features import RebuildFeatures
    from headgate.services.reproduction.run_reproduction import RunReproduction


def train(environ: Mapping[str, str]) -> "AnswerTrainingRequests":
    from headgate.adapters.aws.batch import AwsBatchCompute
    from headgate.adapters.aws.experiment_catalog import DynamoExperimentCatalog, DynamoTriggerCatalog
    from headgate.adapters.aws.feature_catalog import DynamoFeatureCatalog
    from headgate.adapters.aws.run_catalog import DynamoRunCatalog
    from headgate.adapters.aws.sqs import SqsQueue
    from headgate.services.dispatch.answer_training_requests import AnswerTrainingRequests
    from headgate.services.experiments.run_experiment import RunExperiment
    from headgate.services.training.submit_training import SubmitTraining

    settings = TrainSettings.from_env(environ)
    parts = parts_of(settings)
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
    from headgate.services.reproduction.run_reproduction import RunReproduction

    settings = TrainSettings.from_env(environ)
    parts = parts_of(settings)
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
    from headgate.services.reproduction.rebuild_features import RebuildFeatures
    from headgate.services.reproduction.recorded_closure import FindClosure
    from headgate.services.reproduction.verify_closure import VerifyClosure

    settings = ReproduceJobSettings.from_env(environ)
    parts = parts_of(settings)
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
        clock=parts.clock,
    )
