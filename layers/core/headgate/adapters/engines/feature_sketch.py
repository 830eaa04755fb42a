"""Sketches of a partition's columns, from its Parquet file, with bounded memory."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from headgate.adapters.engines.duckdb_session import identifier, quoted
from headgate.domain.column_type import UnknownType, parse_type
from headgate.domain.feature_statistics import POINTS, VALUES, ColumnSketch
from headgate.domain.feature_version import FeatureColumn

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SAMPLE_ROWS = 10_000
"""Quantiles of a larger partition are those of about so many of its rows: exact ones keep every value of
every column in memory.
"""
_DESCRIBED = ("feature", "label", "request")


def sketches(
    connection: "DuckDBPyConnection", path: Path, rows: int, columns: Iterable[FeatureColumn]
) -> Mapping[str, ColumnSketch]:
    """One for each feature, label and request column that is a number or has few kinds of value."""
    described = [c for c in columns if c.role in _DESCRIBED]
    numeric = [c for c in described if _kind(c.type) == "numeric"]
    categorical = [c.name for c in described if _kind(c.type) == "categorical"]
    file = f"read_parquet({quoted(str(path))}, file_row_number = true)"
    found = _numeric(connection, file, rows, numeric) if numeric else {}
    return found | {name: _categorical(connection, file, rows, name) for name in categorical}


def _kind(type_: str) -> str | None:
    try:
        kind = parse_type(type_)
    except UnknownType:
        return None
    if kind.integer or kind.numeric:
        return "numeric"
    return "categorical" if kind.kind in ("VARCHAR", "BOOLEAN") else None


def _value(column: FeatureColumn) -> str:
    """What is finite of a column, in its own type."""
    name = identifier(column.name)
    return f"CASE WHEN isfinite({name}) THEN {name} END" if column.type in ("DOUBLE", "FLOAT") else name


def _numeric(
    connection: "DuckDBPyConnection", file: str, rows: int, columns: Sequence[FeatureColumn]
) -> dict[str, ColumnSketch]:
    """Two scans: counts and moments of all rows, quantiles of a part that depends on the rows alone."""
    values = [_value(c) for c in columns]
    moments = ", ".join(f"count({v}), avg({v}), stddev_pop({v})" for v in values)
    shares = [position / (POINTS - 1) for position in range(POINTS)]
    quantiles = ", ".join(f"CAST(quantile_disc({v}, {shares}) AS DOUBLE[])" for v in values)
    step = max(-(-rows // SAMPLE_ROWS), 1)
    counted = connection.execute(f"SELECT {moments} FROM {file}").fetchone() or ()
    part = f"SELECT {quantiles} FROM {file} WHERE file_row_number % {step} = 0"
    points = connection.execute(part).fetchone() or ()
    return {
        column.name: ColumnSketch(
            kind="numeric",
            rows=rows,
            nulls=rows - counted[3 * n],
            mean=_rounded(counted[3 * n + 1]),
            deviation=_rounded(counted[3 * n + 2]),
            points=tuple(points[n] or ()),
        )
        for n, column in enumerate(columns)
    }


def _rounded(value: float | None) -> float | None:
    """To nine digits: the order in which floats are added up is not always the same."""
    return None if value is None else float(f"{float(value):.9g}")


def _categorical(connection: "DuckDBPyConnection", file: str, rows: int, name: str) -> ColumnSketch:
    column = identifier(name)
    present = f"SELECT CAST({column} AS VARCHAR) AS v FROM {file} WHERE {column} IS NOT NULL"
    counted = f"SELECT v, count(*) AS n FROM ({present}) GROUP BY v"
    query = f"SELECT v, n, sum(n) OVER () FROM ({counted}) ORDER BY n DESC, v LIMIT {VALUES}"
    found = connection.execute(query).fetchall()
    total = int(found[0][2]) if found else 0
    values = tuple((v, n) for v, n, _ in found)
    return ColumnSketch(
        kind="categorical",
        rows=rows,
        nulls=rows - total,
        values=values,
        others=total - sum(n for _, n in values),
    )
