"""The engine's own vocabulary: job states, what a job is asked to do, what became of it.

Data only. It must not read clocks, start processes or know the JSON shapes of the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """States of a job, in the order a job walks them."""

    SUBMITTED = "SUBMITTED"
    PENDING = "PENDING"
    RUNNABLE = "RUNNABLE"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED})
WAITING = frozenset({Status.SUBMITTED, Status.PENDING, Status.RUNNABLE})

# RUNNABLE follows STARTING and RUNNING when an attempt is retried.
NEXT: Mapping[Status, frozenset[Status]] = {
    Status.SUBMITTED: frozenset({Status.PENDING, Status.RUNNABLE, Status.FAILED}),
    Status.PENDING: frozenset({Status.RUNNABLE, Status.SUCCEEDED, Status.FAILED}),
    Status.RUNNABLE: frozenset({Status.STARTING, Status.FAILED}),
    Status.STARTING: frozenset({Status.RUNNING, Status.RUNNABLE, Status.FAILED}),
    Status.RUNNING: frozenset({Status.RUNNABLE, Status.SUCCEEDED, Status.FAILED}),
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset(),
}


@dataclass(frozen=True)
class Resources:
    """What one attempt asks for: vCPUs, memory in MiB, whole GPUs."""

    vcpus: float
    memory_mib: int
    gpus: int = 0


@dataclass(frozen=True)
class RetryRule:
    """One evaluateOnExit condition; a pattern that is None matches anything."""

    action: str
    on_exit_code: str | None = None
    on_reason: str | None = None
    on_status_reason: str | None = None


@dataclass(frozen=True)
class RetryStrategy:
    """How many attempts a job has, and which failures spend one."""

    attempts: int = 1
    rules: tuple[RetryRule, ...] = ()


@dataclass(frozen=True)
class Dependency:
    """A dependsOn entry; SEQUENTIAL has no job id."""

    job_id: str | None
    kind: str | None = None


@dataclass(frozen=True)
class JobSpec:
    """Everything a submission fixed; it never changes afterwards."""

    name: str
    queue_arn: str
    definition_arn: str
    definition_name: str
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    resources: Resources
    job_role_arn: str | None
    log_group: str
    log_prefix: str
    retry: RetryStrategy
    timeout_seconds: int | None
    parameters: Mapping[str, str]
    depends_on: tuple[Dependency, ...]
    array_size: int | None
    tags: Mapping[str, str]
    platform: str = "EC2"


@dataclass
class Attempt:
    """One run of the job's command. Times are epoch milliseconds."""

    log_stream: str
    started_at: int | None = None
    stopped_at: int | None = None
    exit_code: int | None = None
    reason: str | None = None
    status_reason: str | None = None
    lost: str | None = None
    """Why its host was taken away, if it was: the status reason of an attempt that then fails."""


@dataclass
class Job:
    """A submitted job, or one child of an array job. Times are epoch milliseconds."""

    job_id: str
    arn: str
    spec: JobSpec
    created_at: int
    waits_for: tuple[str, ...] = ()
    array_index: int | None = None
    parent_id: str | None = None
    children: tuple[str, ...] = ()
    status: Status = Status.SUBMITTED
    status_reason: str | None = None
    started_at: int | None = None
    stopped_at: int | None = None
    attempts: list[Attempt] = field(default_factory=list)
    current: Attempt | None = None
    cancelled: bool = False
    terminated: bool = False
    stop_reason: str | None = None
    compute_environment_arn: str | None = None

    @property
    def done(self) -> bool:
        """Whether the job has reached a state it cannot leave."""
        return self.status in TERMINAL

    @property
    def is_array(self) -> bool:
        """Whether this is the parent of an array job, which runs nothing itself."""
        return self.spec.array_size is not None and self.array_index is None
