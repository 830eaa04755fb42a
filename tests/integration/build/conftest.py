"""An emulator of its own for the tests that deploy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from headgate_local.launch import Emulator, start


@pytest.fixture(scope="session")
def emulator(root: Path) -> Iterator[Emulator]:
    with start(root / ".envs/emulator/bin/python", root / ".envs/function/bin/python") as started:
        yield started


@pytest.fixture(scope="session")
def session(emulator: Emulator) -> boto3.session.Session:
    keys = emulator.root_credentials
    return boto3.session.Session(keys.access_key_id, keys.secret_access_key, region_name=emulator.region)
