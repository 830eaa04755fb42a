"""A place to read sources in."""

from pathlib import Path

import pytest

from tests.unit.engines.reading import Reading


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    return Reading(tmp_path)
