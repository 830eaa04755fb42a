"""View files: a typed header of ``-- key: value`` lines, then exactly one SELECT.

Owns what a file becomes and where its parts stand. The header's grammar is in `headgate.cli.view_header`,
whether the SQL can run in `headgate.cli.bind_views`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from headgate.adapters.engines.sql_text import first_line, without_end
from headgate.cli.problems import Problem
from headgate.cli.view_header import ViewHeader
from headgate.domain.contract import IDENTIFIER
from headgate.domain.feature import FeatureView, Window
from headgate.domain.feature_set import graph_problems
from headgate.domain.partition import GRAINS

KINDS = ("feature", "spine", "on_demand")
BUILDS = ("incremental", "full")
STORED_ONLY = (
    *(
        "event_time",
        "known_at",
        "available_after",
        "max_age",
        "online",
        "build",
        "window",
        "partition",
        "test",
    ),
)
"""Headers of views that are made before they are asked for."""


@dataclass
class ViewSource:
    """One file: its document as the bundle holds it, and the lines of its headers by key."""

    file: str
    document: dict[str, Any]
    lines: Mapping[str, list[int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.document["name"])

    @property
    def view(self) -> FeatureView:
        """As declared, whether that can be or not."""
        listed = {key: tuple(self.document[key]) for key in ("inputs", "entity", "tests")}
        windows = tuple(Window(**window) for window in self.document["windows"])
        return FeatureView(**{**self.document, **listed, "windows": windows})

    def problem(self, key: str, message: str, number: int = 0) -> None:
        """Notes a problem at a header, the ``number``-th of that key; at line 1 where there is none."""
        lines = self.lines.get(key, [])
        self.problem_at(lines[number] if number < len(lines) else 1, key, message)

    def problem_at(self, line: int | None, key: str | None, message: str) -> None:
        """Once, for however many sets a view is looked at."""
        problem = Problem(self.file, line, key, message)
        if problem not in self.problems:
            self.problems.append(problem)


def compile_view(path: Path, file: str) -> ViewSource:
    """The view of one ``.sql`` file, with all that is wrong with it by itself."""
    try:
        text = path.read_text(encoding="utf-8-sig").rstrip()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        empty = _compiled(path.stem, file, "")
        empty.problems[:] = [Problem(file, line, None, f"is not UTF-8: {error.reason}")]
        return empty
    return _compiled(path.stem, file, text)


def _compiled(name: str, file: str, text: str) -> ViewSource:
    problems: list[Problem] = []
    header = ViewHeader.read(text, file, problems)
    event_time, windows = header.name("event_time"), header.windows()
    document = {
        "name": name,
        "kind": header.choice("kind", KINDS, None),
        "inputs": header.names("inputs"),
        "entity": header.names("entity"),
        "event_time": event_time,
        "known_at": header.name("known_at"),
        "available_after": header.duration("available_after", least=0) or 0,
        "max_age_seconds": header.duration("max_age", least=1),
        "online": header.switch("online"),
        "windows": windows,
        "build": header.choice("build", BUILDS, "incremental" if event_time and windows else "full"),
        "partition": header.choice("partition", GRAINS, "month"),
        "tests": header.tests(),
        "sql": text,
    }
    source = ViewSource(file, document, header.lines, problems)
    if not IDENTIFIER.match(name):
        source.problem_at(1, None, f"{name!r} names no view (letters, digits and _ only)")
    _check_declaration(source)
    _check_sql(source, text)
    return source


def check_graph(sources: Iterable[ViewSource], datasets: Iterable[str]) -> None:
    """Notes what is wrong between the views."""
    by_name = {source.name: source for source in sources}
    for name, key, message in graph_problems({n: s.view for n, s in by_name.items()}, datasets):
        by_name[name].problem(key, message)


def _check_declaration(source: ViewSource) -> None:
    """What the domain says, unless the header itself is wrong there already."""
    known = {problem.field for problem in source.problems}
    view = source.view
    if view.kind == "on_demand":
        _check_stored_only(source)
    for key, message in view.problems():
        if key not in known:
            source.problem(key, message, _window_of(view, message) if key == "window" else 0)


def _check_stored_only(source: ViewSource) -> None:
    for key in STORED_ONLY:
        if key in source.lines and source.document.get(key) is not False:
            source.problem(key, "says nothing of a view that is computed of each request; leave it out")


def _window_of(view: FeatureView, message: str) -> int:
    """The first window with which the problem is there."""

    def told(count: int) -> Iterator[str]:
        return (m for key, m in replace(view, windows=view.windows[:count]).problems() if key == "window")

    return next(n for n in range(len(view.windows)) if message in told(n + 1))


def _check_sql(source: ViewSource, text: str) -> None:
    import duckdb

    try:
        statements = duckdb.extract_statements(text)
    except duckdb.Error as error:
        message = str(error)
        source.problem_at(sql_line(message) or 1, None, f"is not SQL: {message.splitlines()[0]}")
        return
    kinds = [statement.type.name for statement in statements]
    if kinds == ["SELECT"]:
        source.document["sql"] = without_end(text)
        return
    found = ", ".join(kinds) or "no statement"
    pivot = "; a PIVOT says its values: PIVOT … ON column IN (…)" if kinds == ["CREATE", "SELECT"] else ""
    source.problem_at(first_line(text), None, f"holds {found}; exactly one SELECT is needed{pivot}")


def sql_line(message: str) -> int | None:
    """The line that an engine's message points at."""
    found = re.search(r"^LINE (\d+):", message, re.MULTILINE)
    return None if found is None else int(found[1])
