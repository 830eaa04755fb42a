"""What is told of trials and experiments: where a run came from, what it cost, and how a search ended.

Ids and times come from the run and its job, so that a repeat is recognised.
"""

from collections.abc import Mapping, Sequence

from headgate.domain import events
from headgate.domain.events import DomainEvent
from headgate.domain.experiment import Experiment, experiment_node
from headgate.domain.feature_version import features_node
from headgate.domain.job import Job
from headgate.domain.lineage import Node, run_event
from headgate.domain.run import RunRecord, run_node


def trial_cost(run: RunRecord, job: Job, usd: float) -> DomainEvent:
    """What a job of it cost, also where another one was quicker."""
    line = {"kind": "training", "quantity": job.seconds, "unit": "seconds", "usd": usd, "run": run.digest}
    name, time = f"{run.digest}-{job.id}", run.finished_at or run.created_at
    return DomainEvent(events.COST_INCURRED, run.product, name, time, line)


def trial_ended(run: RunRecord) -> DomainEvent:
    """What it was made of, or why it failed."""
    time = run.finished_at or run.created_at
    if run.state == "FAILED":
        detail = {"run": run.digest, "reason": run.reason, "model": run.model, "experiment": run.experiment}
        return DomainEvent(events.TRAINING_FAILED, run.product, run.digest, time, detail)
    features = features_node(run.product, run.feature_set, run.feature_version)
    facts = {"compute_class": run.compute_class, "seconds": run.seconds}
    trained = run_event(
        job=f"train/{run.model}",
        run_key=run.digest,
        time=time,
        inputs=[Node(features)],
        outputs=[Node(run_node(run.product, run.digest), facts)],
    )
    return _lineage(run.product, time, trained)


def experiment_finished(experiment: Experiment, runs: Sequence[RunRecord]) -> list[DomainEvent]:
    """The lineage from its runs to the experiment, and the end itself."""
    time = experiment.finished_at or experiment.created_at
    made_of = run_event(
        job=f"experiment/{experiment.model}",
        run_key=experiment.id,
        time=time,
        inputs=[Node(run_node(run.product, run.digest)) for run in runs],
        outputs=[Node(experiment_node(experiment.product, experiment.id), {"best_run": experiment.best_run})],
    )
    states: Mapping[str, int] = {
        state: sum(run.state == state for run in runs) for state in sorted({run.state for run in runs})
    }
    detail = {
        "experiment": experiment.id,
        "model": experiment.model,
        "state": experiment.state,
        "best_run": experiment.best_run,
        "metric": experiment.metric,
        "significance": experiment.significance,
        "model_version": experiment.model_version,
        "cost_usd": experiment.cost_usd,
        "reason": experiment.reason,
        "trials": dict(states),
    }
    end = DomainEvent(events.EXPERIMENT_FINISHED, experiment.product, experiment.id, time, detail)
    return [_lineage(experiment.product, time, made_of), end]


def _lineage(product: str, time: str, event: dict[str, object]) -> DomainEvent:
    run = event["run"]
    name = str(run["runId"]) if isinstance(run, dict) else ""
    return DomainEvent(events.LINEAGE_RECORDED, product, name, time, {"event": event})
