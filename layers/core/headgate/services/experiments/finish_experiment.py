"""An experiment ends when every one of its runs has: money, table, best trial, significance, registration.

Whoever sees the last run ended does it; two who do it at once do the same. Order of side effects: money,
registration, results, events, record: until that says that it is finished, a repeat takes every step again.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from headgate.domain.canonical import canonical_json
from headgate.domain.errors import Corrupted, InvalidRequest, NotFound
from headgate.domain.experiment import (
    RESULTS,
    RESULTS_FORMAT,
    Experiment,
    plain_numbers,
    trial_row,
    trials_prefix,
)
from headgate.domain.model import ModelVersion
from headgate.domain.run import RunRecord
from headgate.domain.training import TrainingConfig
from headgate.ports import EventBus, ExperimentCatalog, Ledger, ObjectStore, RunCatalog
from headgate.services.experiments.compare_trials import CompareTrials, is_better
from headgate.services.experiments.trial_facts import experiment_finished
from headgate.services.products import AppliedProduct, Products
from headgate.services.training.trainer_outputs import TrainerOutputs, output_key

MOST_POINTS = 200
"""Of a learning curve in the results: more are thinned out evenly."""


class Registered(Protocol):
    """What became of a run."""

    @property
    def run(self) -> RunRecord: ...
    @property
    def model(self) -> ModelVersion | None: ...


class Registers(Protocol):
    """Makes a model version of a run whose outputs are there."""

    def register_run(self, product: str, run: str, challenge: bool = True) -> Registered:
        """Without ``challenge`` its version gets no alias. Raises NotFound, AccessDenied; a gate that fails
        is an outcome.
        """
        ...


@dataclass(frozen=True)
class FinishExperiment:
    """The use case."""

    products: Products
    experiments: ExperimentCatalog
    runs: RunCatalog
    artifacts: ObjectStore
    outputs: TrainerOutputs
    ledger: Ledger
    bus: EventBus
    comparing: CompareTrials
    registers: Registers

    def finish(self, product: str, name: str) -> Experiment:
        """The experiment as it is now: finished, if all its runs have ended. Raises NotFound."""
        experiment = self.experiments.experiment(product, name)
        if experiment.state != "SUBMITTED" or experiment.claimed:
            return experiment
        records = self._ended(experiment)
        if records is None:
            return experiment
        runs = [self._measured(run) for run in records]
        own = [run for run in runs if run.experiment == experiment.id]
        spent = sum(run.cost_usd or 0.0 for run in own)
        self.ledger.settle(product, experiment.month, experiment.reservation, spent)
        ended = replace(
            experiment,
            cost_usd=spent,
            seconds=sum(run.seconds or 0.0 for run in own),
            finished_at=max(run.finished_at or run.created_at for run in runs),
        )
        finished = self._judged(ended, runs)
        runs = [self._measured(self.runs.run(product, run.digest)) for run in runs]  # the best is a version
        self._keep(finished, runs)
        self.bus.publish(experiment_finished(finished, runs))
        self.experiments.update_experiment(finished)
        return finished

    def _ended(self, experiment: Experiment) -> list[RunRecord] | None:
        """Its runs in their order, or None at the first that is at work: the last of an array starts last, so
        that most looks read one record.
        """
        found = []
        for digest in reversed(experiment.runs):
            run = self.runs.run(experiment.product, digest)
            if not run.ended:
                return None
            found.append(run)
        return found[::-1]

    def _judged(self, experiment: Experiment, runs: Sequence[RunRecord]) -> Experiment:
        """With its best run and its version, which may challenge where it is better beyond chance."""
        best = experiment.best({run.digest: run.metrics or {} for run in runs})
        if best is None:
            reason = f"no trial has a {experiment.metric}; {_failures(runs)}"
            return replace(experiment, state="FAILED", reason=reason)
        found = replace(experiment, state="FINISHED", best_run=best)
        applied = self.products.get(experiment.product)
        config = applied.product.training
        if config is None or config.model != experiment.model or config.search is None:
            return replace(found, reason="the product no longer declares this search: nothing is registered")
        run = next(each for each in runs if each.digest == best)
        return self._registered(found, applied, config, run)

    def _registered(
        self, found: Experiment, applied: AppliedProduct, config: TrainingConfig, run: RunRecord
    ) -> Experiment:
        significance = self.comparing.significance(applied, config, run, found.array)
        found = replace(found, significance=significance)
        better = is_better(significance)
        outcome = self.registers.register_run(run.product, run.digest, challenge=better)
        version = outcome.model.version if outcome.model is not None else None
        if version is None:
            return replace(found, reason=f"not registered: {outcome.run.reason}")
        return replace(found, model_version=version, reason=None if better else _not_better(significance))

    def _measured(self, run: RunRecord) -> RunRecord:
        """With what its trainer measured: a run of another submission may not have it in its record."""
        if run.metrics is not None or run.turned_away or run.state == "FAILED":
            return run
        try:
            return replace(run, metrics=plain_numbers(self.outputs.manifest(run).metrics))
        except (Corrupted, InvalidRequest, NotFound):
            return run

    def _keep(self, experiment: Experiment, runs: Sequence[RunRecord]) -> None:
        """The table beside the trials, with each run's learning curve."""
        rows = [
            {**trial_row(experiment, run, run.digest), "learning_curve": self._curve(run)} for run in runs
        ]
        document = {
            "format": RESULTS_FORMAT,
            "experiment": experiment.id,
            "product": experiment.product,
            "model": experiment.model,
            "metric": experiment.metric,
            "direction": experiment.direction,
            "best_run": experiment.best_run,
            "significance": experiment.significance,
            "trials": rows,
        }
        key = f"{trials_prefix(experiment.product, experiment.id)}/{RESULTS}"
        self.artifacts.put(key, canonical_json(document), "application/json")

    def _curve(self, run: RunRecord) -> list[Mapping[str, Any]]:
        """Empty for a trainer that keeps none, and for a run without outputs."""
        try:
            metrics = json.loads(self.artifacts.get(output_key(run.product, run.digest, "metrics.json")))
        except (NotFound, ValueError):
            return []
        curve = metrics.get("learning_curve") if isinstance(metrics, dict) else None
        if not isinstance(curve, list):
            return []
        step = max(1, -(-len(curve) // MOST_POINTS))
        return [*curve[::step], *(curve[-1:] if (len(curve) - 1) % step else [])]


def _failures(runs: Sequence[RunRecord]) -> str:
    reasons = sorted({run.reason or run.state for run in runs})
    return "; ".join(reasons[:3])


def _not_better(significance: Mapping[str, Any]) -> str:
    if "reason" in significance:
        return f"the best trial may not challenge {significance['against']}: {significance['reason']}"
    low, high = significance["low"], significance["high"]
    return (
        f"the best trial is not better than {significance['against']} beyond chance: its gain of "
        f"{significance['value']:.4f} {significance['metric']} lies between {low:.4f} and {high:.4f}"
    )
