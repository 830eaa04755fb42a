"""An engine over the in-memory adapters, with one queue and one job definition to submit to."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from headgate_local.batch.attempts import AttemptStarter
from headgate_local.batch.engine import Engine, EngineSettings
from headgate_local.batch.images import PatternImages
from headgate_local.batch.memory import ManualClock, MemoryEvents, MemoryLogs, ScriptedRunner
from headgate_local.batch.model import Job
from headgate_local.batch.placement import Capacity
from headgate_local.batch.ports import CredentialSource, ImageEnvironment, ProcessSpec
from headgate_local.batch.sinks import NoCredentials

DEFINITION: Mapping[str, Any] = {
    "jobDefinitionName": "train",
    "type": "container",
    "parameters": {"month": "09"},
    "containerProperties": {
        "image": "trainer:1",
        "command": ["train", "Ref::month"],
        "environment": [{"name": "LEVEL", "value": "info"}],
        "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "512"}],
    },
}


@dataclass
class Bench:
    """An engine and everything around it. Attempts run when `run` is called, in the order they started."""

    engine: Engine
    runner: ScriptedRunner
    events: MemoryEvents
    logs: MemoryLogs
    attempts: deque[Callable[[], None]] = field(default_factory=deque)

    def submit(self, **request: Any) -> Job:
        """SubmitJob with a name, a queue and a definition unless given."""
        return self.engine.submit({"jobName": "n", "jobQueue": "cpu", "jobDefinition": "train", **request})

    def run(self, at_most: int = 1000) -> int:
        """Run the attempts that started, and those they make possible. Returns how many."""
        done = 0
        while self.attempts and done < at_most:
            self.attempts.popleft()()
            done += 1
        return done

    def walk(self, job: Job) -> list[str]:
        """The states the job's events went through."""
        return [detail["status"] for detail in self.events.details if detail["jobId"] == job.job_id]


MakeBench = Callable[..., Bench]


@pytest.fixture
def bench(tmp_path: Path) -> MakeBench:
    """Makes a Bench: `bench(outcome=…, vcpus=…, gpus=…, credentials=…)`."""

    def make(
        outcome: Callable[[ProcessSpec], int | None] = lambda _spec: 0,
        vcpus: float = 2,
        gpus: int = 0,
        credentials: CredentialSource | None = None,
    ) -> Bench:
        return make_bench(str(tmp_path), outcome, vcpus, gpus, credentials)

    return make


def make_bench(
    scratch: str,
    outcome: Callable[[ProcessSpec], int | None],
    vcpus: float = 2,
    gpus: int = 0,
    credentials: CredentialSource | None = None,
) -> Bench:
    """The fixture's work, for tests that make many."""
    runner, events, logs, attempts = ScriptedRunner(outcome), MemoryEvents(), MemoryLogs(), deque[Any]()
    images = PatternImages([("trainer*", ImageEnvironment("/env"))])
    starter = AttemptStarter(
        images,
        credentials or NoCredentials(),
        logs,
        runner,
        ManualClock(),
        "eu-west-1",
        "http://127.0.0.1:1",
        scratch,
    )
    numbers = iter(range(1, 1_000_000))
    engine = Engine(
        EngineSettings("111122223333", "eu-west-1", Capacity(vcpus, gpus)),
        starter,
        events,
        lambda: f"id-{next(numbers)}",
        attempts.append,
    )
    with engine.changing():
        engine.queues.create_environment(
            {
                "computeEnvironmentName": "ce",
                "type": "MANAGED",
                "computeResources": {"type": "EC2", "maxvCpus": 8, "subnets": ["s"]},
            }
        )
        order = [{"order": 1, "computeEnvironment": "ce"}]
        engine.queues.create_queue({"jobQueueName": "cpu", "priority": 1, "computeEnvironmentOrder": order})
        engine.queues.create_queue(
            {"jobQueueName": "urgent", "priority": 9, "computeEnvironmentOrder": order}
        )
        engine.definitions.register(DEFINITION)
    return Bench(engine, runner, events, logs, attempts)
