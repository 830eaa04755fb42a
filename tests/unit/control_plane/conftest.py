"""The function's own folder is on the path in Lambda; here too."""

import sys
from pathlib import Path

import pytest

from tests.unit.control_plane.world import World, lived_world

API = Path(__file__).resolve().parents[3] / "functions" / "api"
sys.path.insert(0, str(API))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A control plane with nothing in it."""
    return World(tmp_path)


@pytest.fixture
def lived(tmp_path: Path) -> World:
    """A control plane whose product has versions, models and a prediction."""
    return lived_world(tmp_path)
