"""The emulator, started once for these tests the way `make up` starts it, and a stack to try it on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from headgate_local.launch import Credentials, Emulator, start

from tests.integration.local import stack

REPOSITORY = Path(__file__).resolve().parents[3]
EMULATOR_PYTHON = REPOSITORY / os.environ.get("HEADGATE_EMULATOR_PYTHON", ".envs/emulator/bin/python")
FUNCTION_PYTHON = REPOSITORY / os.environ.get("HEADGATE_FUNCTION_PYTHON", ".envs/function/bin/python")


class Clients:
    """boto3 clients of one identity at one emulator: `clients("s3")`."""

    def __init__(self, emulator: Emulator, credentials: Credentials, token: str | None = None) -> None:
        self._endpoint = emulator.endpoint
        self._session = boto3.Session(
            credentials.access_key_id, credentials.secret_access_key, token, region_name=emulator.region
        )

    def __call__(self, service: str) -> Any:
        once = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        return self._session.client(service, endpoint_url=self._endpoint, config=once)  # type: ignore[call-overload]


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """A running emulator; its log stays in the temporary directory of the test run."""
    for python in (EMULATOR_PYTHON, FUNCTION_PYTHON):
        if not python.exists():
            pytest.skip(f"{python} does not exist; `make setup` makes it")
    home = tmp_path_factory.mktemp("emulator")
    with start(
        EMULATOR_PYTHON,
        FUNCTION_PYTHON,
        state_file=home / "state.json",
        log_file=home / "emulator.log",
        # These jobs need a Python and nothing else, and so run on the functions' environment.
        batch_images={"trainer*": FUNCTION_PYTHON.parent.parent},
        batch_vcpus=2,
        extra_arguments=("--batch-minimum-timeout", "1"),
    ) as running:
        yield running


@pytest.fixture(scope="session")
def account(emulator: Emulator) -> Clients:
    """Clients of the account's root, for setting the scene."""
    return Clients(emulator, emulator.root_credentials)


ClientsOf = Callable[..., Clients]


@pytest.fixture(scope="session")
def clients_of(emulator: Emulator) -> ClientsOf:
    """Makes clients of another identity: `clients_of(access_key_id, secret)`."""
    return lambda key, secret: Clients(emulator, Credentials(key, secret))


@pytest.fixture(scope="session")
def shop(account: Clients) -> dict[str, str]:
    """The outputs of the deployed stack."""
    s3 = account("s3")
    s3.create_bucket(Bucket="code")
    files = {"app.py": stack.FUNCTION_CODE, "both.py": ""}
    version = f"python{'.'.join(stack.RUNTIME.removeprefix('python').split('.'))}"
    s3.put_object(Bucket="code", Key="app.zip", Body=stack.archive(files))
    s3.put_object(Bucket="code", Key="broken.zip", Body=stack.archive({"app.py": "import absent"}))
    s3.put_object(
        Bucket="code", Key="layer.zip", Body=stack.archive({"python/in_one.py": "", "python/both.py": ""})
    )
    deep = f"python/lib/{version}/site-packages/in_two.py"
    s3.put_object(Bucket="code", Key="layer2.zip", Body=stack.archive({deep: ""}))
    return stack.deploy(account("cloudformation"), "shop", stack.template())


@pytest.fixture(scope="session")
def invoke(account: Clients, shop: dict[str, str]) -> Callable[..., dict[str, Any]]:
    """Invokes a function of the stack by its logical id; returns error, payload and log."""

    def call(name: str, **event: Any) -> dict[str, Any]:
        answer = account("lambda").invoke(FunctionName=shop[name], Payload=json.dumps(event))
        return {"error": answer.get("FunctionError"), "payload": json.loads(answer["Payload"].read())}

    return call
