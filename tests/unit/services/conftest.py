"""A platform in memory with the small product applied."""

from pathlib import Path

import pytest

from tests.support.memory_platform import MemoryPlatform
from tests.support.serving import train_champion
from tests.support.small_product import bundle
from tests.support.trained_run import build, take_in


@pytest.fixture
def platform(tmp_path: Path) -> MemoryPlatform:
    """Nothing has arrived yet."""
    made = MemoryPlatform(tmp_path)
    made.apply_product(bundle())
    made.faults.clear()
    return made


@pytest.fixture(scope="session")
def prepared_platform(tmp_path_factory: pytest.TempPathFactory) -> MemoryPlatform:
    """January and February are taken in and built. For forking only: every test gets its own."""
    made = MemoryPlatform(tmp_path_factory.mktemp("prepared"))
    made.apply_product(bundle())
    take_in(made, 1, 2)
    build(made)
    return made


@pytest.fixture(scope="session")
def served_platform(prepared_platform: MemoryPlatform) -> MemoryPlatform:
    """As `prepared_platform`, with version 1 of the model buys as champion. For forking only."""
    made = prepared_platform.fork()
    train_champion(made)
    return made
