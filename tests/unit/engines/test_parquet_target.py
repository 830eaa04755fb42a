"""Data files are written in row groups that fit the memory, however many columns there are."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from headgate.adapters.engines.sources.parquet_target import write_parquet


@pytest.mark.parametrize(("columns", "groups"), [(1, 1), (97, 1), (1_000, 2), (100_000, 10)])
def test_a_row_group_of_many_columns_has_fewer_rows(tmp_path: Path, columns: int, groups: int) -> None:
    with duckdb.connect(config={"threads": 1}) as connection:
        write_parquet(connection, "SELECT range AS a FROM range(20000)", columns, tmp_path / "out")
    assert pq.ParquetFile(tmp_path / "out").num_row_groups == groups
