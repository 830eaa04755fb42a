"""IngestEngine on DuckDB alone: one source file in, one zstd Parquet file out, every declared check run on
the way.

CSV rows that do not parse are found by the reader itself (``store_rejects``: line, column, error); everything
else is checked on the written Parquet, column by column, so that memory does not grow with the file.
"""

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headgate.adapters.engines.contract_checks import run_checks
from headgate.adapters.engines.duckdb_session import Limits, identifier, open_session, quoted
from headgate.adapters.engines.file_statistics import column_stats
from headgate.domain.contract import Contract
from headgate.domain.errors import DropRefused
from headgate.ports import Converted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SAMPLE_ROWS = 10
_CHUNK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class DuckDbIngestEngine:
    """``max_source_bytes`` bounds what a compressed file may become on the function's disk (bytes, after
    decompression).
    """

    limits: Limits
    max_source_bytes: int = 4 * 1024**3

    def convert(self, source: Path, source_name: str, contract: Contract, target: Path) -> Converted:
        """See `headgate.ports.IngestEngine`; ``source`` and ``target`` must lie in one scratch directory."""
        plain = self._plain(source)
        if plain.stat().st_size == 0:
            raise DropRefused("empty_file", f"{source_name} has no bytes")
        try:
            with open_session(self.limits, target.parent) as connection:
                return _convert(connection, plain, source_name, contract, target)
        except DropRefused:
            target.unlink(missing_ok=True)
            raise

    def _plain(self, source: Path) -> Path:
        """The decompressed file; gzip is told by its first bytes, never by the name."""
        with source.open("rb") as stream:
            if stream.read(2) != _GZIP_MAGIC:
                return source
        plain = source.with_name(source.name + ".plain")
        written = 0
        try:
            with gzip.open(source, "rb") as packed, plain.open("wb") as out:
                while chunk := packed.read(_CHUNK):
                    written += len(chunk)
                    if written > self.max_source_bytes:
                        raise DropRefused(
                            "too_large", f"more than {self.max_source_bytes} bytes after decompression"
                        )
                    out.write(chunk)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DropRefused("broken_gzip", f"the gzip stream cannot be read to its end: {error}") from error
        return plain


def _convert(
    connection: "DuckDBPyConnection", source: Path, source_name: str, contract: Contract, target: Path
) -> Converted:
    import duckdb

    try:
        _READERS[contract.format](connection, source, contract, target)
        rows = _scalar(connection, f"SELECT count(*) FROM {quoted(str(target))}")
        if rows == 0:
            raise DropRefused("no_rows", f"{source_name} has a header but no rows")
        connection.execute(f"CREATE VIEW this AS SELECT * FROM {quoted(str(target))}")
        checks = run_checks(connection, contract)
        return Converted(target, rows, column_stats(connection, contract, rows, target), tuple(checks))
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        raise DropRefused(
            "unreadable", f"{source_name} cannot be read as {contract.format}: {_first_line(error)}"
        ) from error


def _read_csv(connection: "DuckDBPyConnection", source: Path, contract: Contract, target: Path) -> None:
    header = _header(source)
    _compare_columns(header, contract)
    types = {c.name: c.type for c in contract.columns}
    columns = ", ".join(f"{quoted(name)}: {quoted(types[name])}" for name in header)
    nulls = ", ".join(quoted(v) for v in ("", *contract.null_values))
    reader = (
        f"read_csv({quoted(str(source))}, auto_detect=false, header=true, delim=',', "
        f"quote='\"', escape='\"', columns={{{columns}}}, nullstr=[{nulls}], "
        "store_rejects=true, rejects_limit=0)"
    )
    _write(connection, f"SELECT {_column_list(contract, header)} FROM {reader}", target)
    _refuse_rejects(connection)


def _header(source: Path) -> list[str]:
    """Column names of the first line; only the header is decoded here, the engine reads the rows."""
    import csv

    with source.open("rb") as stream:
        first = stream.readline(1 << 20)
    try:
        text = first.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DropRefused("undecodable", f"the header line is not UTF-8: {error}") from error
    try:
        return [name.strip() for name in next(csv.reader(text.splitlines()[:1]), [])]
    except csv.Error as error:
        raise DropRefused("unreadable", f"the header line is no CSV: {error}") from error


def _compare_columns(found: list[str], contract: Contract) -> None:
    known = {c.name for c in contract.columns}
    missing = [c.name for c in contract.columns if c.required and c.name not in found]
    if missing:
        raise DropRefused(
            "missing_column", f"required columns are missing: {', '.join(missing)}; found {', '.join(found)}"
        )
    unexpected = [name for name in found if name not in known]
    if unexpected:
        raise DropRefused(
            "unexpected_column", f"columns the contract does not declare: {', '.join(unexpected)}"
        )
    if len(set(found)) != len(found):
        raise DropRefused("duplicate_column", f"a column stands twice in the header: {', '.join(found)}")


_REJECT_RULES = {
    "CAST": "wrong_type",
    "MISSING COLUMNS": "ragged_row",
    "TOO MANY COLUMNS": "ragged_row",
    "UNQUOTED VALUE": "broken_quotes",
    "LINE SIZE OVER MAXIMUM": "line_too_long",
    "INVALID ENCODING": "undecodable",
    "INVALID UNICODE": "undecodable",
}


def _refuse_rejects(connection: "DuckDBPyConnection") -> None:
    rows = _scalar(connection, "SELECT count(DISTINCT line) FROM reject_errors")
    if rows == 0:
        return
    query = "SELECT line, column_name, error_type, error_message FROM reject_errors ORDER BY line, column_idx"
    first = connection.execute(f"{query} LIMIT {SAMPLE_ROWS}").fetchall()
    sample = tuple({"line": line, "column": column, "error": message} for line, column, _, message in first)
    line, column, kind, message = first[0]
    where = f"line {line}" + (f", column {column}" if column else "")
    raise DropRefused(
        _REJECT_RULES.get(kind, "unreadable_row"),
        f"{rows} rows cannot be read; first at {where}: {message}",
        rows,
        sample,
    )


def _read_typed(function: str) -> Callable[["DuckDBPyConnection", Path, Contract, Path], None]:
    """A reader for self-describing formats: the raw columns are read as they are and cast to the contract's
    types.
    """

    def read(connection: "DuckDBPyConnection", source: Path, contract: Contract, target: Path) -> None:
        raw = function.format(path=quoted(str(source)))
        connection.execute(f"CREATE VIEW raw AS SELECT * FROM {raw}")
        found = [row[0] for row in connection.execute("DESCRIBE raw").fetchall()]
        _compare_columns(found, contract)
        _refuse_casts(connection, contract, found)
        _write(connection, f"SELECT {_column_list(contract, found, cast=True)} FROM raw", target)

    return read


def _misfit(name: str, kind: str) -> str:
    return f"{name} IS NOT NULL AND TRY_CAST({name} AS {kind}) IS NULL"


def _refuse_casts(connection: "DuckDBPyConnection", contract: Contract, found: list[str]) -> None:
    present = [c for c in contract.columns if c.name in found]
    misfits = {c.name: _misfit(identifier(c.name), c.type) for c in present}
    tests = [f"count(*) FILTER ({misfit})" for misfit in misfits.values()]
    counts = connection.execute(f"SELECT {', '.join(tests)} FROM raw").fetchone() or ()
    for column, count in zip(present, counts, strict=True):
        if count:
            text = f"CAST({identifier(column.name)} AS VARCHAR)"
            bad = connection.execute(
                f"SELECT {text} FROM raw WHERE {misfits[column.name]} LIMIT {SAMPLE_ROWS}"
            ).fetchall()
            sample = tuple({"column": column.name, "value": value} for (value,) in bad)
            raise DropRefused(
                "wrong_type", f"{count} values of {column.name} are no {column.type}", count, sample
            )


def _column_list(contract: Contract, found: list[str], cast: bool = False) -> str:
    """The contract's columns in its order; optional ones that are absent are NULL."""
    parts = []
    for column in contract.columns:
        name = identifier(column.name)
        value = name if column.name in found else "NULL"
        parts.append(f"CAST({value} AS {column.type}) AS {name}" if cast or value == "NULL" else name)
    return ", ".join(parts)


def _write(connection: "DuckDBPyConnection", select: str, target: Path) -> None:
    connection.execute(f"COPY ({select}) TO {quoted(str(target))} (FORMAT parquet, COMPRESSION zstd)")


def _scalar(connection: "DuckDBPyConnection", sql: str) -> int:
    row = connection.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


_READERS: dict[str, Callable[["DuckDBPyConnection", Path, Contract, Path], None]] = {
    "csv": _read_csv,
    "jsonl": _read_typed("read_json({path}, format='newline_delimited', maximum_object_size=16777216)"),
    "parquet": _read_typed("read_parquet({path})"),
}
