"""A run's log on a terminal: lines as they come, and a bar that shows how far the fit is.

Owns how a journal line reads. On a terminal the bar is drawn below the lines; anywhere else there are lines
alone.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from headgate.cli.client import Document
from headgate.cli.output import short_digests

Fetch = Callable[[str | None], Document]
PAUSE = 1.0
"""Seconds between two looks at a job that still runs."""
PROGRESS = "training"
_PLACE = frozenset(("time", "level", "event", "run", "product", "model", "iteration", "iterations", "trace"))
_STYLES = {"ERROR": "red", "WARNING": "yellow"}


@dataclass(frozen=True)
class Said:
    """One line of the trainer's journal, or of whatever else a job printed (``event`` is None then).

    ``at`` is epoch milliseconds; ``facts`` are the line's own numbers and words.
    """

    at: int
    event: str | None
    level: str
    facts: dict[str, Any]
    text: str

    @property
    def progress(self) -> tuple[int, int] | None:
        """(iterations done, iterations in all) of a line that tells how far the fit is."""
        done, total = self.facts.get("iteration"), self.facts.get("iterations")
        told = self.event == PROGRESS and isinstance(done, int) and isinstance(total, int)
        return (done, total) if told else None  # type: ignore[return-value]

    def line(self) -> Text:
        stamp = time.strftime("%H:%M:%S", time.gmtime(self.at / 1000))
        if self.event is None:
            return Text.assemble((f"{stamp}  ", "dim"), self.text)
        facts = {name: value for name, value in self.facts.items() if name not in _PLACE}
        if (progress := self.progress) is not None:
            facts = {"": f"{progress[0]} of {progress[1]}", **facts}
        told = "  ".join(f"{name} {_shown(value)}".strip() for name, value in facts.items())
        event = self.event.replace("_", " ")
        return Text.assemble(
            (f"{stamp}  ", "dim"), (event, _STYLES.get(self.level, "bold")), f"  {short_digests(told)}"
        )


def said(at: int, message: str) -> Said:
    """A line as it was printed. What is no journal line is kept as text."""
    try:
        found = json.loads(message)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("event"), str):
        return Said(at, None, "INFO", {}, message)
    return Said(at, found["event"], str(found.get("level", "INFO")), found, message)


def pages(fetch: Fetch, follow: bool, sleep: Callable[[float], None] = time.sleep) -> Iterator[Document]:
    """Pages of a log to its present end; with ``follow`` to the end of its job. Every page that follows has
    lines or another state.
    """
    page = fetch(None)
    yield page
    while page["lines"] or (follow and not page["ended"]):
        if not page["lines"]:
            sleep(PAUSE)
        page = fetch(page["after"])
        yield page


def show_log(
    console: Console, fetch: Fetch, follow: bool, sleep: Callable[[float], None] = time.sleep
) -> Document:
    """Prints the log and returns its last page, which tells the run's state."""
    page: Document = {"lines": [], "state": None, "ended": False}
    if not (follow and console.is_terminal):
        for page in pages(fetch, follow, sleep):
            for line in page["lines"]:
                console.print(said(line["at"], line["message"]).line())
        return page
    with _bar(console) as bar:
        task: TaskID | None = None
        for page in pages(fetch, follow, sleep):
            for line in page["lines"]:
                found = said(line["at"], line["message"])
                if found.progress is None:
                    console.print(found.line())
                    continue
                task = _advance(bar, task, found)
    return page


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("[bold]training"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[facts]}", style="dim"),
        console=console,
    )


def _advance(bar: Progress, task: TaskID | None, found: Said) -> TaskID:
    done, total = found.progress or (0, 1)
    facts = {name: value for name, value in found.facts.items() if name not in _PLACE}
    told = "  ".join(f"{name} {_shown(value)}" for name, value in facts.items())
    if task is None:
        return bar.add_task("training", total=total, completed=done, facts=told)
    bar.update(task, completed=done, total=total, facts=told)
    return task


def _shown(value: Any) -> str:
    if isinstance(value, dict) and set(value) == {"from", "to"}:
        return f"{value['from']} to {value['to']}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(each)}" for name, each in value.items())
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
