"""What the function ``train`` does with a message: train, search, look whose schedule is due, or wait on."""

from dataclasses import dataclass

from headgate.domain.training_request import TrainingRequest
from headgate.services.experiments.run_experiment import RunExperiment
from headgate.services.experiments.start_experiment import ExperimentOutcome
from headgate.services.training.start_training import TrainingOutcome
from headgate.services.training.submit_training import SubmitTraining


@dataclass(frozen=True)
class AnswerTrainingRequests:
    """The use case."""

    training: SubmitTraining
    experiments: RunExperiment

    def answer(self, request: TrainingRequest) -> TrainingOutcome | ExperimentOutcome:
        """Raises what `SubmitTraining.consider` and `RunExperiment.run` raise."""
        if request.kind == "tick":
            return self._tick()
        if request.kind == "experiment":
            return self.experiments.run(request.product, request.principal, request.purpose)
        if request.kind == "deferred":
            return self._deferred(request)
        if request.model is not None and not self._declares(request.product, request.model):
            return TrainingOutcome("skipped", f"product {request.product} trains no model {request.model}")
        return self.training.consider(request.product, request.principal, request.trigger)

    def _tick(self) -> TrainingOutcome:
        """Every product that is due gets a message of its own: what fails for one holds back no other;
        so does what waited and whose message was given up.
        """
        names = [each.name for each in self.training.products.all()]
        due = [name for name in names if self.training.schedule_is_due(name)]
        for name in due:
            asked = TrainingRequest("run", name, "schedule")
            self.training.queue.send(asked.to_message())
        revived = [name for name in names if self.training.slots.revive(name)]
        again = f"; asked again for {', '.join(revived)}" if revived else ""
        return TrainingOutcome("scheduled", f"due are {', '.join(due) or 'none'}{again}")

    def _deferred(self, request: TrainingRequest) -> TrainingOutcome:
        ready = self.training.slots.waiting(request)
        if ready is None:
            return TrainingOutcome("deferred", f"until {request.due}, or with another request")
        outcome = self.training.consider(ready.product, ready.principal, ready.trigger)
        self.training.slots.answered(request)
        return outcome

    def _declares(self, product: str, model: str) -> bool:
        training = self.training.products.get(product).product.training
        return training is not None and training.model == model
