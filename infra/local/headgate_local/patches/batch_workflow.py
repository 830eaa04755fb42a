"""Step Functions runs Batch jobs: arn:aws:states:::batch:submitJob and its .sync form.

Missing: MiniStack fails a state with such a resource.
So: the state submits to the engine; with .sync it waits for the job and returns or raises its outcome.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from headgate_local.batch import views
from headgate_local.batch.errors import ClientError
from headgate_local.batch.model import Status
from headgate_local.patches.batch import engine
from headgate_local.patches.batch_resources import request_document
from headgate_local.patches.settings import PatchSettings

RESOURCE = "arn:aws:states:::batch:submitJob"
POLL_SECONDS = 0.05


def apply(_settings: PatchSettings) -> None:
    """Add the integration to Step Functions' table."""
    from ministack.services import stepfunctions

    stepfunctions._SERVICE_DISPATCH[RESOURCE] = submit_job


def submit_job(resource: str, parameters: Mapping[str, Any]) -> Any:
    """Run the state. Raises the errors AWS names: Batch.ClientException, States.TaskFailed."""
    from ministack.services.stepfunctions import _ExecutionError

    found = engine()
    try:
        job = found.submit(request_document(parameters))
    except ClientError as error:
        raise _ExecutionError("Batch.ClientException", str(error)) from error
    if ".sync" not in resource:
        return {"JobArn": job.arn, "JobId": job.job_id, "JobName": job.spec.name}
    while not job.done:
        time.sleep(POLL_SECONDS)
    result = result_document(views.detail(job, found.jobs.children(job)))
    if job.status is Status.FAILED:
        raise _ExecutionError("States.TaskFailed", json.dumps(result))
    return result


def result_document(document: Any) -> Any:
    """The API's camelCase as Step Functions' PascalCase; parameters and tags keep their case."""
    if isinstance(document, list):
        return [result_document(entry) for entry in document]
    if not isinstance(document, Mapping):
        return document
    return {
        key[:1].upper() + key[1:]: value if key in ("parameters", "tags") else result_document(value)
        for key, value in document.items()
    }
