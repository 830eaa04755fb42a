"""A YAML file with the line of every value in it, so that a problem can name its place.

Owns reading and locating; says nothing about what a document must hold.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from headgate.cli.problems import Problem

FieldPath = tuple[str | int, ...]


@dataclass
class YamlSource:
    """One file. ``document`` holds plain JSON values: dates become ISO-8601 text."""

    file: str
    document: Any
    lines: Mapping[FieldPath, int]
    problems: list[Problem] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path, file: str) -> "YamlSource":
        """An unreadable file is a source with an empty document and one problem."""
        try:
            node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
            document = _plain(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            return cls(
                file, {}, {}, [Problem(file, _error_line(error), None, f"is not YAML: {_reason(error)}")]
            )
        lines: dict[FieldPath, int] = {}
        problems: list[Problem] = []
        if node is not None:
            _collect(node, (), lines, problems, file)
        source = cls(file, document, lines, problems)
        if not isinstance(document, dict):
            source.document = {}
            source.problem((), "is empty or no mapping; key: value lines are needed")
        return source

    def problem(self, path: FieldPath, message: str) -> None:
        """Notes a problem at ``path``, or at the nearest parent that has a line."""
        self.problems.append(Problem(self.file, self.line(path), dotted(path) or None, message))

    def line(self, path: FieldPath) -> int | None:
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return None

    def unknown_keys(self, path: FieldPath, document: Mapping[str, Any], known: Sequence[str]) -> None:
        """Notes each key that means nothing here: a declaration is never dropped silently."""
        for key in document:
            if key not in known:
                self.problem((*path, key), f"is not known here; known: {', '.join(known)}")


def dotted(path: FieldPath) -> str:
    """``("schema", 0, "name")`` as ``schema[0].name``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime.date | datetime.datetime):
        return value.isoformat()
    return value


def _collect(
    node: yaml.Node, path: FieldPath, lines: dict[FieldPath, int], problems: list[Problem], file: str
) -> None:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            _collect(item, (*path, position), lines, problems, file)
    elif isinstance(node, yaml.MappingNode):
        for key, item in node.value:
            child = (*path, str(key.value))
            line = key.start_mark.line + 1
            if child in lines:
                problems.append(
                    Problem(file, line, dotted(child), f"is declared twice, first in line {lines[child]}")
                )
            lines[child] = line
            _collect(item, child, lines, problems, file)


def _error_line(error: Exception) -> int | None:
    mark = getattr(error, "problem_mark", None)
    return None if mark is None else int(mark.line) + 1


def _reason(error: Exception) -> str:
    return str(getattr(error, "problem", None) or error)
