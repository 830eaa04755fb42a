"""A Batch job state change as a job. https://docs.aws.amazon.com/batch/latest/userguide/batch_job_events.html"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headgate.domain.errors import InvalidRequest

SUCCEEDED, FAILED = "SUCCEEDED", "FAILED"
LOG_GROUP = "/aws/batch/job"
"""AWS Batch makes that group itself; every job of the platform prints there."""
MULTI_NODE = "gpu-multi-node"
_EXITS = {64: "bad spec or data", 70: "the trainer refused its model", 75: "tried again in vain"}


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
    attempts_ms: int | None = None
    """What all attempts took together, where they are known."""

    @property
    def ended(self) -> bool:
        return self.state in (SUCCEEDED, FAILED)

    @property
    def seconds(self) -> float:
        """What was computed and is paid for: every attempt, or the one that is known."""
        if self.attempts_ms is not None:
            return self.attempts_ms / 1000
        if self.started_at is None or self.stopped_at is None:
            return 0.0
        return max(0, self.stopped_at - self.started_at) / 1000

    @property
    def failure(self) -> str:
        """Why it failed, in a line: the exit code's meaning, and what Batch says."""
        meaning = _EXITS.get(self.exit_code) if self.exit_code is not None else None
        code = None if self.exit_code is None else f"exit code {self.exit_code}"
        said = [part for part in (code, meaning, self.reason) if part]
        return ": ".join(said) or "the job failed without a reason"


def require_no_array_of_nodes(compute_class: str, array_size: int | None) -> None:
    """AWS Batch runs a job on several nodes or as an array, never both. Raises InvalidRequest."""
    if array_size and compute_class == MULTI_NODE:
        raise InvalidRequest(
            f"{array_size} jobs of compute class {MULTI_NODE} cannot be one array: submit them one by one, "
            "or use compute class gpu"
        )


def job_of(detail: Mapping[str, Any]) -> tuple[Job, str]:
    """The job and the URI of its run spec. Raises InvalidRequest when the job has none."""
    if not isinstance(detail.get("jobId"), str) or not isinstance(detail.get("status"), str):
        raise InvalidRequest("the job state change names no job or no status")
    spec_uri = (detail.get("parameters") or {}).get("run_spec")
    if not spec_uri:
        raise InvalidRequest(
            f"job {detail['jobId']} has no parameter run_spec: it is no training run of this platform"
        )
    # A job of several nodes has no container of its own; its attempts tell of the main node's.
    attempts = detail.get("attempts") or [{}]
    container = detail.get("container") or attempts[-1].get("container") or {}
    job = Job(
        id=detail["jobId"],
        name=detail.get("jobName", ""),
        state=detail["status"],
        reason=container.get("reason") or detail.get("statusReason"),
        exit_code=container.get("exitCode"),
        started_at=detail.get("startedAt"),
        stopped_at=detail.get("stoppedAt"),
        log_stream=container.get("logStreamName"),
        attempts_ms=_attempts_ms(detail.get("attempts") or ()),
    )
    return job, str(spec_uri)


def array_index(detail: Mapping[str, Any]) -> int | None:
    """Which child of an array job a state change is about; None for a job alone, and for the parent."""
    index = (detail.get("arrayProperties") or {}).get("index")
    return index if isinstance(index, int) and not isinstance(index, bool) else None


def paid_seconds(detail: Mapping[str, Any]) -> float:
    """What the attempts of a state change took together; where it tells none, from its start to its stop."""
    known = _attempts_ms(detail.get("attempts") or ())
    if known is None:
        stopped = detail.get("stoppedAt") or 0
        known = max(0, stopped - (detail.get("startedAt") or stopped))
    return known / 1000


def _attempts_ms(attempts: Any) -> int | None:
    """The time of attempts that ran; None when no attempt tells both its times."""
    spans = [
        max(0, attempt["stoppedAt"] - attempt["startedAt"])
        for attempt in attempts
        if attempt.get("startedAt") and attempt.get("stoppedAt")
    ]
    return sum(spans) if spans else None
