"""A whole platform on this machine: emulator, token issuer, the production template, two users, a product.

Owns bringing it up, finding it again and ending it. The steps themselves are in platform_steps.
"""

from __future__ import annotations

import urllib.request
from dataclasses import replace
from pathlib import Path

from headgate.cli.client import ApiClient, urllib_transport
from headgate.cli.compile_product import compile_product
from headgate.cli.failures import CommandFailed, NotSetUp
from headgate.cli.state import Home, LocalState

from headgate_local.issuer import LocalIssuer
from headgate_local.launch import EmulatorState, log_tail
from headgate_local.platform_process import end, is_emulator
from headgate_local.platform_steps import (
    Note,
    Place,
    build_layers,
    deploy_platform,
    note_progress,
    start_emulator,
)

FIRST_PRODUCT = "flights"
FIRST_PERSON = "alice"


def up(root: Path, home: Home, note: Note) -> LocalState:
    """A running platform with the first product applied; the one that runs already, if it answers.

    Raises NotSetUp and CommandFailed; whatever was started for nothing is stopped again.
    """
    place = Place(root, home)
    running = _running(home)
    if running is not None:
        note(f"already up at {running.endpoint}; `headgate down` stops it")
        return running
    build_layers(place)
    note("starting the emulator")
    emulator = start_emulator(place, bound_to_parent=False)
    try:
        state = deploy_platform(place, emulator.state, note_progress(note))
        return introduce(place, state, note)
    except BaseException:
        emulator.stop()
        home.forget()
        raise


def down(home: Home) -> bool:
    """Stops the emulator that `up` started; False when none was running. No other process is ended."""
    state = home.load()
    pid = _recorded_pid(home, state)
    stopped = pid is not None and end(pid, home.emulator_state)
    home.forget()
    if not stopped:
        home.emulator_state.unlink(missing_ok=True)
    return stopped


def redeploy(root: Path, home: Home, note: Note) -> LocalState:
    """Deploys the template as it is now onto the running platform. Raises NotSetUp when there is none."""
    place, state = Place(root, home), _running(home)
    if state is None:
        raise NotSetUp(f"no platform runs from {home.folder}; `headgate up` starts and deploys one")
    build_layers(place)
    emulator = EmulatorState.read(home.emulator_state)
    return deploy_platform(place, emulator, note_progress(note), state)


def issue_token(home: Home, name: str) -> str:
    """A token for one of the demo's people. Raises CommandFailed naming whom there is."""
    try:
        return LocalIssuer(home.identity).issue_for(name)
    except ValueError as error:
        raise CommandFailed(str(error)) from error


def introduce(place: Place, state: LocalState, note: Note) -> LocalState:
    """Logs the first person in and applies the first product."""
    note(f"logging in as {FIRST_PERSON}, applying {FIRST_PRODUCT}")
    token = issue_token(place.home, FIRST_PERSON)
    place.home.save_token(FIRST_PERSON, token)
    client = ApiClient(state.api_url, token, urllib_transport())
    client.apply_product(FIRST_PRODUCT, compile_product(place.root / "infra" / "products" / FIRST_PRODUCT))
    known = replace(state, product=FIRST_PRODUCT, principal=FIRST_PERSON)
    place.home.save(known)
    return known


def answers(endpoint: str) -> bool:
    """Whether an emulator answers there."""
    try:
        with urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=3) as reply:  # noqa: S310
            return bool(reply.status == 200)
    except OSError:
        return False


def _running(home: Home) -> LocalState | None:
    """The platform that runs from ``home``, or None. Raises CommandFailed when it is there but silent."""
    state = home.load()
    pid = _recorded_pid(home, state)
    if state is None or pid is None or not is_emulator(pid, home.emulator_state):
        if pid is not None and is_emulator(pid, home.emulator_state):
            end(pid, home.emulator_state)  # started, and interrupted before its platform was deployed
        return None
    if not answers(state.endpoint):
        raise CommandFailed(
            f"process {pid} is there but does not answer at {state.endpoint}; "
            f"`headgate down`, then `headgate up`. Its log ends with:\n{log_tail(home.emulator_log, 5)}"
        )
    return state


def _recorded_pid(home: Home, state: LocalState | None) -> int | None:
    try:
        return EmulatorState.read(home.emulator_state).pid
    except (OSError, ValueError, KeyError):
        return int(state.emulator["pid"]) if state and "pid" in state.emulator else None
