"""Submits an experiment that is claimed: its trials' records, its money, its list of trials, and one job.

Order of side effects: specs and records, reservation, list of trials, job, record, event; a repeat
recognises each, as with a single run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from headgate.domain import events
from headgate.domain.canonical import canonical_json, short
from headgate.domain.errors import Permanent
from headgate.domain.events import DomainEvent
from headgate.domain.experiment import TRIALS, Experiment, trials_document, trials_prefix
from headgate.domain.run import RunSpec
from headgate.domain.training import TrainingConfig
from headgate.ports import ExperimentCatalog
from headgate.services.clock import iso
from headgate.services.experiments.trial_runs import TrialRuns
from headgate.services.training.submit_training import SubmitTraining


@dataclass(frozen=True)
class ExperimentOutcome:
    """``state`` is submitted, known, waiting or refused; ``reason`` says why in a sentence."""

    state: str
    reason: str
    experiment: Experiment | None = None


@dataclass(frozen=True)
class Plan:
    """What a search comes to on one feature version: run specs by digest, in the order of configurations."""

    config: TrainingConfig
    specs: Mapping[str, RunSpec]
    feature_version: str


@dataclass(frozen=True)
class StartExperiment:
    """The use case; it submits with what `SubmitTraining` submits with."""

    training: SubmitTraining
    experiments: ExperimentCatalog
    trials: TrialRuns

    def start(self, record: Experiment, plan: Plan) -> ExperimentOutcome:
        """Refused experiments and their runs may be asked for again."""
        own = self.trials.claim(record, plan.specs, plan.feature_version)
        if own != record.array:
            each = record.estimated_cost_usd / len(record.array)
            record = replace(record, array=own, estimated_cost_usd=each * len(own))
            self.experiments.update_experiment(record)
        if own:
            try:
                record = replace(record, job_id=self._job(record, plan.config))
            except Permanent as refusal:
                return self._turn_away(record, str(refusal))
            self.experiments.update_experiment(record)
        self.publish_submitted(record)
        return ExperimentOutcome("submitted", f"{len(own)} of {len(record.runs)} trials", record)

    def refuse(self, product: str, name: str, reason: str) -> ExperimentOutcome:
        detail = {"experiment": name, "reason": reason}
        self.publish(events.TRAINING_REFUSED, product, name, iso(self.training.clock.now()), detail)
        return ExperimentOutcome("refused", reason)

    def publish_submitted(self, record: Experiment) -> None:
        """Again for every request that finds it: the worker that submitted it may have died before."""
        detail = {
            "experiment": record.id,
            "model": record.model,
            "trials": len(record.runs),
            "computed": len(record.array),
            "job_id": record.job_id,
            "estimated_cost_usd": record.estimated_cost_usd,
        }
        self.publish(events.EXPERIMENT_SUBMITTED, record.product, record.id, record.created_at, detail)

    def publish(self, kind: str, product: str, name: str, time: str, detail: Mapping[str, Any]) -> None:
        self.training.bus.publish([DomainEvent(kind, product, name, time, dict(detail))])

    def _job(self, record: Experiment, config: TrainingConfig) -> str:
        """The array job; of one trial alone, which AWS Batch takes no array of, an ordinary one."""
        training, budget = self.training, config.budget_usd_per_month
        training.ledger.reserve(
            record.product, record.month, record.reservation, budget, record.estimated_cost_usd
        )
        uris = [training.runs.run(record.product, digest).spec_uri for digest in record.array]
        listed = canonical_json(trials_document(uris))
        training.models.put(trials_key(record.product, record.id), listed, "application/json")
        alone = len(uris) == 1
        return training.compute.submit(
            name=f"{record.product}-{record.model}-experiment-{short(record.id)}",
            compute_class=record.compute_class,
            parameters={"run_spec": uris[0] if alone else record.trials_uri},
            timeout_seconds=config.timeout_seconds,
            array_size=None if alone else len(uris),
        )

    def _turn_away(self, record: Experiment, reason: str) -> ExperimentOutcome:
        self.training.ledger.settle(record.product, record.month, record.reservation, 0.0)
        self.trials.turn_away(record, reason)
        self.experiments.update_experiment(replace(record, state="REFUSED", reason=reason))
        return self.refuse(record.product, record.id, reason)


def trials_key(product: str, experiment: str) -> str:
    return f"{trials_prefix(product, experiment)}/{TRIALS}"
