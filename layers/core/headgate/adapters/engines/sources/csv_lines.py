"""CSV files that the engine would misread, found and put right: quotes over lines, comments, line ends.

Works on bytes: quotes, escapes and comments are ASCII, so no character of UTF-8 holds one by accident.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from headgate.adapters.engines.sources.csv_header import Layout
from headgate.domain.csv_dialect import CsvDialect
from headgate.domain.errors import DropRefused
from headgate.domain.source_limits import SourceLimits

_CHUNK = 1 << 20


def may_hold_line_ends(source: Path, dialect: CsvDialect) -> bool:
    """Whether a quoted value may have a line end. The engine's threads each begin at a line: within such a
    value they would take lines of it for rows, and nobody would know.

    Reads at 5 GB/s where there is no quote and at 1 GB/s where there are, and stops at the first find.
    """
    if not dialect.quote:
        return False
    quote = dialect.quote.encode()
    doubled = dialect.escape in ("", dialect.quote)
    others = bytes(sorted(set(range(256)) - {quote[0], 10, 13}))
    carried = b""
    with source.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            if not carried and quote not in chunk:
                continue
            if not doubled:
                return True
            # Pairs go, lines stay apart: a quote that is left had an odd number of them in its line.
            whole, _, rest = (carried + chunk.translate(None, others)).rpartition(b"\n")
            if quote in whole.replace(quote * 2, b""):
                return True
            carried = quote * (rest.count(quote) % 2)
    return False


def check_quoted(source: Path, layout: Layout, dialect: CsvDialect, limits: SourceLimits) -> None:
    """Raises DropRefused when the file ends within a quoted value, or one is too long: reading with one
    thread, the engine leaves a last row that is never closed out and says nothing.
    """
    quotes, inside, opened, length = _Quotes(dialect), False, layout.line, 0
    for number, line in enumerate(_lines(source, layout, limits), layout.line):
        was, inside = inside, quotes.open_at_end(line, inside)
        if inside and not was:
            opened, length = number, 0
        length += len(line)
        if inside and length > limits.max_line_bytes:
            what = f"bytes of the row that begins in line {opened:,}"
            raise limits.exceeded("max_line_bytes", what, f"{length:,} or more")
    if inside:
        raise DropRefused("broken_quotes", f"the quote opened in line {opened:,} is never closed", 1)


def line_ends_differ(source: Path) -> bool:
    """Whether the file has line ends of more than one kind, those in quotes included."""
    returns = pairs = feeds = 0
    last = b""
    with source.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            returns += chunk.count(b"\r")
            feeds += chunk.count(b"\n")
            pairs += chunk.count(b"\r\n") + (last == b"\r" and chunk[:1] == b"\n")
            last = chunk[-1:]
    return sum(kind > 0 for kind in (pairs, returns - pairs, feeds - pairs)) > 1


def rows_of(source: Path, layout: Layout) -> Iterator[bytes]:
    """The rows without what stands before them."""
    with source.open("rb") as stream:
        stream.seek(layout.start)
        while chunk := stream.read(_CHUNK):
            yield chunk


def tidied(source: Path, layout: Layout, dialect: CsvDialect, limits: SourceLimits) -> Iterator[bytes]:
    """The rows with every line ended by a newline, and comment lines empty, so that lines keep their number:
    the engine skips empty lines, except in a file of one column, where they would be rows.
    """
    comment = dialect.comment.encode()
    empty = b"\n" if len(layout.names) > 1 else b""
    quotes = _Quotes(dialect)
    inside = False
    for number, line in enumerate(_lines(source, layout, limits), layout.line):
        if comment and not inside and line.startswith(comment):
            yield empty
            continue
        inside = quotes.open_at_end(line, inside)
        if inside:
            yield line
            continue
        row = line.removesuffix(b"\n").removesuffix(b"\r")
        if b"\r" in row and b"\r" in quotes.outside(row):
            raise DropRefused(
                "line_ends", f"line {number:,} has a carriage return amid a row; end lines with newlines", 1
            )
        yield row + b"\n"


def _lines(source: Path, layout: Layout, limits: SourceLimits) -> Iterator[bytes]:
    with source.open("rb") as stream:
        stream.seek(layout.start)
        if layout.line_end != "\r":
            while line := stream.readline(limits.max_line_bytes + 2):
                yield line
            return
        rest = b""
        while chunk := stream.read(_CHUNK):
            *lines, rest = (rest + chunk).split(b"\r")
            yield from (line + b"\n" for line in lines)
            if len(rest) > limits.max_line_bytes:
                raise limits.exceeded("max_line_bytes", "bytes of a line", f"{len(rest):,} or more")
        yield rest


class _Quotes:
    """Where quoted values of a dialect begin and end."""

    def __init__(self, dialect: CsvDialect) -> None:
        self.quote, self.delimiter = dialect.quote.encode(), dialect.delimiter.encode()
        quote, escape = re.escape(self.quote), re.escape(dialect.escape.encode())
        if dialect.escape in ("", dialect.quote):
            body = b"[^%b]*(?:%b%b[^%b]*)*" % (quote, quote, quote, quote)
        else:
            body = b"[^%b%b]*(?:%b.[^%b%b]*)*" % (quote, escape, escape, quote, escape)
        self.body = re.compile(body, re.DOTALL)
        self.whole = re.compile(quote + body + quote, re.DOTALL)

    def open_at_end(self, line: bytes, inside: bool) -> bool:
        """Whether a quoted value goes on after ``line``; ``inside``: it begins within one."""
        if not self.quote or self.quote not in line:
            return inside
        at = 0
        while True:
            if inside or line.startswith(self.quote, at):
                closing = self.body.match(line, at if inside else at + 1)
                at = closing.end() if closing else len(line)
                if at >= len(line):
                    return True
                inside = False
            at = line.find(self.delimiter, at)
            if at < 0:
                return False
            at += len(self.delimiter)

    def outside(self, line: bytes) -> bytes:
        """What is left of a line without its quoted values."""
        return self.whole.sub(b"", line) if self.quote else line
