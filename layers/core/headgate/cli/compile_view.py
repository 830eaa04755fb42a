"""View files: a typed header of ``-- key: value`` lines, then exactly one SELECT.

Owns the header's grammar. The views' meaning is the domain's, the SQL's safety the engine's.
"""

import re
from pathlib import Path
from typing import Any

from headgate.cli.problems import Problem

HEADERS = ("kind", "inputs", "entity", "event_time", "max_age", "online")
_HEADER = re.compile(r"^--\s*([A-Za-z_]+)\s*:\s*(.*?)\s*$")
_DURATION = re.compile(r"^(\d+)\s*([smhd])$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class _Header:
    """The header lines of one file, taken by key; every wrong value becomes a problem."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self.file = file
        self.values: dict[str, tuple[int, str]] = {}
        self._problems = problems

    def problem(self, key: str | None, message: str) -> None:
        line = self.values[key][0] if key in self.values else 1
        self._problems.append(Problem(self.file, line, key, message))

    def add(self, line: int, key: str, value: str) -> None:
        if key in self.values:
            self._problems.append(Problem(self.file, line, key, "is declared twice"))
        elif key not in HEADERS:
            self._problems.append(Problem(self.file, line, key, f"is no header; known: {', '.join(HEADERS)}"))
        else:
            self.values[key] = (line, value)

    def text(self, key: str) -> str | None:
        return self.values[key][1] or None if key in self.values else None

    def names(self, key: str, needed: bool) -> list[str]:
        found = [part.strip() for part in (self.text(key) or "").split(",") if part.strip()]
        if needed and not found:
            self.problem(key, f"is missing; write `-- {key}: name, name`")
        return found

    def switch(self, key: str) -> bool:
        value = (self.text(key) or "false").lower()
        if value not in ("true", "false"):
            self.problem(key, f"is {value!r}; true or false is needed")
        return value == "true"

    def duration(self, key: str) -> int | None:
        value = self.text(key)
        if value is None:
            return None
        seconds = parse_duration(value)
        if seconds is None:
            self.problem(key, f"{value!r} is no duration; write 90s, 30m, 6h or 2d")
        return seconds


def parse_duration(text: str) -> int | None:
    """Seconds in ``6h``, ``90m``, ``2d`` or ``30s``; None when it is none of these."""
    found = _DURATION.match(text)
    return None if found is None else int(found[1]) * _SECONDS[found[2]]


def compile_view(path: Path, file: str, problems: list[Problem]) -> dict[str, Any]:
    """The view document of one ``.sql`` file; what is wrong is appended to ``problems``."""
    text = path.read_text(encoding="utf-8")
    header = _read_header(text, file, problems)
    kind = header.text("kind")
    if kind is None:
        header.problem("kind", "is missing; write `-- kind: feature`, spine or on_demand")
    _check_sql(text, file, problems)
    return {
        "name": path.stem,
        "kind": kind,
        "inputs": header.names("inputs", needed=True),
        "entity": header.names("entity", needed=True),
        "event_time": header.text("event_time"),
        "max_age_seconds": header.duration("max_age"),
        "online": header.switch("online"),
        "sql": text.strip(),
    }


def _read_header(text: str, file: str, problems: list[Problem]) -> _Header:
    """The leading comment lines, up to the first that is empty (`--`) or not of the form key: value."""
    header = _Header(file, problems)
    for number, line in enumerate(text.splitlines(), start=1):
        found = _HEADER.match(line)
        if found is None:
            break
        header.add(number, found[1].lower(), found[2])
    return header


def _check_sql(text: str, file: str, problems: list[Problem]) -> None:
    import duckdb

    try:
        statements = duckdb.extract_statements(text)
    except duckdb.Error as error:
        problems.append(
            Problem(file, _sql_line(str(error)), None, f"is not SQL: {str(error).splitlines()[0]}")
        )
        return
    kinds = [statement.type.name for statement in statements]
    if kinds != ["SELECT"]:
        problems.append(
            Problem(
                file, None, None, f"holds {', '.join(kinds) or 'no statement'}; exactly one SELECT is needed"
            )
        )


def _sql_line(message: str) -> int | None:
    found = re.search(r"LINE (\d+):", message)
    return None if found is None else int(found[1])
