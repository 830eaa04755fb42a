"""`python -m headgate_local.demo`: the whole story on this machine, from dropped files to a traced answer.

Owns the run of a story: board, memory sampler, summary, and that whatever was started is stopped, however it
ends. Exit codes: 0 every promise kept, 1 failed (with the failing part's own log lines), 130 interrupted.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from headgate.cli.client import reach_loopback_directly
from headgate.cli.state import Home
from headgate.domain.errors import HeadgateError
from rich.console import Console
from rich.text import Text

from headgate_local import demo_failure, demo_summary
from headgate_local.demo_context import DemoContext, Step, perform
from headgate_local.demo_memory import MemorySampler
from headgate_local.demo_story import STEPS, TITLES
from headgate_local.platform_steps import Place
from headgate_local.progress import Board, Stage, display_for

ROOT = Path(__file__).resolve().parents[3]
INTERRUPTED = 130


@dataclass(frozen=True)
class Story:
    """What is played. ``name`` is that of its folder and result in build/; ``titles`` are the board's lines.

    ``document`` makes what the result file holds of the context, the memory's peak and the seconds it took.
    """

    name: str
    steps: Sequence[Step]
    titles: Mapping[str, str]
    document: Callable[[DemoContext, MemorySampler, float], dict[str, Any]]
    show: Callable[[Console, dict[str, Any], Path], None]


DEMO = Story("demo", STEPS, TITLES, demo_summary.document, demo_summary.show)


def run(root: Path, console: Console, story: Story = DEMO) -> int:
    """Plays the story and returns the exit code."""
    home = Home(root / "build" / story.name)
    shutil.rmtree(home.folder, ignore_errors=True)
    result_file = root / "build" / f"{story.name}.json"
    result_file.unlink(missing_ok=True)
    board = Board([Stage(step.name, story.titles[step.name]) for step in story.steps])
    context = DemoContext(Place(root, home), board)
    started = time.monotonic()
    try:
        with MemorySampler() as memory:
            _play(context, console, story.steps)
        result = story.document(context, memory, time.monotonic() - started)
        demo_summary.write(result_file, result)
        story.show(console, result, result_file)
        return 0 if all(check.passed for check in context.checks) else 1
    except KeyboardInterrupt:
        console.print(Text("interrupted; everything that was started is stopped", style="yellow"))
        return INTERRUPTED
    except HeadgateError:
        return 1
    finally:
        _stop(context)


def _play(context: DemoContext, console: Console, steps: Sequence[Step]) -> None:
    """The steps under a display; a failure is explained while the platform can still be asked."""
    context.board.displays.append(display_for(context.board, console))
    try:
        try:
            perform(context, steps)
        finally:
            context.board.close()
    except HeadgateError as error:
        console.print(Text(f"\nfailed: {error}", style="bold red"))
        demo_failure.explain(context, console)
        raise


def _stop(context: DemoContext) -> None:
    """Ends the emulator and forgets the keys that were good for it alone."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave anything behind
    try:
        if context.emulator is not None:
            context.emulator.stop()
        context.place.home.forget()
        for secret in (context.place.home.identity, context.place.home.tokens):
            shutil.rmtree(secret, ignore_errors=True)
    finally:
        signal.signal(signal.SIGINT, previous)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """A request to terminate ends the demo as Ctrl-C does."""
    raise KeyboardInterrupt


def play(story: Story) -> None:
    """Command-line entry: plays the story on this terminal, and exits with its code."""
    reach_loopback_directly(os.environ)
    signal.signal(signal.SIGTERM, _interrupt)
    terminal = sys.stdout.isatty()
    console = Console(highlight=False, soft_wrap=not terminal, width=None if terminal else 100)
    sys.exit(run(ROOT, console, story))


if __name__ == "__main__":
    play(DEMO)
