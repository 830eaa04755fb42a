"""Where a JSON file stops being JSON: read again without the engine, which counts lines otherwise."""

import json
from collections.abc import Iterator
from pathlib import Path

from headgate.adapters.engines.sources.text_encoding import DECLARE
from headgate.domain.errors import DropRefused
from headgate.domain.source_limits import SourceLimits

_CHUNK = 1 << 20
_BLANK = " \t\r\n"


def fault(source: Path, by_line: bool, limits: SourceLimits) -> DropRefused | None:
    """The refusal that names the first bad line; None when everything parses. ``by_line``: one value a line,
    else one array, or values one after the other.
    """
    line = 0
    try:
        for line in _lines(source, limits) if by_line else _values(source, limits):  # noqa: B007 - where it was
            continue
    except UnicodeDecodeError as error:
        where = f"line {line:,}" if by_line else f"line {line + 1:,} or later"
        return DropRefused("undecodable", f"{where} is not UTF-8: {error.reason}; {DECLARE}", 1)
    except _NotJson as error:
        sample = ({"line": error.line, "error": error.reason},)
        return DropRefused("broken_json", f"line {error.line:,} is not JSON: {error.reason}", 1, sample)
    except DropRefused as refusal:
        return refusal
    return None


class _NotJson(Exception):
    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line, self.reason = line, reason


def _lines(source: Path, limits: SourceLimits) -> Iterator[int]:
    """The number of each line before it is parsed."""
    with source.open("rb") as stream:
        number = 0
        while line := stream.readline(limits.max_object_bytes + 2):
            number += 1
            yield number
            if len(line) > limits.max_object_bytes:
                raise limits.exceeded(
                    "max_object_bytes", f"bytes of the object in line {number:,}", f"more than {len(line):,}"
                )
            text = line.decode().strip()
            try:
                if text:
                    json.loads(text)
            except json.JSONDecodeError as error:
                raise _NotJson(number, f"{error.msg} at character {error.colno:,}") from error


def _values(source: Path, limits: SourceLimits) -> Iterator[int]:
    """The line in which each value ends."""
    with source.open(encoding="utf-8", newline="") as stream:
        decoder, buffer, line, ended = json.JSONDecoder(), "", 1, False
        separators, in_array = _BLANK, False
        while True:
            kept = buffer.lstrip(separators)
            line += buffer[: len(buffer) - len(kept)].count("\n")
            buffer = kept
            if not in_array and buffer.startswith("["):
                buffer, in_array, separators = buffer[1:], True, _BLANK + ","
                continue
            if in_array and buffer.startswith("]"):
                buffer, in_array, separators = buffer[1:], False, _BLANK
                continue
            problem: json.JSONDecodeError | None = None
            complete = False
            try:
                _, end = decoder.raw_decode(buffer)
                complete = end < len(buffer) or ended
            except json.JSONDecodeError as error:
                problem = error
            if complete:
                line += buffer[:end].count("\n")
                buffer = buffer[end:]
                yield line
            elif not ended:
                more = stream.read(_CHUNK)
                ended, buffer = not more, buffer + more
                if len(buffer) > limits.max_object_bytes + _CHUNK:
                    raise limits.exceeded(
                        "max_object_bytes",
                        f"bytes of the object that begins in line {line:,}",
                        f"more than {limits.max_object_bytes:,}",
                    )
            elif not buffer and not in_array:
                return
            else:
                reason = "the array is never closed" if not buffer or problem is None else problem.msg
                raise _NotJson(line + (problem.lineno - 1 if problem is not None else 0), reason)
