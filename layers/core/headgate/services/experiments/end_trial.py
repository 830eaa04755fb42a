"""A trial's job has ended: its run is settled, and nothing is registered. Whoever ends last lets the
experiment finish.

Order of side effects: cost, lineage or failure, run record, and then the experiment's own end. Until the
record says how the run ended, a redelivery takes every step again.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from headgate.domain.cost import PriceTable
from headgate.domain.errors import Corrupted, InvalidRequest, NotFound
from headgate.domain.experiment import Experiment, experiment_of, plain_numbers
from headgate.domain.job import SUCCEEDED, Job
from headgate.domain.run import RunRecord
from headgate.ports import Clock, EventBus, ExperimentCatalog, RunCatalog
from headgate.services.clock import iso
from headgate.services.experiments.finish_experiment import FinishExperiment
from headgate.services.experiments.trial_facts import trial_cost, trial_ended
from headgate.services.models.register_model import run_of_spec
from headgate.services.training.trainer_outputs import TrainerOutputs


@dataclass(frozen=True)
class TrialOutcome:
    """``state`` is running, succeeded, failed or known of a trial, or that of an experiment's job alone."""

    state: str
    product: str
    experiment: Experiment
    run: RunRecord | None = None


@dataclass(frozen=True)
class EndTrial:
    """The use case."""

    experiments: ExperimentCatalog
    runs: RunCatalog
    outputs: TrainerOutputs
    bus: EventBus
    clock: Clock
    prices: PriceTable
    finishing: FinishExperiment

    def experiment_of_job(self, spec_uri: str) -> Experiment | None:
        """The experiment a job belongs to, by what it was submitted with; None for a run of its own."""
        if (named := experiment_of(spec_uri)) is not None:
            return self.experiments.experiment(*named)
        product, run = run_of_spec(spec_uri)
        record = self.runs.run(product, run)
        if record.experiment is None:
            return None
        return self.experiments.experiment(product, record.experiment)

    def on_job_ended(
        self, experiment: Experiment, spec_uri: str, job: Job, index: int | None
    ) -> TrialOutcome:
        """Takes the end of a child, of the array itself, or of a trial that is a job alone. Other states
        change nothing. Raises NotFound and InvalidRequest for what is no trial of the experiment.
        """
        if experiment_of(spec_uri) is not None and index is None:
            return TrialOutcome("array", experiment.product, self._finish(experiment))
        name = run_of_spec(spec_uri)[1] if index is None else experiment.run_at(index)
        run = self.runs.run(experiment.product, name)
        if not job.ended:
            return TrialOutcome("running", experiment.product, experiment, run)
        known = run.ended
        if not known:
            run = self._ended(run, job)
        usd = self.prices.compute_usd(run.compute_class, job.seconds)
        self.bus.publish([trial_cost(run, job, usd)])
        if run.job_id in (None, job.id):
            self.bus.publish([trial_ended(run)])
        if not known:
            self.runs.update_run(run)
        state = "known" if known else run.state.lower()
        return TrialOutcome(state, experiment.product, self._finish(experiment), run)

    def after_run(self, product: str, run: str) -> list[Experiment]:
        """Finishes the experiments that waited for a run of another submission."""
        waiting = [
            each
            for each in self.experiments.experiments(product)
            if each.state == "SUBMITTED" and run in each.runs
        ]
        return [self._finish(each) for each in waiting]

    def _finish(self, experiment: Experiment) -> Experiment:
        return self.finishing.finish(experiment.product, experiment.id)

    def _ended(self, run: RunRecord, job: Job) -> RunRecord:
        ended = iso(self.clock.now())
        if job.stopped_at is not None:
            ended = iso(datetime.fromtimestamp(job.stopped_at / 1000, UTC))
        usd = self.prices.compute_usd(run.compute_class, job.seconds)
        record = replace(run, job_id=job.id, seconds=job.seconds, cost_usd=usd, finished_at=ended)
        if job.state != SUCCEEDED:
            return replace(record, state="FAILED", reason=job.failure)
        try:
            metrics = plain_numbers(self.outputs.manifest(run).metrics)
        except (Corrupted, InvalidRequest, NotFound) as problem:
            return replace(record, state="FAILED", reason=f"the job's outputs cannot be used: {problem}")
        return replace(record, state="SUCCEEDED", metrics=metrics)
