"""What the footer of a Parquet file proves is what its rows say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from headgate.adapters.engines.column_checks import column_conditions
from headgate.adapters.engines.file_statistics import column_stats, proven_checks
from headgate.domain.contract import Column, Contract
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CONTRACT = Contract(
    "facts",
    "1.0.0",
    "parquet",
    (
        Column("whole", "INTEGER", required=True, minimum=-3, maximum=3),
        Column("real", "DOUBLE", minimum=-1.5, maximum=1.5),
        Column("day", "DATE", minimum="2024-01-01", maximum="2024-12-31"),
        Column("text", "VARCHAR", required=True, minimum="b", maximum="y"),
        Column("many", "INTEGER[]"),
    ),
)
TEXTS = st.one_of(st.none(), st.text("abcxyzé", max_size=4), st.just("b" * 400), st.just("z" * 300))
ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-5, 5)),
        st.one_of(st.none(), st.floats(-2, 2), st.just(math.nan), st.just(math.inf)),
        st.one_of(st.none(), st.dates(date(2023, 12, 30), date(2025, 1, 2)).map(str)),
        TEXTS,
        st.one_of(st.none(), st.lists(st.integers(0, 3), max_size=2)),
    ),
    min_size=1,
    max_size=12,
)


def written(folder: Path, rows: Sequence[tuple[Any, ...]]) -> tuple[duckdb.DuckDBPyConnection, Path]:
    """The rows as this project writes them, in row groups of their own where there are many."""
    file = folder / "data.parquet"
    connection = duckdb.connect()
    kinds = ", ".join(f"{c.name} {c.type}" for c in CONTRACT.columns)
    connection.execute(f"CREATE TABLE made ({kinds})")
    connection.executemany("INSERT INTO made VALUES (?, ?, ?, ?, ?)", list(rows))
    connection.execute(f"COPY made TO '{file}' (FORMAT parquet, COMPRESSION zstd)")
    connection.execute(f"CREATE VIEW this AS SELECT * FROM '{file}'")
    return connection, file


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_what_is_proven_no_row_fails_and_bounds_are_those_of_the_rows(
    tmp_path: Path, rows: list[tuple[Any, ...]]
) -> None:
    connection, file = written(tmp_path, rows)
    conditions = {f"{check}:{c.name}": bad for c in CONTRACT.columns for check, bad in column_conditions(c)}

    proven = proven_checks(connection, CONTRACT)

    for name, bad in conditions.items():
        (failed,) = connection.execute(f"SELECT count(*) FILTER ({bad}) FROM made").fetchone() or (None,)
        if name in proven:
            assert failed == 0, name
        elif not name.endswith(":text") or name.startswith("not_null"):
            assert failed, name
    stats = column_stats(connection, CONTRACT, len(rows), file)
    assert stats == column_stats(connection, CONTRACT, len(rows))
    for found in stats:
        name = found.name
        asked = f"SELECT count(*) - count({name}), min({name})::VARCHAR, max({name})::VARCHAR FROM made"
        assert connection.execute(asked).fetchone() == (found.nulls, found.minimum, found.maximum)
    connection.close()
    file.unlink()


@pytest.mark.parametrize("text", ["b" * 400, None, ""])
def test_bounds_of_text_are_whole(tmp_path: Path, text: str | None) -> None:
    connection, file = written(tmp_path, [(1, 1.0, "2024-01-01", text, [1])])

    (stats,) = (s for s in column_stats(connection, CONTRACT, 1, file) if s.name == "text")

    assert (stats.minimum, stats.maximum) == (text, text)
