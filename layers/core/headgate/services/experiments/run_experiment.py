"""Decides what a search comes to on the newest feature version, and has it submitted as one experiment.

An experiment is named by its trials' run specs and what they are judged by: equal ones are one, however often
they are asked for. Where every trial is known there is no job: the event alone lets the results be put
together.
"""

from dataclasses import dataclass, replace

from headgate.domain import events
from headgate.domain.canonical import short
from headgate.domain.errors import AccessDenied, ConfigurationError, Conflict, NotFound
from headgate.domain.experiment import Experiment, experiment_id
from headgate.domain.policy import hrn
from headgate.domain.search import Search
from headgate.ports import ExperimentCatalog
from headgate.services.clock import iso, parse_iso
from headgate.services.experiments.start_experiment import (
    ExperimentOutcome,
    Plan,
    StartExperiment,
    trials_key,
)
from headgate.services.experiments.trial_runs import TrialRuns
from headgate.services.products import AppliedProduct
from headgate.services.training.start_training import SERVICE
from headgate.services.training.submit_training import SubmitTraining
from headgate.services.training.training_slots import CLAIM_SECONDS
from headgate.services.training.training_spec import TrainingInputs


@dataclass(frozen=True)
class RunExperiment:
    """The use case; it submits with what `SubmitTraining` submits with."""

    training: SubmitTraining
    experiments: ExperimentCatalog

    @property
    def _trials(self) -> TrialRuns:
        training = self.training
        return TrialRuns(training.specs, training.runs, training.models, training.starting)

    @property
    def _starting(self) -> StartExperiment:
        return StartExperiment(self.training, self.experiments, self._trials)

    def run(self, product: str, requested_by: str, purpose: str = "") -> ExperimentOutcome:
        """Submits what the product's search asks for. ``requested_by`` is the principal id that is kept.

        Raises Conflict while another worker may still be submitting the same experiment.
        """
        applied = self.training.products.get(product)
        config = applied.product.training
        if config is None or config.search is None:
            return ExperimentOutcome("waiting", f"product {product} declares no search")
        inputs = self.training.specs.inputs(product, config)
        lacking = self.training.specs.lacking(inputs, config)
        if inputs is None or lacking is not None:
            return self._wait(product, inputs, lacking or "")
        specs = self._trials.of_search(applied, config, config.search, inputs)
        plan = Plan(config, specs, inputs.head.digest)
        name = experiment_id(tuple(specs), config.search.metric, config.search.direction)
        known = self._known(product, name)
        if known is not None and not known.turned_away:
            return self._join(known, plan)
        try:
            record = self._record(product, config.search, plan, known)
        except ConfigurationError as unpriced:
            return self._starting.refuse(product, name, str(unpriced))
        return self._submit(applied, _by(record, requested_by, purpose), plan)

    def _known(self, product: str, name: str) -> Experiment | None:
        try:
            return self.experiments.experiment(product, name)
        except NotFound:
            return None

    def _record(self, product: str, search: Search, plan: Plan, refused: Experiment | None) -> Experiment:
        config, runs = plan.config, tuple(plan.specs)
        array = self._trials.to_compute(product, plan.specs)
        each = self.training.prices.compute_usd(config.compute_class, config.timeout_seconds)
        name = experiment_id(runs, search.metric, search.direction)
        return Experiment(
            product=product,
            id=name,
            model=config.model,
            state="SUBMITTED",
            method=search.method,
            metric=search.metric,
            direction=search.direction,
            runs=runs,
            trials_uri=self.training.models.uri(trials_key(product, name)),
            compute_class=config.compute_class,
            estimated_cost_usd=each * len(array),
            submitted_by=SERVICE.id,
            created_at=iso(self.training.clock.now()),
            attempt=1 if refused is None else refused.attempt + 1,
            array=array,
        )

    def _join(self, known: Experiment, plan: Plan) -> ExperimentOutcome:
        if not known.claimed:
            self._starting.publish_submitted(known)
            reason = f"experiment {short(known.id)} was submitted before; equal trials are one experiment"
            return ExperimentOutcome("known", reason, known)
        age = (self.training.clock.now() - parse_iso(known.created_at)).total_seconds()
        if age <= CLAIM_SECONDS:
            raise Conflict(f"experiment {short(known.id)} is being submitted by another worker; look later")
        return self._starting.start(known, plan)

    def _submit(self, applied: AppliedProduct, record: Experiment, plan: Plan) -> ExperimentOutcome:
        context = {
            "headgate:EstimatedCostUSD": str(round(record.estimated_cost_usd, 6)),
            "headgate:ComputeClass": record.compute_class,
        }
        resource = hrn(record.product, "run", record.id)
        try:
            self.training.guard.require(applied, SERVICE, "headgate:SubmitTraining", resource, context)
        except AccessDenied as denied:
            return self._starting.refuse(record.product, record.id, str(denied))
        if record.attempt > 1:
            self.experiments.update_experiment(record)
        elif not self.experiments.add_experiment(record):
            return self._join(self.experiments.experiment(record.product, record.id), plan)
        return self._starting.start(record, plan)

    def _wait(self, product: str, inputs: TrainingInputs | None, reason: str) -> ExperimentOutcome:
        if inputs is not None:
            now, detail = iso(self.training.clock.now()), {"reason": reason}
            self._starting.publish(events.TRAINING_SKIPPED, product, inputs.head.digest, now, detail)
        return ExperimentOutcome("waiting", reason)


def _by(record: Experiment, principal: str, purpose: str) -> Experiment:
    return replace(record, submitted_by=principal, purpose=purpose)
