"""One backend a test: each suite here is a port's contract, and every adapter of the port keeps it.

The same suites run over the emulator in tests/integration/adapters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import Any

import boto3
import pytest
from headgate.adapters.aws.batch import AwsBatchCompute
from headgate.adapters.aws.eventbridge import EventBridgeBus
from headgate.adapters.aws.session import AwsClients
from moto import mock_aws

from tests.unit.adapters.backends import AwsBackend, Backend, MemoryBackend, Sent

JOB_ROLE = "arn:aws:iam::123456789012:role/jobs"


class OneCallAtATime(AwsClients):
    """moto's tables are plain dicts: rivals may take turns between calls, not within one."""

    def __init__(self, session: boto3.Session) -> None:
        super().__init__(session)
        self._turn = RLock()

    def client(self, service: str) -> Any:
        return _TakingTurns(super().client(service), self._turn)


class _TakingTurns:
    def __init__(self, client: Any, turn: Any) -> None:
        self._client, self._turn = client, turn

    def __getattr__(self, operation: str) -> Any:
        call = getattr(self._client, operation)
        if not callable(call):
            return call

        def taking_turns(*arguments: Any, **options: Any) -> Any:
            with self._turn:
                return call(*arguments, **options)

        return taking_turns


class MotoBackend(AwsBackend):
    """Sees what is published as botocore sends it: moto's rules need a package that is not installed."""

    def __init__(self, clients: OneCallAtATime) -> None:
        super().__init__(clients, JOB_ROLE, "trainer:1")
        self._asked: list[dict[str, Any]] = []
        self._taken: Sent = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        watched = self._clients.client("events").meta.events
        hooks: dict[str, Callable[..., None]] = {
            "provide-client-params.events.PutEvents": self._before_call,
            "after-call.events.PutEvents": self._after_call,
        }
        for name, hook in hooks.items():
            watched.register(name, hook)
        yield
        for name, hook in hooks.items():
            watched.unregister(name, hook)

    @cached_property
    def bus(self) -> EventBridgeBus:
        name = self._named("bus")
        self._clients.client("events").create_event_bus(Name=name)
        return EventBridgeBus(self._clients, name)

    @cached_property
    def batch(self) -> AwsBatchCompute:
        self._clients.client("iam").create_role(RoleName="jobs", AssumeRolePolicyDocument="{}")
        return super().batch

    def published(self) -> Sent:
        taken, self._taken = self._taken, []
        return taken

    def _before_call(self, params: dict[str, Any], **_: Any) -> None:
        self._asked = params["Entries"]

    def _after_call(self, parsed: dict[str, Any], **_: Any) -> None:
        for entry, result in zip(self._asked, parsed["Entries"], strict=True):
            assert "EventId" in result, result
            self._taken.append({"type": entry["DetailType"], **json.loads(entry["Detail"])})


@pytest.fixture(scope="session")
def moto_clients() -> OneCallAtATime:
    """One set of clients for all tests: making them takes longer than a test."""
    return OneCallAtATime(boto3.Session("key", "secret", region_name="us-east-1"))


@pytest.fixture
def memory(tmp_path: Path) -> Backend:
    return MemoryBackend(tmp_path)


@pytest.fixture
def moto(moto_clients: OneCallAtATime) -> Iterator[Backend]:
    """AWS in this process: the real adapters and the real boto3, with no socket opened."""
    with mock_aws(config={"batch": {"use_docker": False}}):
        backend = MotoBackend(moto_clients)
        with backend.watching():
            yield backend


BACKENDS = ("memory", "moto")


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    made: Backend = request.getfixturevalue(request.param)
    return made


@pytest.fixture(scope="session")
def backend_names() -> tuple[str, ...]:
    """The backends the suites run over."""
    return BACKENDS
