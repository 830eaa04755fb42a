"""Jobs as the JSON that DescribeJobs, ListJobs and the state-change event carry.

Pure: model in, document out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from headgate_local.batch.model import Attempt, Dependency, Job, Resources, RetryStrategy, Status

ARRAY_STATUSES = tuple(status.value for status in Status)


def detail(job: Job, children: Sequence[Job] = ()) -> dict[str, Any]:
    """A job as DescribeJobs shows it."""
    spec = job.spec
    document: dict[str, Any] = {
        "jobArn": job.arn,
        "jobName": spec.name,
        "jobId": job.job_id,
        "jobQueue": spec.queue_arn,
        "status": job.status.value,
        "attempts": [_attempt(attempt) for attempt in job.attempts],
        "createdAt": job.created_at,
        "retryStrategy": _retry(spec.retry),
        "dependsOn": [_dependency(dependency) for dependency in spec.depends_on],
        "jobDefinition": spec.definition_arn,
        "parameters": dict(spec.parameters),
        "container": _container(job),
        "tags": dict(spec.tags),
        "platformCapabilities": [spec.platform],
        "isCancelled": job.cancelled,
        "isTerminated": job.terminated,
    }
    if spec.timeout_seconds is not None:
        document["timeout"] = {"attemptDurationSeconds": spec.timeout_seconds}
    if spec.array_size is not None:
        document["arrayProperties"] = _array(job, children)
    optional = {"startedAt": job.started_at, "stoppedAt": job.stopped_at, "statusReason": job.status_reason}
    return document | {key: value for key, value in optional.items() if value is not None}


def summary(job: Job) -> dict[str, Any]:
    """A job as ListJobs shows it."""
    document: dict[str, Any] = {
        "jobArn": job.arn,
        "jobId": job.job_id,
        "jobName": job.spec.name,
        "jobDefinition": job.spec.definition_arn,
        "createdAt": job.created_at,
        "status": job.status.value,
        "container": _outcome(job.attempts[-1]) if job.attempts else {},
    }
    if job.array_index is not None:
        document["arrayProperties"] = {"index": job.array_index}
    elif job.spec.array_size is not None:
        document["arrayProperties"] = {"size": job.spec.array_size}
    optional = {"startedAt": job.started_at, "stoppedAt": job.stopped_at, "statusReason": job.status_reason}
    return document | {key: value for key, value in optional.items() if value is not None}


def _array(job: Job, children: Sequence[Job]) -> dict[str, Any]:
    if job.array_index is not None:
        return {"index": job.array_index}
    counts = Counter(child.status.value for child in children)
    return {
        "size": job.spec.array_size,
        "statusSummary": {status: counts[status] for status in ARRAY_STATUSES},
    }


def _container(job: Job) -> dict[str, Any]:
    spec = job.spec
    document: dict[str, Any] = {
        "image": spec.image,
        "command": list(spec.command),
        "environment": [{"name": name, "value": value} for name, value in spec.environment.items()],
        "resourceRequirements": _requirements(spec.resources),
        "volumes": [],
        "mountPoints": [],
        "ulimits": [],
        "networkInterfaces": [],
        "secrets": [],
    }
    if spec.job_role_arn:
        document["jobRoleArn"] = spec.job_role_arn
    newest = job.current or (job.attempts[-1] if job.attempts else None)
    if newest is not None:
        document["logStreamName"] = newest.log_stream
        document |= _outcome(newest)
    return document


def _outcome(attempt: Attempt) -> dict[str, Any]:
    found = {"exitCode": attempt.exit_code, "reason": attempt.reason}
    return {key: value for key, value in found.items() if value is not None}


def _attempt(attempt: Attempt) -> dict[str, Any]:
    optional = {
        "startedAt": attempt.started_at,
        "stoppedAt": attempt.stopped_at,
        "statusReason": attempt.status_reason,
    }
    return {
        "container": {**_outcome(attempt), "logStreamName": attempt.log_stream, "networkInterfaces": []},
        **{key: value for key, value in optional.items() if value is not None},
    }


def _requirements(resources: Resources) -> list[dict[str, str]]:
    wanted: Mapping[str, float | int] = {
        "VCPU": resources.vcpus,
        "MEMORY": resources.memory_mib,
        "GPU": resources.gpus,
    }
    return [{"type": kind, "value": f"{value:g}"} for kind, value in wanted.items() if value]


def _retry(strategy: RetryStrategy) -> dict[str, Any]:
    rules = [
        {
            key: value
            for key, value in (
                ("onExitCode", rule.on_exit_code),
                ("onReason", rule.on_reason),
                ("onStatusReason", rule.on_status_reason),
                ("action", rule.action),
            )
            if value is not None
        }
        for rule in strategy.rules
    ]
    return {"attempts": strategy.attempts, "evaluateOnExit": rules}


def _dependency(dependency: Dependency) -> dict[str, str]:
    found = {"jobId": dependency.job_id, "type": dependency.kind}
    return {key: value for key, value in found.items() if value is not None}
