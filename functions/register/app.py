"""Batch job changes by queue: a finished training job becomes a model version, or is refused; the last trial
of an experiment ends it.
"""

import os
from functools import cache
from typing import Any

from headgate import bootstrap
from headgate.domain.job import array_index, job_of
from headgate.domain.notification import bus_event, is_job_change, job_change
from headgate.entrypoint import count, each_message, function, logger
from headgate.services.dispatch.end_job import EndJob
from headgate.services.experiments.end_trial import TrialOutcome


@cache
def service() -> EndJob:
    return bootstrap.register(os.environ)


@function
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    return each_message(event, lambda _, body: register(body))


def register(body: str) -> None:
    if not is_job_change(body):
        submitted = bus_event(body)
        experiment = service().on_experiment_submitted(submitted.product, submitted.detail["experiment"])
        keys = {"product": experiment.product, "experiment": experiment.id}
        logger().info("experiment looked at", extra={**keys, "state": experiment.state})
        return
    detail = job_change(body)
    job, spec_uri = job_of(detail)
    outcome = service().on_job_ended(spec_uri, job, array_index(detail))
    if isinstance(outcome, TrialOutcome):
        _log_trial(outcome)
        return
    model = outcome.model
    keys = {"product": outcome.run.product, "run": outcome.run.digest, "state": outcome.state}
    logger().info(
        "run ended",
        extra={**keys, "reason": outcome.run.reason, "model_version": model.version if model else None},
    )
    count("ModelsRegistered", outcome.state == "registered")


def _log_trial(outcome: TrialOutcome) -> None:
    run, experiment = outcome.run, outcome.experiment
    facts = {
        "product": outcome.product,
        "experiment": experiment.id,
        "run": run.digest if run else None,
        "state": outcome.state,
        "experiment_state": experiment.state,
        "model_version": experiment.model_version,
    }
    logger().info("trial ended", extra=facts)
