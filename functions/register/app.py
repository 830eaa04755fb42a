"""Batch job changes by queue: a finished training job becomes a model version, or is refused."""

import os
from functools import cache
from typing import Any

from headgate import bootstrap
from headgate.domain.job import job_of
from headgate.domain.notification import job_change
from headgate.entrypoint import count, each_message, function, logger
from headgate.services.register_model import RegisterModel


@cache
def service() -> RegisterModel:
    return bootstrap.register(os.environ)


@function
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    return each_message(event, lambda _, body: register(body))


def register(body: str) -> None:
    detail = job_change(body)
    job, spec_uri = job_of(detail)
    outcome = service().on_job_ended(spec_uri, job)
    model = outcome.model
    keys = {"product": outcome.run.product, "run": outcome.run.digest, "state": outcome.state}
    logger().info(
        "run ended",
        extra={**keys, "reason": outcome.run.reason, "model_version": model.version if model else None},
    )
    count("ModelsRegistered", outcome.state == "registered")
