"""Batch jobs in memory: they run nowhere; a test says what becomes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from threading import RLock

from headgate.adapters.memory.faults import Faults
from headgate.domain.errors import ConfigurationError, NotFound
from headgate.domain.job import FAILED, Job, require_no_array_of_nodes
from headgate.domain.training import COMPUTE_CLASSES


@dataclass(frozen=True)
class Submission:
    """What was asked for."""

    job_id: str
    name: str
    compute_class: str
    parameters: Mapping[str, str]
    timeout_seconds: int
    array_size: int | None = None


class MemoryBatchCompute:
    """The BatchCompute port. Fault names: ``batch.submit``, ``batch.describe``, ``batch.terminate``."""

    def __init__(self, deployed: Sequence[str] = COMPUTE_CLASSES, faults: Faults | None = None) -> None:
        self._deployed = tuple(deployed)
        self._faults = faults or Faults()
        self._lock = RLock()
        self._jobs: dict[str, Job] = {}
        self._submissions: list[Submission] = []
        self._terminations: list[tuple[str, str]] = []

    @property
    def terminations(self) -> tuple[tuple[str, str], ...]:
        """(job, reason) of every one that was asked for, in order."""
        with self._lock:
            return tuple(self._terminations)

    @property
    def submissions(self) -> tuple[Submission, ...]:
        """Every submission, in order."""
        with self._lock:
            return tuple(self._submissions)

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
        with self._faults.effect("batch.submit"), self._lock:
            if compute_class not in self._deployed:
                known = ", ".join(self._deployed) or "none"
                raise ConfigurationError(f"compute class {compute_class!r} is not deployed; there is {known}")
            job_id = f"job-{len(self._submissions) + 1:04d}"
            asked = Submission(job_id, name, compute_class, dict(parameters), timeout_seconds, array_size)
            self._submissions.append(asked)
            self._jobs[job_id] = Job(job_id, name, "SUBMITTED", None, None, None, None, None)
            return job_id

    def describe(self, job_id: str) -> Job:
        with self._faults.read("batch.describe"), self._lock:
            if job_id not in self._jobs:
                raise NotFound(f"no batch job {job_id!r}")
            return self._jobs[job_id]

    def terminate(self, job_id: str, reason: str) -> None:
        with self._faults.effect("batch.terminate"), self._lock:
            if job_id.partition(":")[0] not in self._jobs:
                raise NotFound(f"no batch job {job_id!r}")
            self._terminations.append((job_id, reason))
            job = self._jobs.get(job_id)
            if job is not None and not job.ended:
                self._jobs[job_id] = replace(job, state=FAILED, reason=reason)

    def settle(
        self,
        job_id: str,
        state: str,
        *,
        exit_code: int | None = None,
        reason: str | None = None,
        started_at: int | None = None,
        stopped_at: int | None = None,
        log_stream: str | None = None,
    ) -> Job:
        """Say what became of a job; times are epoch milliseconds. Returns what ``describe`` now does."""
        with self._lock:
            job = replace(
                self._jobs[job_id],
                state=state,
                exit_code=exit_code,
                reason=reason,
                started_at=started_at,
                stopped_at=stopped_at,
                log_stream=log_stream,
            )
            self._jobs[job_id] = job
            return job
