"""The end of a training job: a run of its own becomes a model version, a trial a row of its experiment."""

from dataclasses import dataclass

from headgate.domain.experiment import Experiment
from headgate.domain.job import Job
from headgate.ports import ExperimentCatalog
from headgate.services.experiments.compare_trials import CompareTrials
from headgate.services.experiments.end_trial import EndTrial, TrialOutcome
from headgate.services.experiments.finish_experiment import FinishExperiment
from headgate.services.models.register_model import RegisterModel, RegisterOutcome


@dataclass(frozen=True)
class EndJob:
    """The use case."""

    register: RegisterModel
    trials: EndTrial

    def on_job_ended(self, spec_uri: str, job: Job, index: int | None) -> RegisterOutcome | TrialOutcome:
        """Raises NotFound for a run or experiment that is unknown, InvalidRequest for what is no run's."""
        experiment = self.trials.experiment_of_job(spec_uri)
        if experiment is not None:
            return self.trials.on_job_ended(experiment, spec_uri, job, index)
        outcome = self.register.on_job_ended(spec_uri, job)
        if outcome.run.ended:
            self.trials.after_run(outcome.run.product, outcome.run.digest)
        return outcome

    def on_experiment_submitted(self, product: str, experiment: str) -> Experiment:
        """Every trial may be known already: then nothing else tells that it has ended."""
        return self.trials.finishing.finish(product, experiment)


def trials_with(register: RegisterModel, experiments: ExperimentCatalog) -> EndTrial:
    """The end of trials over what registration works with: the best of them becomes a version by it."""
    outputs = register.outputs
    comparing = CompareTrials(register.runs, register.models, outputs, register.evaluation, register.scratch)
    finishing = FinishExperiment(
        products=register.products,
        experiments=experiments,
        runs=register.runs,
        artifacts=register.artifacts,
        outputs=outputs,
        ledger=register.ledger,
        bus=register.bus,
        comparing=comparing,
        registers=register,
    )
    return EndTrial(
        experiments, register.runs, outputs, register.bus, register.clock, register.prices, finishing
    )
