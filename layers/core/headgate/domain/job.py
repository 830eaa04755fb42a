"""A Batch job state change as a job. https://docs.aws.amazon.com/batch/latest/userguide/batch_job_events.html"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headgate.domain.errors import InvalidRequest


@dataclass(frozen=True)
class Job:
    """A batch job: state is AWS Batch's (SUBMITTED … SUCCEEDED, FAILED); times are epoch milliseconds."""

    id: str
    name: str
    state: str
    reason: str | None
    exit_code: int | None
    started_at: int | None
    stopped_at: int | None
    log_stream: str | None


def job_of(detail: Mapping[str, Any]) -> tuple[Job, str]:
    """The job and the URI of its run spec. Raises InvalidRequest when the job has none."""
    spec_uri = (detail.get("parameters") or {}).get("run_spec")
    if not spec_uri:
        raise InvalidRequest(
            f"job {detail.get('jobId')} has no parameter run_spec: it is no training run of this platform"
        )
    container = detail.get("container") or {}
    job = Job(
        id=detail["jobId"],
        name=detail.get("jobName", ""),
        state=detail["status"],
        reason=detail.get("statusReason"),
        exit_code=container.get("exitCode"),
        started_at=detail.get("startedAt"),
        stopped_at=detail.get("stoppedAt"),
        log_stream=container.get("logStreamName"),
    )
    return job, str(spec_uri)
