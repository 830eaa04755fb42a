"""How the command answers: tables and sentences for people, or exactly one JSON document.

Owns the two consoles. With ``--json`` standard output holds the document alone; notes go to standard error.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from headgate.cli.fitting_table import FittingTable

Row = Mapping[str, Any]
NARROW = 20
"""Cells up to this long, such as times and digests, are never broken over lines."""
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d(?::\d\d)?)(?:\.\d+)?Z")
Column = tuple[str, str]  # heading, field (dots reach inside)


class Output:
    """Where a command's answer goes. ``answered`` tells whether there was one."""

    def __init__(self, out: Console, notes: Console, as_json: bool) -> None:
        self.out = out
        self.notes = notes
        self.as_json = as_json
        self.answered = False

    def answer(self, document: Any, people: Callable[[Console], None]) -> None:
        """Prints ``document`` as JSON, or calls ``people`` with the console."""
        self.answered = True
        if self.as_json:
            self.out.file.write(json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n")
            self.out.file.flush()
        else:
            people(self.out)

    def note(self, text: str) -> None:
        """A line about progress: for people, beside the answer."""
        self.notes.print(Text(text, style="dim"))

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Says what is waited for: with the seconds that went by on a terminal, as one line elsewhere."""
        if not self.notes.is_terminal:
            self.note(text)
            yield
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}", style="dim"), TimeElapsedColumn())
        with Progress(*columns, console=self.notes, transient=True) as bar:
            bar.add_task(escape(text), total=None)
            yield

    def rows(self, document: Any, rows: Sequence[Row], columns: Sequence[Column], none: str) -> None:
        """A table of ``rows``, or the sentence ``none`` without any; ``document`` is the JSON answer."""

        def people(console: Console) -> None:
            console.print(table(rows, columns) if rows else Text(none, style="dim"))

        self.answer(document, people)

    def details(self, document: Mapping[str, Any], title: str | None = None) -> None:
        """One thing, field by field."""
        self.answer(document, lambda console: console.print(sheet(document, title)))


def table(rows: Sequence[Row], columns: Sequence[Column], title: str | None = None) -> Table:
    """Columns in which no row has a value are left out; nothing is cut off on a narrow terminal."""
    shown = [(heading, field) for heading, field in columns if any(reach(r, field) is not None for r in rows)]
    result = FittingTable(title=title, box=None, pad_edge=False, header_style="bold", title_justify="left")
    for heading, field in shown:
        numeric = all(isinstance(reach(r, field), int | float | None) for r in rows)
        cells = [shown_value(reach(row, field)) for row in rows]
        narrow = max(map(len, cells), default=0) <= NARROW
        justify: Literal["left", "right"] = "right" if numeric else "left"
        result.add_column(heading, justify=justify, overflow="fold", no_wrap=narrow)
    for row in rows:
        result.add_row(*(Text(shown_value(reach(row, field))) for _, field in shown))
    return result


def sheet(document: Mapping[str, Any], title: str | None = None) -> Table:
    result = Table(title=title, box=None, pad_edge=False, show_header=False, title_justify="left")
    result.add_column(style="bold")
    result.add_column(overflow="fold")
    for name, value in flatten(document):
        result.add_row(name, Text(shown_value(value)))
    return result


def flatten(document: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """(dotted name, plain value) of every leaf; lists of plain values stay together."""
    for name, value in document.items():
        here = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from flatten(value, f"{here}.")
        elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            for position, item in enumerate(value):
                yield from (
                    flatten(item, f"{here}[{position}].") if isinstance(item, Mapping) else [(here, item)]
                )
        else:
            yield here, value


def reach(row: Row, field: str) -> Any:
    """``a.b`` inside nested mappings; None where there is nothing."""
    found: Any = row
    for part in field.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def shown_value(value: Any) -> str:
    """Text for people: digests short, numbers readable, nothing as a dash."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return (
            f"{value:,.6f}".rstrip("0").rstrip(".")
            if abs(value) < 1
            else f"{value:,.3f}".rstrip("0").rstrip(".")
        )
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(shown_value(item) for item in value) or "-"
    text = str(value)
    moment = _MOMENT.fullmatch(text)
    return f"{moment[1]} {moment[2]}" if moment else short_digests(text)


def short_digests(text: str) -> str:
    """Every digest in ``text`` by its first 12 hex digits, as people are shown them everywhere."""
    return _DIGEST.sub(lambda found: found[0][:12], text)
