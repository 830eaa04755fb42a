"""One relation over files of several schemas: what readers of a version see, at any age of its files."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from headgate.adapters.engines.versioned_relation import relation_sql
from headgate.domain.column_type import parse_type
from headgate.domain.dataset_input import InputFile, columns_of
from headgate.domain.manifest import SchemaColumn
from hypothesis import given, settings
from hypothesis import strategies as st

Schema = tuple[SchemaColumn, ...]
Rows = list[dict[str, Any]]
WIDER = {"SMALLINT": ["INTEGER", "BIGINT", "DOUBLE"], "INTEGER": ["BIGINT", "DOUBLE"], "DATE": ["TIMESTAMP"]}


@cache
def engine() -> duckdb.DuckDBPyConnection:
    """One for the module: a hundred small histories are read here."""
    return duckdb.connect(":memory:", config={"threads": 1})


def column(name: str, kind: str = "INTEGER", *former: str) -> SchemaColumn:
    return SchemaColumn(name, kind, False, "internal", former)


def write(path: Path, schema: Schema, rows: Rows) -> InputFile:
    """A file as ingest writes it under ``schema``."""
    columns = ", ".join(f'"{c.name}" {c.type}' for c in schema)
    engine().execute(f"CREATE OR REPLACE TABLE t ({columns})")
    places = ", ".join("?" for _ in schema)
    for row in rows:
        engine().execute(f"INSERT INTO t VALUES ({places})", [row.get(c.name) for c in schema])
    engine().execute(f"COPY t TO '{path}' (FORMAT parquet)")
    return InputFile(str(path), tuple((c.name, c.type) for c in schema))


def read(files: list[InputFile], schema: Schema) -> Rows:
    cursor = engine().execute(relation_sql(files, schema))
    names = [d[0] for d in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_no_files_is_no_rows_of_the_schema() -> None:
    assert read([], (column("a"), column("b", "STRUCT(x VARCHAR)"))) == []


def test_files_that_are_alike_are_one_scan(tmp_path: Path) -> None:
    schema = (column("a"), column("b"))
    files = [write(tmp_path / str(n), schema, [{"a": n, "b": n}]) for n in range(3)]
    assert relation_sql(files, schema).count("read_parquet") == 1


def test_added_renamed_widened_and_removed_columns(tmp_path: Path) -> None:
    # Given a file of each schema a dataset had
    first = (column("id", "INTEGER"), column("town", "VARCHAR"), column("fax", "VARCHAR"))
    second = (column("id", "BIGINT"), column("city", "VARCHAR", "town"), column("zip", "VARCHAR"))
    old = write(tmp_path / "old", first, [{"id": 1, "town": "Ulm", "fax": "07"}])
    new = write(tmp_path / "new", second, [{"id": 2**40, "city": "Köln", "zip": "50667"}])
    # When both are read as the newer version, and the old one as the older
    # Then
    assert read([old, new], second) == [
        {"id": 1, "city": "Ulm", "zip": None},
        {"id": 2**40, "city": "Köln", "zip": "50667"},
    ]
    assert read([old], first) == [{"id": 1, "town": "Ulm", "fax": "07"}]


def test_a_name_that_was_given_to_another_column_since_means_the_old_one_in_old_files(tmp_path: Path) -> None:
    old = write(tmp_path / "old", (column("price"),), [{"price": 7}])
    now = (column("net", "INTEGER", "price"), column("price"))
    new = write(tmp_path / "new", now, [{"net": 1, "price": 2}])
    assert read([old, new], now) == [{"net": 7, "price": None}, {"net": 1, "price": 2}]


def test_nested_fields_are_added_and_widened(tmp_path: Path) -> None:
    old = write(tmp_path / "old", (column("a", "STRUCT(x INTEGER)[]"),), [{"a": [{"x": 1}]}])
    assert read([old], (column("a", "STRUCT(x BIGINT, y VARCHAR)[]"),)) == [{"a": [{"x": 1, "y": None}]}]


def test_a_value_that_no_longer_fits_is_an_error_and_no_null(tmp_path: Path) -> None:
    old = write(tmp_path / "old", (column("a", "BIGINT"),), [{"a": 2**40}])
    with pytest.raises(duckdb.ConversionException):
        read([old], (column("a", "INTEGER"),))


@dataclass(frozen=True)
class Step:
    """One version: its schema, and the rows dropped under it as {identity of a column: value}."""

    schema: Schema
    identity: dict[str, int]
    rows: list[dict[int, int | None]]


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """A dataset whose columns come, go, are renamed (also to names given up before) and widened."""
    columns: dict[int, SchemaColumn] = {0: column("c0", "SMALLINT")}
    steps: list[Step] = []
    for n in range(1, draw(st.integers(1, 5)) + 1):
        change = draw(st.sampled_from(["none", "add", "drop", "rename", "widen"]))
        chosen = draw(st.sampled_from(sorted(columns)))
        if change == "add":
            columns[100 + n] = column(f"c{n}", draw(st.sampled_from(["SMALLINT", "INTEGER"])))
        elif change == "drop" and len(columns) > 1:
            del columns[chosen]
        elif change == "rename":
            was = columns[chosen]
            columns[chosen] = replace(was, name=f"r{n}", former_names=(was.name, *was.former_names))
        elif change == "widen" and columns[chosen].type in WIDER:
            wider = draw(st.sampled_from(WIDER[columns[chosen].type]))
            columns[chosen] = replace(columns[chosen], type=wider)
        values = st.fixed_dictionaries({i: st.none() | st.integers(-99, 99) for i in columns})
        rows = draw(st.lists(values, min_size=1, max_size=3))
        steps.append(Step(tuple(columns.values()), {c.name: i for i, c in columns.items()}, rows))
    return steps


@settings(max_examples=30, deadline=None)
@given(histories())
def test_every_version_of_a_history_reads_as_a_table_that_remembers_would(history: list[Step]) -> None:
    with TemporaryDirectory() as folder:
        files = []
        for n, step in enumerate(history):
            named = [{name: row[i] for name, i in step.identity.items()} for row in step.rows]
            files.append(write(Path(folder) / str(n), step.schema, named))
        for n, version in enumerate(history):
            expected = [
                {name: row.get(i) for name, i in version.identity.items()}
                for step in history[: n + 1]
                for row in step.rows
            ]
            found = read(files[: n + 1], version.schema)
            assert sorted(map(str, (_whole(r) for r in found))) == sorted(
                map(str, (_whole(r) for r in expected))
            )


def _whole(row: dict[str, Any]) -> dict[str, Any]:
    """1.0 as 1: a column that was widened to DOUBLE shows whole numbers as floats."""
    return {name: int(value) if isinstance(value, float) else value for name, value in row.items()}


def test_a_file_that_has_the_newer_name_keeps_both() -> None:
    schema = (column("b", "INTEGER", "a"),)
    assert columns_of(schema, ["a", "b"]) == {"b": "b"}
    assert columns_of(schema, ["a"]) == {"b": "a"}
    assert columns_of(schema, ["x"]) == {}


numbers = st.sampled_from(["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL(18,2)"])


@settings(max_examples=100, deadline=None)
@given(numbers, numbers, st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False))
def test_a_type_that_holds_another_keeps_its_values(one: str, other: str, value: float) -> None:
    if not parse_type(other).holds(parse_type(one)):
        return
    narrow = f"SELECT TRY_CAST(? AS {one}) AS v"
    same = f"SELECT CAST(CAST(v AS {other}) AS {one}) IS NOT DISTINCT FROM v FROM ({narrow})"
    assert engine().execute(same, [value]).fetchone() == (True,)
