"""The functions' handlers as Lambda calls them: their file, their environment, a payload and a context."""

import importlib.util
import json
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from headgate import entrypoint

from tests.support.memory_platform import MemoryPlatform
from tests.support.serving import train_champion
from tests.support.small_product import bundle
from tests.support.trained_run import build, take_in

ROOT = Path(__file__).resolve().parents[3]
CONTEXT = SimpleNamespace(
    aws_request_id="00000000-0000-4000-8000-000000000000", get_remaining_time_in_millis=lambda: 60_000
)
ENVIRONMENT = {
    "POWERTOOLS_METRICS_NAMESPACE": "Headgate",
    "IDEMPOTENCY_TABLE_NAME": "idempotency",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}
_loaded = count()
Payload = dict[str, Any]
Load = Callable[[str, Any], ModuleType]


def payload(function: str, case: str, **replaced: str) -> Payload:
    """A payload of events/, with texts in it replaced (names of what only a test knows)."""
    text = (ROOT / "events" / function / f"{case}.json").read_text(encoding="utf-8")
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    whole: Payload = json.loads(text)
    return whole


def cases(function: str) -> list[str]:
    found = sorted(path.stem for path in (ROOT / "events" / function).glob("*.json"))
    assert found
    return found


def message_ids(event: Payload) -> list[str]:
    return [record["messageId"] for record in event["Records"]]


def failed(response: Payload) -> list[str]:
    """The messages that a partial batch response gives back."""
    assert set(response) == {"batchItemFailures"}
    return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Loads a function's app.py anew, over the service it is given."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    # A logger of one name keeps the stream it was first made with
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"tested-{next(_loaded)}")
    caches = (entrypoint.logger, entrypoint.metrics)
    for cached in caches:
        cached.cache_clear()

    def loaded(function: str, service: Any) -> ModuleType:
        spec = importlib.util.spec_from_file_location(
            f"{function}_app", ROOT / f"functions/{function}/app.py"
        )
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.__dict__["service"] = lambda: service
        return module

    yield loaded
    for cached in caches:
        cached.cache_clear()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> MemoryPlatform:
    """January and February are taken in and built. For forking only."""
    made = MemoryPlatform(tmp_path_factory.mktemp("prepared"))
    made.apply_product(bundle())
    take_in(made, 1, 2)
    build(made)
    return made


@pytest.fixture(scope="session")
def served(prepared: MemoryPlatform) -> MemoryPlatform:
    """With a champion. For forking only."""
    made = prepared.fork()
    train_champion(made)
    return made


@pytest.fixture
def untrained(prepared: MemoryPlatform) -> MemoryPlatform:
    return prepared.fork()


@pytest.fixture
def platform(served: MemoryPlatform) -> MemoryPlatform:
    return served.fork()


@pytest.fixture
def empty(tmp_path: Path) -> MemoryPlatform:
    """The product is applied, nothing else happened."""
    made = MemoryPlatform(tmp_path)
    made.apply_product(bundle())
    made.faults.clear()
    return made
