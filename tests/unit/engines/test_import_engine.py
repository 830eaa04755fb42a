"""What an import checks of a Parquet file is what readers of the version will find in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from headgate.adapters.engines.duckdb_import import DuckDbImportEngine
from headgate.adapters.engines.duckdb_session import Limits
from headgate.domain.errors import DropRefused
from headgate.ports import Checked

from tests.unit.engines.checking import context, seen
from tests.unit.engines.reading import contract


def checked(folder: Path, columns: list[dict[str, Any]], **changes: Any) -> Checked:
    source = folder / "source.parquet"
    pq.write_table(pa.table({"sum": [1, 2], "more": ["x", "y"]}), source)
    engine = DuckDbImportEngine(Limits(256 * 1024**2, 1), folder / "sql")
    return engine.check(str(source), "source.parquet", contract("parquet", columns, **changes))


AMOUNT = {"name": "amount", "type": "BIGINT", "required": True, "former_names": ["sum"]}


def test_a_former_name_is_found_and_kept_as_the_file_has_it(tmp_path: Path) -> None:
    found = checked(tmp_path, [AMOUNT], undeclared="ignore")
    assert found.rows == 2
    assert {c.name: (c.type, c.minimum, c.maximum) for c in found.columns}["sum"] == ("BIGINT", "1", "2")
    assert found.checks[0]["name"] == "not_null:amount"


@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        ([AMOUNT], "unexpected_column"),
        ([{**AMOUNT, "former_names": []}], "missing_column"),
        ([{"name": "amount", "type": "BIGINT", "path": "sum"}], "path"),
    ],
)
def test_what_readers_would_not_find_is_refused(
    tmp_path: Path, columns: list[dict[str, Any]], rule: str
) -> None:
    with pytest.raises(DropRefused) as refused:
        checked(tmp_path, columns)
    assert refused.value.rule == rule


def test_an_import_is_compared_with_other_datasets_and_the_clock(tmp_path: Path) -> None:
    # Given a contract that refers to another dataset, called as the object's own view might be
    declared = contract(
        "parquet",
        {"shop": "VARCHAR", "at": "TIMESTAMP"},
        name="raw",
        references=[{"columns": ["shop"], "dataset": "shops", "key": ["name"]}],
        freshness=[{"column": "at", "max_age_seconds": 3600, "severity": "warning"}],
    )
    file = tmp_path / "object.parquet"
    duckdb.sql("SELECT 'north' AS shop, TIMESTAMP '2024-06-01 09:00:00' AS at").write_parquet(str(file))
    engine = DuckDbImportEngine(Limits(256 * 1024**2, 1), tmp_path / "sql")

    # When its object is checked where it lies
    known = context(shops=seen(tmp_path, "shops", {"name": "VARCHAR"}, [["north"]], 4))
    results = {c["name"]: c for c in engine.check(str(file), "object", declared, known).checks}

    # Then results say what was looked at, and what nobody knows is refused
    assert results["reference:shop->shops.name"]["against"] == {"shops": 4}
    assert results["freshness:at"]["passed"] is False
    unknown = context(shops=seen(tmp_path, "shops", {"name": "VARCHAR"}, None))
    with pytest.raises(DropRefused, match="shops, which has no version yet"):
        engine.check(str(file), "object", declared, unknown)
