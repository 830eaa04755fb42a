"""What happens to a trained model: the ``register`` and ``monitor`` functions."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from headgate.bootstrap.parts import Parts, parts_of, price_table
from headgate.config import MonitorSettings, RegisterSettings

if TYPE_CHECKING:
    from headgate.adapters.aws.model_catalog import DynamoModelCatalog
    from headgate.ports import EvaluationEngine
    from headgate.services.dispatch.end_job import EndJob
    from headgate.services.reproduction.judge_reproduction import JudgeReproduction
    from headgate.services.serving.monitor_model import MonitorModel


def register(environ: Mapping[str, str]) -> "EndJob":
    from headgate.adapters.aws.experiment_catalog import DynamoExperimentCatalog
    from headgate.adapters.aws.feature_catalog import DynamoFeatureCatalog
    from headgate.adapters.aws.kms import KmsSigner
    from headgate.adapters.aws.model_catalog import DynamoModelCatalog
    from headgate.adapters.aws.release_catalog import DynamoReleaseCatalog
    from headgate.adapters.aws.run_catalog import DynamoRunCatalog
    from headgate.adapters.engines.onnx_runtime import OnnxModelRuntime
    from headgate.services.dispatch.end_job import EndJob, trials_with
    from headgate.services.models.register_model import RegisterModel

    settings = RegisterSettings.from_env(environ)
    parts = parts_of(settings)
    models, evaluation = DynamoModelCatalog(parts.catalog), parts.evaluation(settings.memory_mb)
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
        reproductions=_judging(parts, settings, models, evaluation.engine),
        releases=DynamoReleaseCatalog(parts.catalog),
        features=DynamoFeatureCatalog(parts.catalog),
        signer=KmsSigner(parts.clients, settings.signing_key),
    )
    return EndJob(register, trials_with(register, DynamoExperimentCatalog(parts.catalog)))


def _judging(
    parts: Parts, settings: RegisterSettings, models: "DynamoModelCatalog", engine: "EvaluationEngine"
) -> "JudgeReproduction":
    from headgate.services.reproduction.judge_reproduction import JudgeReproduction

    return JudgeReproduction(
        models=models,
        artifacts=parts.bucket(settings.models_bucket),
        engine=engine,
        conclude=parts.conclusion(settings.models_bucket),
        scratch=parts.scratch,
    )


def monitor(environ: Mapping[str, str]) -> "MonitorModel":
    from headgate.adapters.aws.feature_catalog import DynamoFeatureCatalog
    from headgate.adapters.aws.model_catalog import DynamoModelCatalog
    from headgate.adapters.engines.onnx_runtime import OnnxModelRuntime
    from headgate.services.serving.monitor_model import MonitorModel

    settings = MonitorSettings.from_env(environ)
    parts = parts_of(settings)
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
