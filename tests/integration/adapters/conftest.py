"""The contract suites over the emulator: real sockets, real concurrency, a server's own conditions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from headgate.adapters.aws.session import AwsClients
from headgate_local.launch import Emulator, start

from tests.unit.adapters.backends import AwsBackend, Backend

IMAGE = "trainer:1"


@pytest.fixture(scope="session")
def emulator(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """A running emulator; its log is kept in the temporary directory of the test run."""
    pythons = [root / f".envs/{name}/bin/python" for name in ("emulator", "function")]
    for python in pythons:
        if not python.exists():
            pytest.skip(f"{python} does not exist; `make setup` makes it")
    home = tmp_path_factory.mktemp("emulator")
    with start(
        *pythons,
        state_file=home / "state.json",
        log_file=home / "emulator.log",
        batch_images={"trainer*": pythons[1].parent.parent},
        batch_vcpus=2,
    ) as running:
        yield running


@pytest.fixture(scope="session")
def clients(emulator: Emulator) -> Iterator[AwsClients]:
    """Clients as a function makes them: the endpoint comes from the environment alone."""
    keys = emulator.root_credentials
    session = boto3.Session(keys.access_key_id, keys.secret_access_key, region_name=emulator.region)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", emulator.endpoint)
        yield AwsClients(session)


@pytest.fixture(scope="session")
def job_role(clients: AwsClients) -> str:
    """A role that Batch jobs may take on."""
    trust = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",'
        ' "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}'
    )
    made = clients.client("iam").create_role(RoleName="adapter-jobs", AssumeRolePolicyDocument=trust)
    arn: str = made["Role"]["Arn"]
    return arn


@pytest.fixture
def backend(clients: AwsClients, job_role: str) -> Backend:
    return AwsBackend(clients, job_role, IMAGE)
