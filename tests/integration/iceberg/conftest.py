"""The adapter of tables over the emulator's Glue and S3, with a lake and a database of each test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from headgate.adapters.aws.session import AwsClients
from headgate_local.launch import Emulator, start

from tests.integration.iceberg.deployment import Deployment
from tests.integration.iceberg.world import World


@pytest.fixture(scope="session")
def emulator(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    pythons = [root / f".envs/{name}/bin/python" for name in ("emulator", "function")]
    for python in pythons:
        if not python.exists():
            pytest.skip(f"{python} does not exist; `make setup` makes it")
    home = tmp_path_factory.mktemp("emulator")
    with start(*pythons, state_file=home / "state.json", log_file=home / "emulator.log") as running:
        yield running


@pytest.fixture(scope="session")
def clients(emulator: Emulator) -> Iterator[AwsClients]:
    """Clients as a function makes them: everything comes from the environment."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in emulator.root_credentials.environment().items():
            environment.setenv(name, value)
        environment.setenv("AWS_ENDPOINT_URL", emulator.endpoint)
        environment.setenv("AWS_DEFAULT_REGION", emulator.region)
        yield AwsClients()


@pytest.fixture
def deployment(clients: AwsClients) -> Deployment:
    made = Deployment(clients)
    made.apply()
    return made


@pytest.fixture
def world(clients: AwsClients, tmp_path: Path) -> Iterator[World]:
    made = World(clients, f"lake-{uuid4().hex[:10]}", tmp_path)
    yield made
    made.close()
