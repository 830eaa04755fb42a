"""What every test shares: no AWS configuration of the person running them is ever used.

Must not start anything; the emulator belongs to the integration and end-to-end tests.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure() -> None:
    """Hide profiles, keys, regions and endpoints before anything is imported that might read them."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    # A deadline would make every property a timed test.
    settings.register_profile("headgate", deadline=None)
    settings.load_profile("headgate")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT
