"""Experiments: one search over configurations, its trials as runs, and what came of it. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from headgate.domain.canonical import digest
from headgate.domain.errors import InvalidRequest
from headgate.domain.run import RunRecord

ExperimentState = Literal["SUBMITTED", "FINISHED", "REFUSED", "FAILED"]
TRIALS_FORMAT = "headgate.trials/1"
RESULTS_FORMAT = "headgate.experiment/1"
TRIALS, RESULTS = "trials.json", "results.json"


@dataclass(frozen=True)
class Experiment:
    """``id`` is the digest of what is searched: its trials' run specs. ``runs`` are their digests, in the
    order of the configurations. Money is US dollars.
    """

    product: str
    id: str
    model: str
    state: ExperimentState
    method: str
    metric: str
    direction: str
    runs: tuple[str, ...]
    trials_uri: str
    compute_class: str
    estimated_cost_usd: float
    submitted_by: str
    created_at: str
    job_id: str | None = None
    reason: str | None = None
    finished_at: str | None = None
    best_run: str | None = None
    significance: Mapping[str, Any] | None = None
    """The best trial against the champion: ``{"against", "metric", "value", "low", "high", "resamples"}``, or
    ``{"against", "metric", "reason"}`` where the two do not compare.
    """
    model_version: int | None = None
    attempt: int = 1
    array: tuple[str, ...] = ()
    """The runs that are this experiment's to compute, in the order of the array job's indices. What was
    known before is not among them.
    """
    purpose: str = ""
    """Why it was asked for, in the words of who did."""
    cost_usd: float | None = None
    seconds: float | None = None
    """What its array took in all."""

    @property
    def reservation(self) -> str:
        name = f"experiment-{self.id}"
        return name if self.attempt == 1 else f"{name}-{self.attempt}"

    @property
    def month(self) -> str:
        return self.created_at[:7]

    @property
    def turned_away(self) -> bool:
        """Refused before any job ran: later there may be money, or compute."""
        return self.state == "REFUSED" and self.job_id is None

    @property
    def claimed(self) -> bool:
        """Its job is not submitted yet: a worker is at it, or died before."""
        return self.state == "SUBMITTED" and self.job_id is None and bool(self.array)

    def job_of(self, run: str) -> str | None:
        """The Batch job that computes a run of it, where it is submitted."""
        if self.job_id is None or run not in self.array:
            return None
        return self.job_id if len(self.array) == 1 else f"{self.job_id}:{self.array.index(run)}"

    def run_at(self, index: int) -> str:
        """The run of a child of the array job. Raises InvalidRequest for an index that is none of its."""
        if not 0 <= index < len(self.array):
            raise InvalidRequest(f"experiment {self.id[:12]} has {len(self.array)} jobs, none at {index}")
        return self.array[index]

    def best(self, metrics: Mapping[str, Mapping[str, float]]) -> str | None:
        """The run with the best value; of equals the first. None when no run has one."""
        known = [run for run in self.runs if math.isfinite(metrics.get(run, {}).get(self.metric, math.nan))]
        if not known:
            return None
        pick = max if self.direction == "max" else min
        return pick(known, key=lambda run: metrics[run][self.metric])

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Experiment":
        sequences = {name: tuple(document.get(name, ())) for name in ("runs", "array")}
        return cls(**{**document, **sequences})


def experiment_id(runs: Sequence[str], metric: str, direction: str) -> str:
    """Equal trials, judged alike, are one experiment."""
    return digest({"format": RESULTS_FORMAT, "runs": list(runs), "metric": metric, "direction": direction})


def trials_prefix(product: str, experiment: str) -> str:
    """Key prefix of an experiment in the models bucket; ``trials.json`` lists its run specs by index."""
    return f"{product}/experiments/{experiment}"


def trials_document(specs: Sequence[str]) -> dict[str, Any]:
    """``specs`` are the URIs of run specs, by index of the array job."""
    return {"format": TRIALS_FORMAT, "runs": list(specs)}


def experiment_of(uri: str) -> tuple[str, str] | None:
    """(product, experiment) of the URI of a list of trials, or None for any other."""
    parts = urlsplit(uri).path.rstrip("/").split("/")
    if len(parts) < 4 or parts[-1] != TRIALS or parts[-3] != "experiments":
        return None
    return parts[-4], parts[-2]


def experiment_node(product: str, experiment: str) -> str:
    return f"experiment/{product}/{experiment}"


def trial_row(experiment: Experiment, run: RunRecord | None, digest: str) -> dict[str, Any]:
    """One row of the results: a trial that has no record yet is only its digest."""
    if run is None:
        return {"run": digest, "state": "SUBMITTED", "computed_here": digest in experiment.array}
    return {
        "run": digest,
        "state": run.state,
        "reason": run.reason,
        "params": dict(run.params or {}),
        "metrics": dict(run.metrics or {}),
        "seconds": run.seconds,
        "cost_usd": run.cost_usd,
        "job_id": run.job_id or experiment.job_of(digest),
        "digests": dict(run.digests or {}),
        "model_version": run.model_version,
        "best": digest == experiment.best_run,
        "computed_here": digest in experiment.array,
    }


def plain_numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Those of a trainer's metrics that are plain finite numbers."""
    return {
        name: float(value)
        for name, value in metrics.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }
