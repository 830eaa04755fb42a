"""One platform for all end-to-end tests: the production template on the emulator, IAM enforced, a free port.

It lives in a temporary folder and ends with the tests; a platform that runs from build/local is not touched.
When a test fails, what the platform's functions logged during it is part of the report.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from headgate.cli.logs import told
from headgate.cli.state import Home
from headgate_local.issuer import LocalIssuer
from headgate_local.platform_steps import Place, build_layers, deploy_platform, start_emulator

from tests.e2e import archive, shops
from tests.e2e.credentials import CredentialWatch
from tests.e2e.event_tap import EventTap, open_tap
from tests.e2e.stack import Stack
from tests.e2e.story import Story, serve_later_data, train_first_model

STACK = pytest.StashKey[Stack]()
STARTED = pytest.StashKey[float]()
LARGEST_DROP_BYTES = 4_000_000
LARGEST_BUILD_BYTES = 400_000
"""Low enough that a test can afford a drop that is too large for the function."""
MOST_LINES = 15
# A test that polls makes a hundred of these.
UNEVENTFUL = ("status=200", "effect=Allow")


@pytest.fixture(scope="session")
def place(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The repository as it is, with local state in a temporary folder."""
    for environment in (".venv", ".envs/emulator", ".envs/function", ".envs/trainer"):
        if not (root / environment / "bin" / "python").exists():
            pytest.skip(f"{environment} does not exist; `make setup` makes it")
    return Place(root, Home(tmp_path_factory.mktemp("platform")))


@pytest.fixture(scope="session")
def watched(place: Place, pytestconfig: pytest.Config) -> Iterator[tuple[Stack, CredentialWatch]]:
    """The platform, and a record of the credentials its processes were started with."""
    build_layers(place)
    with (
        start_emulator(place, bound_to_parent=True) as emulator,
        CredentialWatch(emulator.state.pid) as watch,
    ):
        changes = {
            "LargestDropBytes": str(LARGEST_DROP_BYTES),
            "LargestBuildBytes": str(LARGEST_BUILD_BYTES),
            "GarbageGraceSeconds": "1",
            "ImportBucketArns": f"arn:aws:s3:::{archive.SHELF_BUCKET}",
        }
        state = deploy_platform(place, emulator.state, lambda _progress: None, changes=changes)
        stack = Stack(state, emulator.state, LocalIssuer(place.home.identity))
        pytestconfig.stash[STACK] = stack
        yield stack, watch


@pytest.fixture(scope="session")
def stack(watched: tuple[Stack, CredentialWatch]) -> Stack:
    """The deployed platform; the product `shops` is applied over HTTP as alice."""
    found = watched[0]
    found.api("alice").apply_product(shops.PRODUCT, shops.bundle())
    return found


@pytest.fixture(scope="session")
def tap(watched: tuple[Stack, CredentialWatch]) -> EventTap:
    """Hears every event of the platform's bus from the time it is asked for."""
    return open_tap(watched[0])


@pytest.fixture(scope="session")
def trained(stack: Stack, tap: EventTap) -> Story:
    """Two months were dropped, and the events have made a champion of them."""
    return train_first_model(stack, tap)


@pytest.fixture(scope="session")
def monitored(trained: Story, stack: Stack, tap: EventTap) -> Story:
    """A later month was dropped as well, and the champion was measured on it."""
    return serve_later_data(trained, stack, tap)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[STARTED] = time.time()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds what the functions logged since the test began; what cannot be read is said, not raised."""
    report = yield
    stack = item.config.stash.get(STACK, None)
    if report.failed and stack is not None:
        try:
            report.sections += _log_sections(stack, item.stash[STARTED])
        except Exception as error:
            report.sections.append(("logs of the platform", f"cannot be read: {error!r}"))
    return report


def _log_sections(stack: Stack, since: float) -> Iterator[tuple[str, str]]:
    for name, lines in stack.logs(since).items():
        sentences = [f"{line.level or '-'} {told(line)}" for line in lines if told(line)]
        sentences = [each for each in sentences if not each.endswith(UNEVENTFUL)]
        if sentences:
            yield f"log of {name} ({len(sentences)} lines)", "\n".join(sentences[-MOST_LINES:])
    if letters := stack.given_up():
        yield "dead letters", str(letters)
