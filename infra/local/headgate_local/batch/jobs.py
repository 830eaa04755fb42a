"""The table of jobs: creating them with their array children, and walking their states.

It owns every change of a job's status and refuses a step a job cannot take. It starts nothing and takes
no lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from headgate_local.batch.errors import ClientError
from headgate_local.batch.model import NEXT, Job, JobSpec, Status

DEPENDENCY_FAILED = "Dependent Job failed"


class Jobs:
    """Jobs by id. `changed` is called after each change of a job's status, in order."""

    def __init__(self, arn_prefix: str, new_id: Callable[[], str], changed: Callable[[Job], None]) -> None:
        self._arn_prefix = arn_prefix
        self._new_id = new_id
        self._changed = changed
        self._jobs: dict[str, Job] = {}

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def get(self, job_id: str) -> Job | None:
        """The job of this id, or None."""
        return self._jobs.get(job_id)

    def require(self, job_id: str) -> Job:
        """The job of this id. Raises ClientError when there is none."""
        job = self._jobs.get(job_id)
        if job is None:
            raise ClientError(f"Job {job_id} does not exist.")
        return job

    def children(self, job: Job) -> list[Job]:
        """The children of an array job, by index; while it is being added, those there are."""
        return [self._jobs[child] for child in job.children if child in self._jobs]

    def add(self, spec: JobSpec, now_ms: int) -> Job:
        """Store a submitted job and, for an array, its children."""
        self._check_dependencies(spec)
        job_id = self._new_id()
        plain = tuple(d.job_id for d in spec.depends_on if d.job_id and d.kind is None)
        size = spec.array_size or 0
        job = Job(
            job_id,
            self._arn(job_id),
            spec,
            now_ms,
            waits_for=plain,
            children=tuple(f"{job_id}:{index}" for index in range(size)),
        )
        self._jobs[job_id] = job
        self._changed(job)
        for index, child_id in enumerate(job.children):
            waits = plain + self._child_dependencies(spec, job_id, index)
            child = Job(child_id, self._arn(child_id), replace(spec), now_ms, waits, index, job_id)
            self._jobs[child_id] = child
            self._changed(child)
        return job

    def _arn(self, job_id: str) -> str:
        return f"{self._arn_prefix}:job/{job_id}"

    def _check_dependencies(self, spec: JobSpec) -> None:
        for dependency in spec.depends_on:
            if dependency.kind is not None and spec.array_size is None:
                raise ClientError(f"A dependency of type {dependency.kind} needs an array job.")
            if dependency.job_id is None:
                continue
            target = self._jobs.get(dependency.job_id)
            if target is None:
                raise ClientError(f"Job {dependency.job_id}, which this job depends on, does not exist.")
            if dependency.kind == "N_TO_N" and target.spec.array_size != spec.array_size:
                raise ClientError(
                    f"An N_TO_N dependency needs two array jobs of one size; {dependency.job_id} has "
                    f"{target.spec.array_size or 'none'}."
                )

    @staticmethod
    def _child_dependencies(spec: JobSpec, job_id: str, index: int) -> tuple[str, ...]:
        waits = []
        for dependency in spec.depends_on:
            if dependency.kind == "N_TO_N":
                waits.append(f"{dependency.job_id}:{index}")
            elif dependency.kind == "SEQUENTIAL" and index > 0:
                waits.append(f"{job_id}:{index - 1}")
        return tuple(waits)

    def move(self, job: Job, status: Status, now_ms: int, reason: str | None = None) -> None:
        """Take one step. Raises ValueError for a step that no job takes."""
        if status not in NEXT[job.status]:
            raise ValueError(f"job {job.job_id} cannot go from {job.status.value} to {status.value}")
        job.status = status
        job.status_reason = reason
        if status is Status.RUNNING:
            job.started_at = now_ms
        if job.done:
            job.stopped_at = now_ms
        self._changed(job)
        if job.done and job.parent_id is not None:
            self._settle(self._jobs[job.parent_id], now_ms)

    def _settle(self, parent: Job, now_ms: int) -> None:
        """An array job is done when all its children are; one failure fails it."""
        children = self.children(parent)
        if parent.done or not all(child.done for child in children):
            return
        if parent.status is Status.SUBMITTED:
            self.move(parent, Status.PENDING, now_ms)
        failed = any(child.status is Status.FAILED for child in children)
        reason = parent.stop_reason or ("Array Child Job failed" if failed else None)
        self.move(parent, Status.FAILED if failed else Status.SUCCEEDED, now_ms, reason)

    def promote(self, now_ms: int) -> None:
        """Move waiting jobs as far as their dependencies allow. Repeats until nothing changes."""
        moved = True
        while moved:
            moved = False
            for job in list(self._jobs.values()):
                moved = self._promote(job, now_ms) or moved

    def _promote(self, job: Job, now_ms: int) -> bool:
        if job.status not in (Status.SUBMITTED, Status.PENDING):
            return False
        if job.is_array:
            if job.status is Status.SUBMITTED:
                self.move(job, Status.PENDING, now_ms)
                return True
            return False
        outcomes = [self._outcome(needed) for needed in job.waits_for]
        if Status.FAILED in outcomes:
            self.move(job, Status.FAILED, now_ms, DEPENDENCY_FAILED)
            return True
        if all(outcome is Status.SUCCEEDED for outcome in outcomes):
            self.move(job, Status.RUNNABLE, now_ms)
            return True
        if job.status is Status.SUBMITTED:
            self.move(job, Status.PENDING, now_ms)
            return True
        return False

    def _outcome(self, job_id: str) -> Status:
        job = self._jobs.get(job_id)
        return job.status if job else Status.FAILED

    def clear(self) -> None:
        """Forget every job."""
        self._jobs.clear()
