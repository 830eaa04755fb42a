"""A client of a platform in memory that has January and February of the small product."""

from pathlib import Path

import pytest
from headgate.client import Client, connect

from tests.support.feature_set_desk import FeatureDesk
from tests.support.in_process_api import InProcessApi
from tests.support.memory_platform import MemoryPlatform
from tests.support.small_product import bundle
from tests.support.trained_run import build, take_in


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> MemoryPlatform:
    """For forking only."""
    made = MemoryPlatform(tmp_path_factory.mktemp("prepared"))
    made.apply_product(bundle())
    take_in(made, 1, 2)
    build(made)
    return made


@pytest.fixture
def desk(prepared: MemoryPlatform) -> FeatureDesk:
    return FeatureDesk(prepared.fork())


@pytest.fixture
def client(desk: FeatureDesk, tmp_path: Path) -> Client:
    return connect(
        "shops",
        folder=tmp_path,
        environ={"HEADGATE_API_URL": "http://127.0.0.1:9/api", "HEADGATE_TOKEN": "t"},
        transport=InProcessApi(desk),
    )
