"""Which runnable job starts next, and why another one must wait. Pure functions.

Queues with a higher priority go first, then older jobs. A job that could never fit does not hold up the
ones behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from headgate_local.batch.model import Job, Resources


@dataclass(frozen=True)
class Capacity:
    """What this machine lends to jobs. A job that asks for more vCPUs than there are gets them all."""

    vcpus: float
    gpus: int


@dataclass(frozen=True)
class Placement:
    """The decision on one job: an environment to start in, or the reason it waits."""

    job: Job
    environment_arn: str | None
    reason: str | None = None


def local_need(resources: Resources, capacity: Capacity) -> Resources:
    """What a job takes of this machine."""
    return Resources(min(resources.vcpus, capacity.vcpus), resources.memory_mib, resources.gpus)


def place(
    runnable: Iterable[Job],
    running: Iterable[Job],
    queues: Mapping[str, Mapping[str, Any]],
    environments: Mapping[str, Mapping[str, Any]],
    capacity: Capacity,
) -> list[Placement]:
    """Decide on every runnable job. `queues` and `environments` are documents by ARN."""
    usage = _Usage(running, capacity)
    waiting = sorted(
        runnable, key=lambda job: (-_priority(queues, job), job.created_at, job.array_index or 0)
    )
    decisions = []
    for job in waiting:
        decision = _decide(job, queues.get(job.spec.queue_arn), environments, usage, capacity)
        if decision.environment_arn is not None:
            usage.take(job.spec.resources, decision.environment_arn)
        decisions.append(decision)
    return decisions


class _Usage:
    """What running jobs have taken, in all and by environment."""

    def __init__(self, running: Iterable[Job], capacity: Capacity) -> None:
        self._capacity = capacity
        self.vcpus = 0.0
        self.gpus = 0
        self.by_environment: dict[str, float] = {}
        # Once an older job waits for room, younger ones do not overtake it there.
        self.full = False
        self.blocked: set[str] = set()
        for job in running:
            self.take(job.spec.resources, job.compute_environment_arn or "")

    def take(self, resources: Resources, environment_arn: str) -> None:
        need = local_need(resources, self._capacity)
        self.vcpus += need.vcpus
        self.gpus += need.gpus
        self.by_environment[environment_arn] = self.by_environment.get(environment_arn, 0.0) + resources.vcpus

    def has_room(self, resources: Resources) -> bool:
        need = local_need(resources, self._capacity)
        return (
            self.vcpus + need.vcpus <= self._capacity.vcpus + 1e-9
            and self.gpus + need.gpus <= self._capacity.gpus
        )


def _priority(queues: Mapping[str, Mapping[str, Any]], job: Job) -> int:
    queue = queues.get(job.spec.queue_arn)
    return int(queue["priority"]) if queue else 0


def _decide(
    job: Job,
    queue: Mapping[str, Any] | None,
    environments: Mapping[str, Mapping[str, Any]],
    usage: _Usage,
    capacity: Capacity,
) -> Placement:
    # A DISABLED queue takes no new jobs, but those already in it run on.
    order = (
        [environments.get(entry["computeEnvironment"]) for entry in queue["computeEnvironmentOrder"]]
        if queue
        else []
    )
    enabled = [environment for environment in order if environment and environment["state"] == "ENABLED"]
    if not enabled:
        return Placement(job, None, "The job queue has no ENABLED compute environment.")
    wanted = job.spec.resources
    large = [e for e in enabled if wanted.vcpus <= float(e["computeResources"].get("maxvCpus", wanted.vcpus))]
    if not large:
        return Placement(
            job,
            None,
            "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - The job asks for more vCPUs "
            "than the maxvCpus of every compute environment of its queue.",
        )
    if wanted.gpus > capacity.gpus:
        return Placement(
            job,
            None,
            "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - The job asks for "
            f"{wanted.gpus} GPU, and this machine lends {capacity.gpus}.",
        )
    for environment in large:
        arn = environment["computeEnvironmentArn"]
        limit = float(environment["computeResources"].get("maxvCpus", float("inf")))
        free = usage.by_environment.get(arn, 0.0) + wanted.vcpus <= limit + 1e-9
        if free and arn not in usage.blocked and not usage.full and usage.has_room(wanted):
            return Placement(job, arn)
    usage.full = usage.full or not usage.has_room(wanted)
    usage.blocked.update(environment["computeEnvironmentArn"] for environment in large)
    return Placement(job, None)
