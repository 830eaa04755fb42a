"""Why a CSV file cannot be read: which rows, in which lines, and what is wrong with them.

Runs after the engine gave up at some row. It reads window after window: kept for a whole file, the engine's
own list of bad rows took 6 GB for four million of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from headgate.adapters.engines.sources.columns import shown
from headgate.adapters.engines.sources.csv_reader import CsvReader
from headgate.adapters.engines.sources.text_encoding import DECLARE
from headgate.adapters.engines.sources.text_values import tried
from headgate.domain.errors import DropRefused

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SAMPLE_ROWS = 10
ENOUGH = 1000
"""Bad rows after which nobody counts on."""
_WINDOW, _PART = 4 << 20, 64 << 10
_RULES = {
    "CAST": "wrong_type",
    "MISSING COLUMNS": "ragged_row",
    "TOO MANY COLUMNS": "ragged_row",
    "UNQUOTED VALUE": "broken_quotes",
    "LINE SIZE OVER MAXIMUM": "line_too_long",
    "INVALID ENCODING": "undecodable",
    "INVALID UNICODE": "undecodable",
}


@dataclass
class _Found:
    rows: int = 0
    rule: str = ""
    reason: str = ""
    sample: list[dict[str, Any]] = field(default_factory=list)

    def refusal(self) -> DropRefused:
        count = f"{self.rows:,} rows" if self.rows < ENOUGH else f"at least {self.rows:,} rows"
        reason = f"{count} cannot be read; first at {self.reason}"
        return DropRefused(self.rule, reason, self.rows, tuple(self.sample))


def rejected_rows(
    connection: "DuckDBPyConnection", reader: CsvReader, source: Path, start: int, line: int
) -> DropRefused | None:
    """What is wrong with the rows of ``source`` from the byte ``start``, which is in ``line``; None when each
    can be read.
    """
    found = _Found()
    window_path = source.with_name(source.name + ".window")
    with source.open("rb") as stream:
        stream.seek(start)
        for window in _windows(stream, _WINDOW, reader):
            if found.rows >= ENOUGH:
                break
            if not _readable(connection, reader, window, window_path):
                at = line
                for part in _windows(BytesIO(window), _PART, reader):
                    if found.rows < ENOUGH:
                        _look(connection, reader, part, window_path, at, found)
                    at += part.count(b"\n")
            line += window.count(b"\n")
    return found.refusal() if found.rows else None


def _windows(stream: BinaryIO, size: int, reader: CsvReader) -> Iterator[bytes]:
    """Whole lines, and as many more as quoted values need; not more than one over-long row of them."""
    quote, most = reader.contract.csv.quote.encode(), reader.limits.max_line_bytes
    while block := stream.read(size):
        parts = [block, stream.readline(most)]
        length = sum(map(len, parts))
        is_open = bool(quote) and sum(part.count(quote) for part in parts) % 2 == 1
        while is_open and length < size + most and (line := stream.readline(most)):
            parts.append(line)
            length += len(line)
            is_open = line.count(quote) % 2 == 0
        yield b"".join(parts)


def _readable(connection: "DuckDBPyConnection", reader: CsvReader, window: bytes, path: Path) -> bool:
    import duckdb

    path.write_bytes(window)
    counts = ", ".join(f"count({raw})" for raw in reader.used()) or "count(*)"
    try:
        connection.execute(f"SELECT {counts} FROM {reader.sql(path)}").fetchall()
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:
        return False
    return True


def _look(
    connection: "DuckDBPyConnection", reader: CsvReader, part: bytes, path: Path, line: int, found: _Found
) -> None:
    """Adds the bad rows of one part, which begins in ``line``."""
    path.write_bytes(part)
    counts = ", ".join(f"count({raw})" for raw in reader.used()) or "count(*)"
    connection.execute(f"SELECT {counts} FROM {reader.sql(path, rejects='of_part')}").fetchall()
    rows = connection.execute(
        "SELECT line_byte_position - 1, column_name, error_type, error_message FROM errors_of_part "
        "ORDER BY 1, column_idx"
    ).fetchall()
    connection.execute("DROP TABLE errors_of_part; DROP TABLE scans_of_part")
    found.rows += len({row[0] for row in rows})
    hidden = {reader.raw(name) for name in reader.places if name in reader.contract.restricted}
    for position, raw, kind, message in rows[: SAMPLE_ROWS - len(found.sample)]:
        column = reader.names[int(raw[1:])] if raw else None
        # where a row before ends, or empty lines stand, is where the engine says that it begins
        position += len(part[position:]) - len(part[position:].lstrip(b"\r\n"))
        number = line + part.count(b"\n", 0, position)
        said = str(message).replace(f'"{raw}"', f'"{column}"')[:300]
        if raw in hidden:
            said = "a value of a restricted column is not of its type"
        if not found.rule:
            found.rule = _RULES.get(kind, "unreadable_row")
            found.reason = f"line {number}" + (f", column {column}" if column else "") + f": {said}"
            found.reason += _advice(found.rule, reader)
        found.sample.append({"line": number, "column": column, "error": said})


def _advice(rule: str, reader: CsvReader) -> str:
    if rule == "undecodable":
        return f" {DECLARE}"
    if rule == "line_too_long":
        return f" {reader.limits.exceeded('max_line_bytes', 'bytes of a row', 'more')}"
    return ""


def misread_dates(connection: "DuckDBPyConnection", reader: CsvReader, table: str) -> DropRefused | None:
    """The first column whose text is of another form than its format; ``table`` is the whole file."""
    for column in reader.contract.columns:
        if column.format is None or column.name not in reader.places:
            continue
        raw = reader.raw(column.name)
        misfit = f"{raw} IS NOT NULL AND {tried(raw, column)} IS NULL"
        row = connection.execute(f"SELECT count(*) FROM {table} WHERE {misfit}").fetchone()
        if row and row[0]:
            bad = connection.execute(
                f"SELECT record, {raw} FROM (SELECT row_number() OVER () AS record, {raw} FROM {table}) "
                f"WHERE {misfit} LIMIT {SAMPLE_ROWS}"
            ).fetchall()
            sample = tuple({"row": n, "column": column.name, "value": shown(column, v)} for n, v in bad)
            reason = (
                f"{row[0]:,} values of {column.name} are not of the form {column.format!r}; first in row "
                f"{bad[0][0]:,}: {sample[0]['value']!r}"
            )
            return DropRefused("wrong_type", reason, int(row[0]), sample)
    return None
