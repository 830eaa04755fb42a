"""What happens, line by line: a board of stages, and two ways to show it.

Owns no story: whoever works tells the board, the board tells a display. On a terminal the board is drawn in
place; anywhere else every change of state is one line of plain text, without control codes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

State = Literal["waiting", "running", "done", "failed"]
MARKS: dict[State, tuple[str, str]] = {
    "waiting": ("·", "dim"),
    "running": ("…", "cyan"),
    "done": ("✓", "green"),
    "failed": ("✗", "bold red"),
}


@dataclass
class Stage:
    """One line of the board. ``detail`` is what is known now; seconds run from start to end."""

    name: str
    title: str
    state: State = "waiting"
    detail: str = ""
    started: float | None = None
    ended: float | None = None

    def seconds(self, now: float) -> float | None:
        return None if self.started is None else (self.ended or now) - self.started


class Display(Protocol):
    """Shows a board; `changed` is called after a stage began or ended, or its detail is new."""

    def changed(self, stage: Stage) -> None: ...

    def close(self) -> None: ...


@dataclass
class Board:
    """The stages in the order they are shown. Told from one thread, drawn from another."""

    stages: list[Stage]
    clock: Callable[[], float] = time.monotonic
    displays: list[Display] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def stage(self, name: str) -> Stage:
        """Raises KeyError for a stage that the board does not have."""
        return {stage.name: stage for stage in self.stages}[name]

    def start(self, name: str, detail: str = "") -> None:
        """Begins a stage; one that runs already only gets the detail."""
        with self.lock:
            stage = self.stage(name)
            if stage.state == "running":
                return self.tell(name, detail)
            stage.state, stage.started, stage.detail = "running", self.clock(), detail
        return self._changed(stage)

    def tell(self, name: str, detail: str) -> None:
        """What is known of a running stage now."""
        with self.lock:
            stage = self.stage(name)
            if not detail or stage.detail == detail:
                return
            stage.detail = detail
        self._changed(stage)

    def done(self, name: str, detail: str = "") -> None:
        self._end(name, "done", detail)

    def fail(self, name: str, detail: str = "") -> None:
        self._end(name, "failed", detail)

    def fail_running(self) -> None:
        """Marks whatever was under way as failed."""
        for stage in [s for s in self.stages if s.state == "running"]:
            self.fail(stage.name)

    def seconds(self) -> dict[str, float]:
        """Seconds of every stage that began."""
        now = self.clock()
        taken = {stage.name: stage.seconds(now) for stage in self.stages}
        return {name: round(seconds, 2) for name, seconds in taken.items() if seconds is not None}

    def close(self) -> None:
        for display in self.displays:
            display.close()

    def _end(self, name: str, state: State, detail: str) -> None:
        with self.lock:
            stage = self.stage(name)
            stage.started = stage.started or self.clock()
            stage.state, stage.ended, stage.detail = state, self.clock(), detail or stage.detail
        self._changed(stage)

    def _changed(self, stage: Stage) -> None:
        for display in self.displays:
            display.changed(stage)


class LiveDisplay:
    """The whole board, redrawn in place a few times a second."""

    def __init__(self, board: Board, console: Console) -> None:
        self._board = board
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=6)
        self._live.start()

    def changed(self, stage: Stage) -> None:
        """The next redraw shows it."""

    def close(self) -> None:
        self._live.stop()

    def _render(self) -> RenderableType:
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(width=2)
        table.add_column(min_width=24)
        table.add_column(justify="right", width=8)
        table.add_column(overflow="ellipsis", no_wrap=True, ratio=1)
        with self._board.lock:
            now = self._board.clock()
            for stage in self._board.stages:
                mark, style = MARKS[stage.state]
                drawn = self._spinner if stage.state == "running" else Text(mark, style=style)
                dim = "dim" if stage.state == "waiting" else ""
                seconds = stage.seconds(now)
                spent = "" if seconds is None else f"{seconds:.1f} s"
                table.add_row(
                    drawn, Text(stage.title, style=dim), Text(spent, style="dim"), Text(stage.detail)
                )
        return table


class PlainDisplay:
    """A line when a stage begins and ends, and at most one every few seconds in between."""

    def __init__(
        self, console: Console, clock: Callable[[], float] = time.monotonic, every: float = 5.0
    ) -> None:
        self._console = console
        self._clock = clock
        self._every = every
        self._said: dict[str, tuple[State, float]] = {}

    def changed(self, stage: Stage) -> None:
        now = self._clock()
        state, when = self._said.get(stage.name, ("waiting", 0.0))
        if stage.state == state and now - when < self._every:
            return
        self._said[stage.name] = (stage.state, now)
        seconds = stage.seconds(now)
        spent = f" ({seconds:.1f} s)" if seconds is not None and stage.state != "running" else ""
        detail = f": {stage.detail}" if stage.detail else ""
        self._console.print(Text(f"[{stage.state}] {stage.title}{spent}{detail}"))

    def close(self) -> None:
        """Everything was printed already."""


def display_for(board: Board, console: Console) -> Display:
    """The live display on a terminal, plain lines elsewhere."""
    return LiveDisplay(board, console) if console.is_terminal else PlainDisplay(console)
