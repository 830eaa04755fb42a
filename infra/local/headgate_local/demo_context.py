"""What the demo's steps share: where things lie, who may call, what was found so far, and how to wait.

Owns waiting: everything that polls has a deadline, and its error says what was awaited and what was seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from headgate.cli.client import ApiClient, Transport, urllib_transport
from headgate.cli.drop import Dropped
from headgate.cli.failures import CommandFailed
from headgate.cli.invocation import boto3_session
from headgate.cli.state import Keys, LocalState

from headgate_local.launch import Emulator
from headgate_local.platform import issue_token
from headgate_local.platform_steps import Place
from headgate_local.progress import Board

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")
PRODUCT = "flights"
STALLED_SECONDS = 20.0
"""Without any change for this long, the functions' logs are asked for errors."""


class DemoFailed(CommandFailed):
    """The story cannot go on; the message says what was awaited and what was seen instead."""


@dataclass(frozen=True)
class Check:
    """One promise of the demo, and whether it was kept."""

    name: str
    passed: bool
    found: str


@dataclass
class DemoContext:
    """``found`` collects what goes into the summary; ``drops`` is every object that was put, by key."""

    place: Place
    board: Board
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    emulator: Emulator | None = None
    platform: LocalState | None = None
    bundle: dict[str, Any] = field(default_factory=dict)
    drops: dict[str, Dropped] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    started_at: float = field(default_factory=time.time)
    transport: Transport = field(default_factory=urllib_transport)
    session: Callable[[Keys | None, str | None], Any] = boto3_session
    _clients: dict[str, ApiClient] = field(default_factory=dict)

    @property
    def state(self) -> LocalState:
        if self.platform is None:
            raise DemoFailed("the platform is not deployed yet")
        return self.platform

    @property
    def model(self) -> str:
        return str(self.bundle["training"]["model"])

    def api(self, person: str = "alice") -> ApiClient:
        """The HTTP door as one of the demo's people, who is logged in on first use."""
        if person not in self._clients:
            token = issue_token(self.place.home, person)
            self._clients[person] = ApiClient(self.state.api_url, token, self.transport)
        return self._clients[person]

    def forget_clients(self) -> None:
        """After a deployment, which may have moved the API."""
        self._clients.clear()

    def aws(self, service: str, keys: Keys) -> Any:
        """A boto3 client with a user's keys."""
        return self.session(keys, self.state.region).client(service, endpoint_url=self.state.endpoint)

    def administrator(self, service: str) -> Any:
        """A boto3 client of the account's root: for the story's own acts, never for application code."""
        emulator = self.running
        keys = emulator.root_credentials
        root = Keys(keys.access_key_id, keys.secret_access_key)
        return self.session(root, emulator.region).client(service, endpoint_url=emulator.endpoint)

    @property
    def running(self) -> Emulator:
        if self.emulator is None:
            raise DemoFailed("the emulator is not running")
        return self.emulator

    def promise(self, name: str, passed: bool, found: str) -> None:
        self.checks.append(Check(name, passed, found))

    def wait(
        self,
        what: str,
        look: Callable[[], T | None],
        seconds: float,
        every: float = 0.5,
        blame: Callable[[], str | None] = lambda: None,
    ) -> T:
        """What ``look`` returns once it is not None. Raises DemoFailed at the deadline, or earlier when
        nothing moves any more and ``blame`` knows why.
        """
        deadline, moved, last = self.clock() + seconds, self.clock(), self.shown()
        while True:
            self._check_emulator()
            found = look()
            if found is not None:
                return found
            now = self.clock()
            if self.shown() != last:
                moved, last = now, self.shown()
            elif now - moved >= STALLED_SECONDS:
                moved = now
                if (reason := blame()) is not None:
                    raise DemoFailed(f"{reason}; waited for {what}; {self.shown()}")
            if now >= deadline:
                raise DemoFailed(f"waited {seconds:.0f} s for {what}; {self.shown()}")
            self.sleep(every)

    def shown(self) -> str:
        """What the board says of the stages under way."""
        running = [
            f"{s.title}: {s.detail or 'nothing yet'}" for s in self.board.stages if s.state == "running"
        ]
        return "the platform showed " + ("; ".join(running) or "nothing")

    def _check_emulator(self) -> None:
        if self.emulator is not None and self.emulator.process.poll() is not None:
            raise DemoFailed(f"the emulator ended by itself; its log is {self.emulator.log_file}")


@dataclass(frozen=True)
class Step:
    """One act of the story. ``name`` is a stage of the board; ``act`` returns what to say when it is done."""

    name: str
    act: Callable[[DemoContext], str]


def perform(context: DemoContext, steps: Iterable[Step]) -> None:
    """Runs the steps in order, each timed on the board. The first failure ends it, marked as such."""
    for step in steps:
        context.board.start(step.name)
        try:
            said = step.act(context)
        except BaseException:
            context.board.fail_running()
            raise
        context.board.done(step.name, said)
