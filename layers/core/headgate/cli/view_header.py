"""The header of a view file: ``-- key: value`` lines, taken by key.

Owns the header's grammar; what it means is the domain's. Every wrong value becomes a problem at its line.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from headgate.cli.problems import Problem
from headgate.domain.contract import IDENTIFIER

HEADERS = (
    *("kind", "inputs", "entity", "event_time", "known_at", "available_after", "max_age", "online"),
    *("build", "window", "partition", "test"),
)
REPEATED = ("window", "test")
NEEDED = ("kind", "inputs", "entity")
_HEADER = re.compile(r"^\s*--\s*([A-Za-z_]+)\s*:\s*(.*?)\s*$")
_NEARLY = re.compile(r"^\s*--\s*([A-Za-z_]+(?:[ -][A-Za-z_]+)?)\s*[:=]\s*(.*?)\s*$")
"""A line that means a header, and is none where it stands or as it is written."""
_COMMENT = re.compile(r"^\s*(--.*)?$")
_DURATION = re.compile(r"^(\d+)\s*([smhd])$")
_WINDOW = re.compile(r"^(\S+)\s+(-?)(\d+[smhd])(?:\s*\.\.\s*(-?)(\d+[smhd]))?$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(text: str) -> int | None:
    """Seconds in ``6h``, ``90m``, ``2d`` or ``30s``; None when it is none of these."""
    found = _DURATION.match(text)
    return None if found is None else int(found[1]) * _SECONDS[found[2]]


class ViewHeader:
    """The header lines of one file. ``lines`` holds, by key, where each value stands that was taken."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self.file = file
        self.lines: dict[str, list[int]] = {}
        self._values: dict[str, list[tuple[int, str]]] = {}
        self._problems = problems

    @classmethod
    def read(cls, text: str, file: str, problems: list[Problem]) -> "ViewHeader":
        """The comment lines from the first header on, up to one that is empty or not of the form key: value.
        What reads like a header among the comments after it is a problem, and is taken.
        """
        header, ended = cls(file, problems), 0
        for number, line in enumerate(text.split("\n"), start=1):
            if _COMMENT.match(line) is None:
                break
            found = _HEADER.match(line)
            if found is not None and not ended:
                header._add(number, found[1].lower(), found[2])
            elif (found := _NEARLY.match(line)) is not None:
                header._misplaced(number, found[1], found[2], ended)
            ended = ended or (number if found is None and header._values else 0)
        return header

    def _misplaced(self, line: int, written: str, value: str, ended: int) -> None:
        key = written.lower().replace("-", "_").replace(" ", "_")
        if key not in HEADERS:
            return
        where = f"; it must stand above line {ended}, which ends the header" if ended else ""
        self._problem(line, key, f"is no header as it stands; write `-- {key}: {value}`{where}")
        if key in REPEATED or key not in self._values:
            self._add(line, key, value)

    def _add(self, line: int, key: str, value: str) -> None:
        if key not in HEADERS:
            self._problem(line, key, f"is no header; known: {', '.join(HEADERS)}")
        elif key in self._values and key not in REPEATED:
            self._problem(line, key, "is declared twice")
        else:
            if not value and key not in NEEDED:
                self._problem(line, key, "is empty; give it a value or leave the line out")
            self._values.setdefault(key, []).append((line, value))
            if key not in REPEATED:
                self.lines[key] = [line]

    def problem(self, key: str, message: str) -> None:
        self._problem(self.lines.get(key, [1])[0], key, message)

    def _problem(self, line: int, key: str, message: str) -> None:
        self._problems.append(Problem(self.file, line, key, message))

    def _text(self, key: str) -> str | None:
        return self._values[key][0][1] or None if key in self._values else None

    def name(self, key: str) -> str | None:
        found = self._text(key)
        return None if found is None or not self._identifiers(key, [found]) else found

    def names(self, key: str) -> list[str]:
        found = [part.strip() for part in (self._text(key) or "").split(",") if part.strip()]
        if not found:
            self.problem(key, f"is missing; write `-- {key}: name, name`")
        for name in sorted({n for n in found if found.count(n) > 1}):
            self.problem(key, f"names {name} twice")
        return self._identifiers(key, found)

    def _identifiers(self, key: str, names: Sequence[str]) -> list[str]:
        for name in names:
            if not IDENTIFIER.match(name):
                self.problem(key, f"{name!r} is no identifier (letters, digits and _ only)")
        return [name for name in names if IDENTIFIER.match(name)]

    def choice(self, key: str, known: Sequence[str], default: str | None) -> str | None:
        """One of ``known``; ``default`` where it is missing, which is a problem when that is None."""
        value = self._text(key)
        if value in known:
            return value
        if value is not None:
            self.problem(key, f"is {value!r}; known: {', '.join(known)}")
        elif default is None:
            self.problem(key, f"is missing; write `-- {key}: {known[0]}`, or {' or '.join(known[1:])}")
        return default

    def switch(self, key: str) -> bool:
        return self.choice(key, ("true", "false"), "false") == "true"

    def duration(self, key: str, least: int) -> int | None:
        """Seconds, None where it is missing or wrong."""
        value = self._text(key)
        if value is None:
            return None
        seconds = parse_duration(value)
        if seconds is None:
            self.problem(key, f"{value!r} is no duration; write 90s, 30m, 6h or 2d")
        elif seconds < least:
            self.problem(key, f"{value!r} is too short; {least}s is the least")
            return None
        return seconds

    def windows(self) -> list[dict[str, Any]]:
        return [window for value in self._each("window") if (window := self._window(*value)) is not None]

    def _window(self, line: int, value: str) -> dict[str, Any] | None:
        found = _WINDOW.match(value)
        if not value:
            return None
        if found is None:
            self._problem(line, "window", f"{value!r} is no window; write `-- window: input 0s..26h`")
            return None
        self.lines.setdefault("window", []).append(line)
        earliest = _signed(found[2], found[3])
        latest = earliest if found[5] is None else _signed(found[4], found[5])
        return {"input": found[1], "earliest": earliest, "latest": latest}

    def tests(self) -> list[str]:
        tests = []
        for line, value in self._each("test"):
            if not value:
                continue
            self.lines.setdefault("test", []).append(line)
            tests.append(value)
        return tests

    def _each(self, key: str) -> Iterator[tuple[int, str]]:
        yield from self._values.get(key, ())


def _signed(sign: str, duration: str) -> int:
    seconds = parse_duration(duration) or 0
    return -seconds if sign else seconds
