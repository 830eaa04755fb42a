"""What the statistics inside a Parquet file say without reading its values: which checks pass, and what each
column holds.

DuckDB answers count, min and max of whole columns from the file's footer, when nothing else is asked in the
same query. Text is left out there, and read from the footer here where the writer kept it whole.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate.adapters.engines.duckdb_session import identifier, quoted
from headgate.domain.contract import Column, Contract
from headgate.domain.dataset import ColumnStats

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Bounds = tuple[str | None, str | None]


def proven_checks(connection: "DuckDBPyConnection", contract: Contract) -> frozenset[str]:
    """The names of the checks on single columns that no row of the view ``this`` fails; the others have to be
    looked at row by row.
    """
    tests = [(name, test) for c in contract.columns for name, test in _tests(c)]
    if not tests:
        return frozenset()
    found = connection.execute(f"SELECT {', '.join(test for _, test in tests)} FROM this").fetchone() or ()
    return frozenset(name for (name, _), proven in zip(tests, found, strict=True) if proven)


def column_stats(
    connection: "DuckDBPyConnection", contract: Contract, rows: int, written: Path | None = None
) -> tuple[ColumnStats, ...]:
    """Nulls, minimum and maximum of every column of the view ``this``. ``written`` is the file below it,
    where it is one that was written here.
    """
    texts = [c.name for c in contract.columns if c.type == "VARCHAR"]
    known = _text_bounds(connection, written, texts) if written and texts else {}
    bounds = dict(known)
    for group in ([c for c in contract.columns if c.name not in texts], _unknown(contract, texts, known)):
        bounds |= _bounds(connection, group)
    counts = ", ".join(f"count({identifier(c.name)})" for c in contract.columns)
    filled = connection.execute(f"SELECT {counts} FROM this").fetchone() or ()
    return tuple(
        ColumnStats(c.name, c.type, rows - count, *bounds[c.name])
        for c, count in zip(contract.columns, filled, strict=True)
    )


def _tests(column: Column) -> Iterator[tuple[str, str]]:
    """(check, SQL that is true when it passes): only what the footer can answer."""
    name = identifier(column.name)
    if column.must_be_there:
        yield f"not_null:{column.name}", f"count({name}) = count(*)"
    if column.type == "VARCHAR" or column.kind.nested:
        return
    if column.minimum is not None:
        bound = f"CAST({quoted(str(column.minimum))} AS {column.type})"
        yield f"minimum:{column.name}", f"NOT coalesce(min({name}) < {bound}, false)"
    if column.maximum is not None:
        bound = f"CAST({quoted(str(column.maximum))} AS {column.type})"
        yield f"maximum:{column.name}", f"NOT coalesce(max({name}) > {bound}, false)"


def _unknown(contract: Contract, texts: list[str], known: Mapping[str, Bounds]) -> list[Column]:
    return [c for c in contract.columns if c.name in texts and c.name not in known]


def _bounds(connection: "DuckDBPyConnection", columns: list[Column]) -> dict[str, Bounds]:
    if not columns:
        return {}
    names = [identifier(c.name) for c in columns]
    parts = [f"CAST({which}({name}) AS VARCHAR)" for name in names for which in ("min", "max")]
    values: tuple[Any, ...] = connection.execute(f"SELECT {', '.join(parts)} FROM this").fetchone() or ()
    return {c.name: (values[2 * i], values[2 * i + 1]) for i, c in enumerate(columns)}


def _text_bounds(connection: "DuckDBPyConnection", file: Path, names: list[str]) -> dict[str, Bounds]:
    """Of the columns whose bounds the writer cut short in no row group."""
    listed = ", ".join(quoted(name) for name in names)
    found = connection.execute(
        "SELECT path_in_schema, min(stats_min_value), max(stats_max_value) "
        f"FROM parquet_metadata({quoted(str(file))}) WHERE path_in_schema IN ({listed}) GROUP BY ALL "
        "HAVING bool_and(stats_null_count = num_values OR coalesce(min_is_exact AND max_is_exact, false))"
    )
    return {name: (low, high) for name, low, high in found.fetchall()}
