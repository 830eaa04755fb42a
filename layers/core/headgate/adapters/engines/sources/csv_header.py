"""Where the rows of a CSV file begin and what its columns are called: all that is read of it outside the
engine.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from headgate.adapters.engines.sources.text_encoding import DECLARE
from headgate.domain.contract import Contract
from headgate.domain.csv_dialect import CsvDialect
from headgate.domain.errors import DropRefused
from headgate.domain.source_limits import SourceLimits

_MARK = b"\xef\xbb\xbf"
_FIRST_READ = 1 << 16


@dataclass(frozen=True)
class Layout:
    """``names`` in the file's order; ``start`` is the byte of the first row and ``line`` its line, from 1.
    ``plain``: nothing but the header stands before it. ``line_end`` is that of the first record.
    """

    names: tuple[str, ...]
    start: int
    line: int
    plain: bool
    line_end: str


def layout_of(source: Path, contract: Contract, limits: SourceLimits) -> Layout:
    """Raises DropRefused: ``undecodable``, ``broken_quotes``, ``line_too_long``, ``too_many_columns``."""
    dialect = contract.csv
    with source.open("rb") as stream:
        head = stream.read(_FIRST_READ)
        return_only = b"\r" in head and b"\n" not in head
        stream.seek(len(_MARK) if head.startswith(_MARK) else 0)
        line = 1 + _skip(stream, dialect, b"\r" if return_only else b"\n", limits)
        start = stream.tell()
        fields, record = _first(stream, dialect, line, limits)
    plain, line_end = line == 1, record[len(record.rstrip("\r\n")) :] or "\n"
    if line_end not in ("\n", "\r\n", "\r"):
        line_end = "\r\n" if line_end.startswith("\r\n") else line_end[0]
    if not dialect.header:
        names = dialect.names or tuple(c.path or c.name for c in contract.columns)
        return Layout(names, start, line, plain, line_end)
    if any("\udc80" <= c <= "\udcff" for c in record):
        raise DropRefused("undecodable", f"the header in line {line} is not UTF-8; {DECLARE}")
    if len(fields) > limits.max_columns:
        raise limits.exceeded("max_columns", "columns of the file", f"{len(fields):,}")
    lines = len(re.findall(r"\r\n|\n|\r", record))
    names = tuple(name.strip() for name in fields)
    return Layout(names, start + len(record.encode()), line + lines, plain, line_end)


def _skip(stream: BinaryIO, dialect: CsvDialect, end: bytes, limits: SourceLimits) -> int:
    """Moves past the skipped lines, and comments after them; returns how many lines that were."""
    lines = 0
    while lines < dialect.skip_lines and _past_line(stream, end, limits):
        lines += 1
    while dialect.comment:
        before = stream.tell()
        first = stream.read(1)
        stream.seek(before)
        if first != dialect.comment.encode() or not _past_line(stream, end, limits):
            break
        lines += 1
    return lines


def _past_line(stream: BinaryIO, end: bytes, limits: SourceLimits) -> bool:
    start = stream.tell()
    found = stream.readline(limits.max_line_bytes) if end == b"\n" else stream.read(limits.max_line_bytes)
    position = found.find(end)
    if position < 0 and len(found) >= limits.max_line_bytes:
        raise limits.exceeded("max_line_bytes", "bytes of a line before the rows", f"{len(found):,} or more")
    stream.seek(start + (position + 1 if position >= 0 else len(found)))
    return bool(found)


def _first(stream: BinaryIO, dialect: CsvDialect, line: int, limits: SourceLimits) -> tuple[list[str], str]:
    """The fields of the first record, and its text with the line end."""
    start, size = stream.tell(), _FIRST_READ
    while True:
        stream.seek(start)
        size = min(size, limits.max_line_bytes)
        head = stream.read(size)
        ended = len(head) < size
        text = head.decode("utf-8", "surrogateescape")
        try:
            found = first_record(text, dialect, ended)
        except ValueError as problem:
            raise DropRefused("broken_quotes", f"line {line} {problem}", 1) from problem
        if found is not None:
            return found[0], text[: found[1]]
        if size >= limits.max_line_bytes:
            raise limits.exceeded("max_line_bytes", f"bytes of line {line}", f"{len(head):,} or more")
        size *= 8


def first_record(text: str, dialect: CsvDialect, ended: bool) -> tuple[list[str], int] | None:
    """The fields of the first record and how many characters it takes, None when ``text`` ends before it and
    ``ended`` does not say that this is all. Raises ValueError for quotes that do not fit.
    """
    boundary = re.compile(rf"{re.escape(dialect.delimiter)}|\r\n|\n|\r")
    quoted = _quoted(dialect)
    fields, at = [], 0
    while True:
        inside = quoted.match(text, at) if quoted is not None else None
        if inside is None and dialect.quote and text.startswith(dialect.quote, at):
            if not ended:
                return None
            raise ValueError("has a quote that is never closed")
        end = boundary.search(text, inside.end() if inside else at)
        # a carriage return at the very end may be half of a line end
        if (end is None or end.end() == len(text)) and not ended:
            return None
        stop = end.start() if end else len(text)
        if inside and stop != inside.end():
            raise ValueError(f"has text after a closing quote: {text[at:stop][:80]!r}")
        fields.append(_unescaped(inside[1], dialect) if inside else text[at:stop])
        if end is None or end[0] != dialect.delimiter:
            return fields if fields != [""] else [], end.end() if end else len(text)
        at = end.end()


def _quoted(dialect: CsvDialect) -> re.Pattern[str] | None:
    if not dialect.quote:
        return None
    quote, escape = re.escape(dialect.quote), re.escape(dialect.escape)
    if dialect.escape in ("", dialect.quote):
        return re.compile(f"{quote}([^{quote}]*(?:{quote}{quote}[^{quote}]*)*){quote}")
    return re.compile(f"{quote}([^{quote}{escape}]*(?:{escape}.[^{quote}{escape}]*)*){quote}", re.DOTALL)


def _unescaped(text: str, dialect: CsvDialect) -> str:
    escape = dialect.escape or dialect.quote
    return re.sub(rf"{re.escape(escape)}(.)", r"\1", text, flags=re.DOTALL)
