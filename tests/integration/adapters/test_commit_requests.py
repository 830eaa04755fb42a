"""What one ingest commit asks of a server that stays the same from the first version to the two hundredth."""

from __future__ import annotations

from pathlib import Path

import pytest
from headgate.adapters.aws.session import AwsClients

from tests.unit.adapters.backends import AwsBackend
from tests.unit.adapters.test_commit_requests import check_requests, make_stage


@pytest.mark.slow
def test_a_commit_takes_the_same_requests_at_any_age(
    backend: AwsBackend, clients: AwsClients, tmp_path: Path
) -> None:
    check_requests(make_stage(backend, clients, tmp_path), 200)
