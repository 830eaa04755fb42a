"""Experiments: one search over configurations, its trials as runs, and what came of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

ExperimentState = Literal["SUBMITTED", "FINISHED", "REFUSED", "FAILED"]
TRIALS_FORMAT = "headgate.trials/1"


@dataclass(frozen=True)
class Experiment:
    """``id`` is the digest of what is searched: its trials' run specs. ``runs`` are their digests, in the
    order of the array job's indices. Money is US dollars.
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
    """The best trial against the champion: ``{"against", "value", "low", "high", "resamples"}``."""
    model_version: int | None = None
    attempt: int = 1

    @property
    def reservation(self) -> str:
        name = f"experiment-{self.id}"
        return name if self.attempt == 1 else f"{name}-{self.attempt}"

    @property
    def month(self) -> str:
        return self.created_at[:7]

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Experiment":
        return cls(**{**document, "runs": tuple(document["runs"])})


def trials_prefix(product: str, experiment: str) -> str:
    """Key prefix of an experiment in the models bucket; ``trials.json`` lists its run specs by index."""
    return f"{product}/experiments/{experiment}"
