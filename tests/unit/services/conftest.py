"""A platform in memory with the small product applied."""

from pathlib import Path

import pytest

from tests.support.memory_platform import MemoryPlatform
from tests.support.small_product import bundle


@pytest.fixture
def platform(tmp_path: Path) -> MemoryPlatform:
    made = MemoryPlatform(tmp_path)
    made.apply_product(bundle())
    made.faults.clear()
    return made
