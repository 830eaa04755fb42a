"""Experiments and the month's budget for people: read, never changed.

Every method asks the product's policy first: ``headgate:ReadProduct`` on the product, as for runs.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from headgate.domain.errors import NotFound
from headgate.domain.experiment import RESULTS, Experiment, trial_row, trials_prefix
from headgate.domain.identity import Principal
from headgate.domain.run import RunRecord
from headgate.ports import Clock, ExperimentCatalog, Ledger, ObjectStore, RunCatalog
from headgate.services.access import Guard
from headgate.services.products import AppliedProduct, Products


@dataclass(frozen=True)
class ShowExperiments:
    """The use case. Each method raises NotFound and AccessDenied."""

    products: Products
    experiments: ExperimentCatalog
    runs: RunCatalog
    artifacts: ObjectStore
    ledger: Ledger
    guard: Guard
    clock: Clock

    def newest(self, principal: Principal, product: str, limit: int) -> Sequence[Experiment]:
        self._readable(principal, product)
        return self.experiments.experiments(product, limit)

    def show(self, principal: Principal, product: str, name: str) -> dict[str, Any]:
        """The experiment with ``trials``: a row for each run in the order of its configurations, with its
        learning curve once all have ended.
        """
        self._readable(principal, product)
        experiment = self.experiments.experiment(product, name)
        results = self._results(experiment)
        rows = [self._row(experiment, run, results.get(run, {})) for run in experiment.runs]
        return {**asdict(experiment), "trials": rows}

    def budget(self, principal: Principal, product: str, month: str | None) -> dict[str, Any]:
        """``{"product", "month", "limit", "reserved", "spent", "left"}`` in US dollars; ``month`` is
        ``yyyy-mm``. The limit of the present month is the declared one, of another the last it had.
        """
        applied = self._readable(principal, product)
        present = f"{self.clock.now():%Y-%m}"
        account = self.ledger.budget(product, month or present)
        limit, training = account.limit, applied.product.training
        if account.month == present:
            limit = training.budget_usd_per_month if training is not None else 0.0
        left = round(limit - account.reserved - account.spent, 6)
        return {**asdict(account), "limit": limit, "left": left}

    def _row(self, experiment: Experiment, run: str, result: Mapping[str, Any]) -> dict[str, Any]:
        """A run of another submission may not have its metrics in its record: the results do."""
        row = trial_row(experiment, self._run(experiment.product, run), run)
        metrics = row["metrics"] or result.get("metrics")
        return {**row, "metrics": metrics, "learning_curve": result.get("learning_curve", [])}

    def _run(self, product: str, digest: str) -> RunRecord | None:
        try:
            return self.runs.run(product, digest)
        except NotFound:
            return None

    def _results(self, experiment: Experiment) -> Mapping[str, Mapping[str, Any]]:
        """The rows that were kept when all had ended, by run."""
        key = f"{trials_prefix(experiment.product, experiment.id)}/{RESULTS}"
        try:
            rows = json.loads(self.artifacts.get(key))["trials"] if experiment.finished_at else []
        except NotFound:
            return {}
        return {row["run"]: row for row in rows}

    def _readable(self, principal: Principal, product: str) -> AppliedProduct:
        applied = self.products.get(product)
        self.guard.require_reading(applied, principal)
        return applied
