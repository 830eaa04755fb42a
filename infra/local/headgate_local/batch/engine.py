"""The job engine: submits, schedules, runs, retries, cancels and terminates jobs.

It owns the one lock over all registries and the order in which state changes are published. Scheduling
happens in the call that made it possible (a submission, an attempt that ended), so an idle engine has no
thread of its own. It must not know HTTP, an emulator, or where logs and events go.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from headgate_local.batch import retry, submission, views
from headgate_local.batch.attempts import AttemptStarter, CannotStartError, StartedAttempt
from headgate_local.batch.definitions import Definitions
from headgate_local.batch.errors import ClientError
from headgate_local.batch.jobs import Jobs
from headgate_local.batch.model import WAITING, Attempt, Job, Status
from headgate_local.batch.placement import Capacity, place
from headgate_local.batch.ports import EventSink
from headgate_local.batch.queues import Queues

EXITED = "Essential container in task exited"
NOT_STARTED = "Task failed to start"
TIMED_OUT = "Job attempt duration exceeded timeout"


@dataclass(frozen=True)
class EngineSettings:
    """Where the engine stands in, what it lends to jobs, and how long it waits. Seconds."""

    account_id: str = "000000000000"
    region: str = "us-east-1"
    capacity: Capacity = field(default_factory=lambda: Capacity(vcpus=2, gpus=0))
    minimum_timeout_seconds: int = 60
    # ECS waits 30 s between SIGTERM and SIGKILL, on a host that is reclaimed too.
    stop_grace_seconds: float = 30.0

    @property
    def arn_prefix(self) -> str:
        """The part of every ARN before the resource."""
        return f"arn:aws:batch:{self.region}:{self.account_id}"


def lost_host(platform: str, unique: str) -> str:
    """What AWS Batch says of a job whose Spot host was reclaimed; patterns of evaluateOnExit match it."""
    if platform == "FARGATE":
        return "Your Spot Task was interrupted."
    instance = f"i-{hashlib.sha256(unique.encode()).hexdigest()[:17]}"
    return f"Host EC2 (instance {instance}) terminated."


def start_thread(work: Callable[[], None]) -> None:
    """Run work in a thread that does not keep the program alive."""
    threading.Thread(target=work, daemon=True, name="batch-attempt").start()


class Engine:
    """One account and region of AWS Batch. Every public method may be called from any thread."""

    def __init__(
        self,
        settings: EngineSettings,
        starter: AttemptStarter,
        events: EventSink,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        spawn: Callable[[Callable[[], None]], None] = start_thread,
    ) -> None:
        self.settings = settings
        self.definitions = Definitions(settings.arn_prefix, settings.minimum_timeout_seconds)
        self.queues = Queues(settings.arn_prefix)
        self.jobs = Jobs(settings.arn_prefix, new_id, self._remember_change)
        self._starter = starter
        self._events = events
        self._new_id = new_id
        self._spawn = spawn
        self._lock = threading.RLock()
        self._publishing = threading.RLock()
        self._outbox: deque[dict[str, Any]] = deque()
        self._running: dict[str, StartedAttempt] = {}
        self._accepting = True

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the lock over a change; afterwards schedule what became possible and publish what happened."""
        with self._lock:
            yield
            starts = self._schedule()
        for job in starts:
            self._spawn(lambda job=job: self._attempt(job))  # type: ignore[misc]
        self._publish()

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Hold the lock over a look."""
        with self._lock:
            yield

    def submit(self, request: Mapping[str, Any]) -> Job:
        """Check and enqueue a job. Raises ClientError when AWS would refuse it."""
        with self.changing():
            spec = submission.job_spec(
                request, self.definitions, self.queues, self.settings.minimum_timeout_seconds
            )
            return self.jobs.add(spec, self._now())

    def cancel(self, job_id: str, reason: str) -> None:
        """End jobs that have not started; those that have run on."""
        with self.changing():
            for job in self._family(job_id):
                if job.status in WAITING and not job.is_array:
                    job.cancelled = True
                    self.jobs.move(job, Status.FAILED, self._now(), reason)

    def terminate(self, job_id: str, reason: str) -> None:
        """End jobs in any state; a running one gets SIGTERM, then SIGKILL."""
        with self.changing():
            for job in self._family(job_id):
                if job.done:
                    continue
                job.terminated = True
                job.stop_reason = reason
                if job.status in WAITING and not job.is_array:
                    self.jobs.move(job, Status.FAILED, self._now(), reason)
                elif job.job_id in self._running:
                    self._running[job.job_id].process.stop(self.settings.stop_grace_seconds)

    def reclaim(self, job_id: str, grace_seconds: float | None = None) -> None:
        """Take the host of a running job away, as Spot does: SIGTERM, then SIGKILL after the grace.

        The attempt ends with the status reason that AWS gives, and the retry strategy decides what follows.
        Raises ClientError for a job that is not running.
        """
        with self._lock:
            job = self.jobs.require(job_id)
            started, attempt = self._running.get(job_id), job.current
            if started is None or attempt is None:
                raise ClientError(
                    f"Job {job_id} is {job.status.value}: only a running job has a host to lose."
                )
            attempt.lost = lost_host(job.spec.platform, self._new_id())
            grace = self.settings.stop_grace_seconds if grace_seconds is None else grace_seconds
            started.process.stop(grace)

    def _family(self, job_id: str) -> list[Job]:
        job = self.jobs.require(job_id)
        return [job, *self.jobs.children(job)]

    def close(self, grace_seconds: float = 2.0) -> None:
        """Stop every process and wait for its end. Nothing starts afterwards, unless `reopen` is called."""
        with self._lock:
            self._accepting = False
            for job in self.jobs:
                job.stop_reason = job.stop_reason or "The compute environment was shut down"
            for started in self._running.values():
                started.process.stop(grace_seconds)
        deadline = time.monotonic() + grace_seconds + 3
        while self._running and time.monotonic() < deadline:
            time.sleep(0.01)

    def reset(self) -> None:
        """Stop and forget everything, then accept work again."""
        self.close(grace_seconds=0.2)
        with self._lock:
            self.jobs.clear()
            self.definitions = Definitions(self.settings.arn_prefix, self.settings.minimum_timeout_seconds)
            self.queues = Queues(self.settings.arn_prefix)
            self._outbox.clear()
            self._accepting = True

    def _now(self) -> int:
        return self._starter.clock.now_ms()

    def _remember_change(self, job: Job) -> None:
        self._outbox.append(views.detail(job, self.jobs.children(job)))

    def _publish(self) -> None:
        # Reentrant: a sink may submit a job, whose changes then go out after those queued before.
        with self._publishing:
            while True:
                with self._lock:
                    if not self._outbox:
                        return
                    change = self._outbox.popleft()
                self._events.job_changed(change)

    def _schedule(self) -> list[Job]:
        if not self._accepting:
            return []
        self.jobs.promote(self._now())
        active = [
            job for job in self.jobs if job.status in (Status.STARTING, Status.RUNNING) and not job.is_array
        ]
        runnable = [job for job in self.jobs if job.status is Status.RUNNABLE]
        queues = {document["jobQueueArn"]: document for document in self.queues.describe_queues({})}
        environments = {d["computeEnvironmentArn"]: d for d in self.queues.describe_environments({})}
        starts = []
        for placement in place(runnable, active, queues, environments, self.settings.capacity):
            if placement.environment_arn is None:
                placement.job.status_reason = placement.reason
                continue
            placement.job.compute_environment_arn = placement.environment_arn
            self.jobs.move(placement.job, Status.STARTING, self._now())
            starts.append(placement.job)
        return starts

    def _attempt(self, job: Job) -> None:
        attempt = Attempt(log_stream=f"{job.spec.log_prefix}/default/{self._new_id().replace('-', '')}")
        job.current = attempt
        started = self._start(job, attempt)
        if started is None:
            return
        code = started.process.wait(job.spec.timeout_seconds)
        timed_out = code is None
        if timed_out:
            started.process.stop(self.settings.stop_grace_seconds)
            code = started.process.wait(None)
        started.discard()
        attempt.exit_code = code
        attempt.reason = started.process.reason
        attempt.status_reason = TIMED_OUT if timed_out else EXITED
        if attempt.lost is not None and code != 0:
            attempt.status_reason, timed_out = attempt.lost, False
        self._finish(job, attempt, timed_out)

    def _start(self, job: Job, attempt: Attempt) -> StartedAttempt | None:
        attempt.started_at = self._now()
        try:
            started = self._starter.start(job, attempt, len(job.attempts) + 1)
        except CannotStartError as error:
            attempt.reason = str(error)
            attempt.status_reason = NOT_STARTED
            self._finish(job, attempt, timed_out=False)
            return None
        with self.changing():
            self._running[job.job_id] = started
            self.jobs.move(job, Status.RUNNING, self._now())
            # Termination may have come while the process was starting.
            if job.stop_reason is not None:
                started.process.stop(self.settings.stop_grace_seconds)
        return started

    def _finish(self, job: Job, attempt: Attempt, timed_out: bool) -> None:
        with self.changing():
            attempt.stopped_at = self._now()
            self._running.pop(job.job_id, None)
            job.attempts.append(attempt)
            job.current = None
            job.compute_environment_arn = None
            if job.stop_reason is not None:
                self.jobs.move(job, Status.FAILED, self._now(), job.stop_reason)
            elif attempt.exit_code == 0 and not timed_out:
                self.jobs.move(job, Status.SUCCEEDED, self._now(), attempt.status_reason)
            elif not timed_out and retry.should_retry(job.spec.retry, len(job.attempts), attempt):
                self.jobs.move(job, Status.RUNNABLE, self._now(), attempt.status_reason)
            else:
                self.jobs.move(job, Status.FAILED, self._now(), attempt.status_reason)
