"""An experiment on the small product: its search, and what its trials' jobs would leave and tell."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from headgate.adapters.memory import LogisticModel
from headgate.domain.experiment import Experiment
from headgate.domain.job import Job
from headgate.services.experiments.end_trial import TrialOutcome

from tests.support.memory_platform import MemoryPlatform
from tests.support.small_product import bundle
from tests.support.trained_run import BLIND, FAIR, GOOD, TrainedRun, described, job, spec_uri

SEARCH: Mapping[str, Any] = {"method": "grid", "space": {"rounds": [5, 6, 7, 8]}}
MODELS: Sequence[LogisticModel] = (BLIND, FAIR, GOOD, BLIND)
"""By index: the third is the best."""


def searching(search: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """The product's bundle with a search."""
    return bundle(training={**bundle()["training"], "search": dict(search or SEARCH), **changes})


def run_experiment(platform: MemoryPlatform) -> Experiment:
    """Asked for, as the only one there is."""
    outcome = platform.experiment.run("shops", "user/alice", "which depth")
    assert outcome.experiment is not None, outcome.reason
    return outcome.experiment


def leave_outputs(
    platform: MemoryPlatform, experiment: Experiment, models: Sequence[LogisticModel] = MODELS
) -> None:
    """What the array's jobs write: each run's outputs, with its metrics and its learning curve."""
    for digest, model in zip(experiment.array, models, strict=False):
        run = platform.catalog.run("shops", digest)
        trained = TrainedRun(platform, run, model)
        labels = trained.holdout()["bought"].to_pylist()
        scores = model.score({name: trained.holdout()[name].to_pylist() for name in model.weights})
        auc = platform.statistics.metric("auc", labels, scores)
        curve = [{"iteration": n, "auc": auc * n / 5} for n in range(1, 6)]
        body = json.dumps({"holdout": {"auc": auc}, "learning_curve": curve}).encode()
        trained.files["metrics.json"] = body
        trained.manifest["files"]["metrics.json"] = described(body)
        trained.manifest["metrics"] = {"auc": auc, "calibration": [], "log_loss": 1 - auc}
        trained.write()


def trials_uri(experiment: Experiment) -> str:
    """The address of its list of trials, as the array's jobs have it."""
    return f"s3://models/{experiment.product}/experiments/{experiment.id}/trials.json"


def child(experiment: Experiment, index: int, state: str = "SUCCEEDED", seconds: int = 36) -> Job:
    """The end of one of the array's jobs; each a second after the one before."""
    started = 1_893_456_000_000 + index * 1000
    run = experiment.array[index]
    return Job(
        id=f"{experiment.job_id}:{index}",
        name=f"trial-{run[:6]}",
        state=state,
        reason=None if state == "SUCCEEDED" else "Essential container in task exited",
        exit_code=0 if state == "SUCCEEDED" else 1,
        started_at=started,
        stopped_at=started + seconds * 1000,
        log_stream=None,
    )


def end(platform: MemoryPlatform, experiment: Experiment, index: int, **changes: Any) -> TrialOutcome:
    """Tells the platform that a child of the array has ended."""
    told = platform.end_job.on_job_ended(trials_uri(experiment), child(experiment, index, **changes), index)
    assert isinstance(told, TrialOutcome)
    return told


def end_array(platform: MemoryPlatform, experiment: Experiment, state: str = "SUCCEEDED") -> TrialOutcome:
    """Tells the platform that the array's parent has ended."""
    parent = Job(experiment.job_id or "", "array", state, None, None, None, None, None)
    told = platform.end_job.on_job_ended(trials_uri(experiment), parent, None)
    assert isinstance(told, TrialOutcome)
    return told


def train_now(platform: MemoryPlatform, model: LogisticModel = GOOD) -> None:
    """A run of its own, registered."""
    outcome = platform.train.consider("shops")
    assert outcome.run is not None
    TrainedRun(platform, outcome.run, model).write()
    platform.end_job.on_job_ended(spec_uri(outcome.run), job(outcome.run), None)
