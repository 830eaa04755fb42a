"""The control plane's use cases about runs and experiments. Only ``control_plane`` imports this module."""

from typing import TypedDict

from headgate.adapters.aws.batch import AwsBatchCompute
from headgate.adapters.aws.experiment_catalog import DynamoExperimentCatalog
from headgate.adapters.aws.job_logs import CloudWatchJobLogs
from headgate.adapters.aws.run_catalog import DynamoRunCatalog
from headgate.adapters.aws.sqs import SqsQueue
from headgate.bootstrap.parts import Parts, price_table
from headgate.config import ApiSettings
from headgate.services.experiments.show_experiments import ShowExperiments
from headgate.services.training.read_run_logs import ReadRunLogs
from headgate.services.training.request_training import RequestTraining
from headgate.services.training.stop_training import StopTraining


class TrainingDesk(TypedDict):
    request_training: RequestTraining
    experiments: ShowExperiments
    stop_training: StopTraining
    run_logs: ReadRunLogs


def training_desk(parts: Parts, settings: ApiSettings) -> TrainingDesk:
    products, guard, clock = parts.products, parts.guard, parts.clock
    runs, experiments = DynamoRunCatalog(parts.catalog), DynamoExperimentCatalog(parts.catalog)
    # Jobs are looked at and stopped here, never submitted: no queue has a name.
    compute = AwsBatchCompute(parts.clients, {}, {})
    artifacts, ledger = parts.bucket(settings.models_bucket), parts.ledger()
    queue = SqsQueue(parts.clients, settings.train_queue_url)
    return TrainingDesk(
        request_training=RequestTraining(products, guard, queue, price_table()),
        experiments=ShowExperiments(products, experiments, runs, artifacts, ledger, guard, clock),
        stop_training=StopTraining(products, runs, experiments, compute, guard, parts.bus, clock),
        run_logs=ReadRunLogs(products, runs, experiments, compute, CloudWatchJobLogs(parts.clients), guard),
    )
