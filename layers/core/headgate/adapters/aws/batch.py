"""The BatchCompute port over AWS Batch: a queue and a job definition for each compute class."""

import re
from collections.abc import Mapping
from typing import Any

from headgate.adapters.aws.errors import translated
from headgate.adapters.aws.session import AwsClients
from headgate.domain.errors import ConfigurationError, NotFound
from headgate.domain.job import Job, require_no_array_of_nodes

NAME_LENGTH = 128
SHORTEST_TIMEOUT_SECONDS = 60
"""AWS Batch refuses a shorter attempt."""


class AwsBatchCompute:
    """``queues`` and ``definitions`` map compute class to name or ARN."""

    def __init__(
        self, clients: AwsClients, queues: Mapping[str, str], definitions: Mapping[str, str]
    ) -> None:
        self._clients = clients
        self._queues = dict(queues)
        self._definitions = dict(definitions)

    def submit(
        self,
        *,
        name: str,
        compute_class: str,
        parameters: Mapping[str, str],
        timeout_seconds: int,
        array_size: int | None = None,
    ) -> str:
        require_no_array_of_nodes(compute_class, array_size)
        deployed = sorted(self._queues.keys() & self._definitions.keys())
        if compute_class not in deployed:
            known = ", ".join(deployed) or "none"
            raise ConfigurationError(f"compute class {compute_class!r} is not deployed; there is {known}")
        with translated(f"submitting a {compute_class} job", write=True):
            answer = self._client.submit_job(
                jobName=job_name(name),
                jobQueue=self._queues[compute_class],
                jobDefinition=self._definitions[compute_class],
                parameters=dict(parameters),
                timeout={"attemptDurationSeconds": max(timeout_seconds, SHORTEST_TIMEOUT_SECONDS)},
                **({"arrayProperties": {"size": array_size}} if array_size else {}),
            )
        return str(answer["jobId"])

    def describe(self, job_id: str) -> Job:
        with translated(f"describing job {job_id}", write=False):
            jobs = self._client.describe_jobs(jobs=[job_id])["jobs"]
        if not jobs:
            raise NotFound(f"no batch job {job_id!r}")
        return _job(jobs[0])

    def terminate(self, job_id: str, reason: str) -> None:
        with translated(f"ending job {job_id}", write=True):
            self._client.terminate_job(jobId=job_id, reason=reason)

    @property
    def _client(self) -> Any:
        return self._clients.client("batch")


def job_name(name: str) -> str:
    """``name`` as AWS Batch takes it: letters, digits, - and _, with a letter or digit first."""
    allowed = re.sub(r"[^A-Za-z0-9_-]+", "-", name).lstrip("-_")
    return allowed[:NAME_LENGTH] or "job"


def _job(document: Mapping[str, Any]) -> Job:
    # A job of several nodes has no container of its own; its attempts tell of the main node's.
    attempts = document.get("attempts") or [{}]
    container: Mapping[str, Any] = document.get("container") or attempts[-1].get("container") or {}
    return Job(
        id=document["jobId"],
        name=document["jobName"],
        state=document["status"],
        reason=container.get("reason") or document.get("statusReason"),
        exit_code=container.get("exitCode"),
        started_at=document.get("startedAt"),
        stopped_at=document.get("stoppedAt"),
        log_stream=container.get("logStreamName"),
    )
