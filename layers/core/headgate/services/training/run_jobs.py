"""Which Batch job computes a run: its own, or its place in the array of its experiment."""

from headgate.domain.run import RunRecord
from headgate.ports import ExperimentCatalog


def job_of_run(experiments: ExperimentCatalog, run: RunRecord) -> str | None:
    """The job's id, None before there is one. Raises NotFound when the run's experiment is not there."""
    if run.experiment is None or run.job_id is not None:
        return run.job_id
    return experiments.experiment(run.product, run.experiment).job_of(run.digest)
