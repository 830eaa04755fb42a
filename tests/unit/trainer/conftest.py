"""The trainer's engines (lightgbm, onnx) live in an environment of their own; these tests borrow them from
there.

Both environments come from one lock, so what both hold is the same version.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from tests.unit.trainer.small_runs import SmallRun

ROOT = Path(__file__).resolve().parents[3]
ENGINES = ("lightgbm", "onnx", "onnxmltools")


def pytest_configure() -> None:
    """Appended, so that whatever the developer's environment has itself comes first.

    As the trainers do, before any of their libraries is loaded: waiting threads give way.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    found = ROOT / f".envs/trainer/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    if found.is_dir() and str(found) not in sys.path:
        sys.path.append(str(found))


pytest_configure()


@pytest.fixture(autouse=True, scope="session")
def engines() -> None:
    missing = [name for name in ENGINES if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not found in .envs/trainer; `make setup` makes it")


@pytest.fixture
def small_run(tmp_path: Path) -> SmallRun:
    return SmallRun(tmp_path)
