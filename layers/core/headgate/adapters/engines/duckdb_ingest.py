"""IngestEngine on DuckDB alone: one source file in, one zstd Parquet file out, every declared check run on
the way.

What the source is written in is known to `headgate.adapters.engines.sources`; the declared checks run on the
written Parquet, column by column, so that memory does not grow with the file.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate.adapters.engines.contract_checks import run_checks
from headgate.adapters.engines.duckdb_session import Limits, identifier, open_session, quoted
from headgate.adapters.engines.sources.csv_source import read_csv
from headgate.adapters.engines.sources.json_source import read_json
from headgate.adapters.engines.sources.parquet_source import read_parquet
from headgate.adapters.engines.sources.scratch_file import check_disk
from headgate.adapters.engines.sources.text_encoding import as_utf8
from headgate.adapters.engines.sources.unpack import unpacked
from headgate.domain.contract import Contract
from headgate.domain.dataset import ColumnStats
from headgate.domain.errors import DropRefused
from headgate.domain.source_limits import SourceLimits
from headgate.ports import Converted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class DuckDbIngestEngine:
    """``limits`` is what a connection may use, ``source_limits`` what a source may become."""

    limits: Limits
    source_limits: SourceLimits = field(default_factory=SourceLimits)

    def convert(self, source: Path, source_name: str, contract: Contract, target: Path) -> Converted:
        """See `headgate.ports.IngestEngine`; ``source`` and ``target`` must lie in one scratch directory."""
        if source.stat().st_size == 0:
            raise DropRefused("empty_file", f"{source_name} has no bytes")
        try:
            plain = self._plain(source, source_name, contract)
            with open_session(self.limits, target.parent) as connection:
                return _convert(connection, plain, source_name, contract, self.source_limits, target)
        except DropRefused:
            target.unlink(missing_ok=True)
            raise
        finally:
            _clear(source, target)

    def _plain(self, source: Path, source_name: str, contract: Contract) -> Path:
        """Unpacked, and text as UTF-8."""
        plain = unpacked(source, self.source_limits)
        if plain.stat().st_size == 0:
            raise DropRefused("empty_file", f"{source_name} has no bytes once unpacked")
        if contract.format == "parquet":
            return plain
        text = as_utf8(plain, contract.encoding, self.source_limits, keep_mark=contract.format == "csv")
        if source != plain != text:
            plain.unlink()
        return text


def _clear(source: Path, target: Path) -> None:
    """Removes what was made of the source on the way: a batch shares one disk."""
    for path in source.parent.iterdir():
        if path.name.startswith(f"{source.name}.") and path != target:
            path.unlink()


def _convert(
    connection: "DuckDBPyConnection",
    source: Path,
    source_name: str,
    contract: Contract,
    limits: SourceLimits,
    target: Path,
) -> Converted:
    import duckdb

    try:
        _READERS[contract.format](connection, source, contract, limits, target)
        rows = _scalar(connection, f"SELECT count(*) FROM {quoted(str(target))}")
        if rows == 0:
            raise DropRefused("no_rows", f"{source_name} holds no rows")
        connection.execute(f"CREATE VIEW this AS SELECT * FROM {quoted(str(target))}")
        checks = run_checks(connection, contract)
        return Converted(target, rows, column_stats(connection, contract, rows), tuple(checks))
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        if isinstance(error, duckdb.IOException):
            check_disk(target.parent)
        told = _first_line(error).replace(str(source), source_name)
        raise DropRefused(
            "unreadable", f"{source_name} cannot be read as {contract.format}: {told}"
        ) from error


def column_stats(connection: "DuckDBPyConnection", contract: Contract, rows: int) -> tuple[ColumnStats, ...]:
    """Nulls, minimum and maximum of every column of the view ``this``, in one pass."""
    parts = []
    for column in contract.columns:
        name = identifier(column.name)
        parts += [f"count({name})", f"CAST(min({name}) AS VARCHAR)", f"CAST(max({name}) AS VARCHAR)"]
    values: tuple[Any, ...] = connection.execute(f"SELECT {', '.join(parts)} FROM this").fetchone() or ()
    return tuple(
        ColumnStats(c.name, c.type, rows - values[3 * i], values[3 * i + 1], values[3 * i + 2])
        for i, c in enumerate(contract.columns)
    )


def _scalar(connection: "DuckDBPyConnection", sql: str) -> int:
    row = connection.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


_READERS: dict[str, Callable[["DuckDBPyConnection", Path, Contract, SourceLimits, Path], None]] = {
    "csv": read_csv,
    "json": read_json,
    "jsonl": read_json,
    "parquet": read_parquet,
}
