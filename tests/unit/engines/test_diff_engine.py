"""Both diff engines: what they find is what comparing two lists of rows finds, whatever files hold them."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from headgate.adapters.engines.duckdb_diff import DuckDbDiffEngine
from headgate.adapters.engines.duckdb_session import Limits
from headgate.adapters.memory import MemoryDiffEngine
from headgate.domain.dataset_input import DatasetInput, InputFile
from headgate.domain.errors import InvalidRequest, PreconditionFailed
from headgate.domain.manifest import SchemaColumn
from headgate.domain.row_diff import ComparedColumn, RowComparison, RowDiff
from headgate.ports import DiffEngine
from hypothesis import given, settings
from hypothesis import strategies as st

Row = dict[str, Any]
Schema = tuple[SchemaColumn, ...]
LONG = 60.0


def column(name: str, kind: str = "INTEGER", *former: str) -> SchemaColumn:
    return SchemaColumn(name, kind, False, "internal", former)


PLAIN = (column("id"), column("town", "VARCHAR"), column("size"))


class Bench:
    """Files in a folder, and an engine that compares them."""

    def __init__(self, engine: DiffEngine, write: Callable[[Path, Schema, list[Row]], None], folder: Path):
        self.engine, self._write, self.folder = engine, write, folder
        self._files = 0

    def file(self, rows: list[Row], schema: Schema = PLAIN) -> InputFile:
        self._files += 1
        path = self.folder / f"{self._files}.parquet"
        self._write(path, schema, rows)
        return InputFile(str(path), tuple((c.name, c.type) for c in schema))

    def compare(
        self,
        before: Sequence[InputFile],
        after: Sequence[InputFile],
        shared: Sequence[InputFile] = (),
        key: tuple[str, ...] = ("id",),
        limit: int = 100,
        schemas: tuple[Schema, Schema] = (PLAIN, PLAIN),
        columns: tuple[ComparedColumn, ...] | None = None,
    ) -> RowDiff:
        same = tuple(ComparedColumn(c.name, c.name, c.type) for c in schemas[1])
        asked = RowComparison(
            DatasetInput(schemas[0], tuple(before)),
            DatasetInput(schemas[1], tuple(after)),
            tuple(shared),
            columns or same,
            key,
            limit,
        )
        return self.engine.compare(asked, LONG)


def write_parquet(path: Path, schema: Schema, rows: list[Row]) -> None:
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        columns = ", ".join(f'"{c.name}" {c.type}' for c in schema)
        connection.execute(f"CREATE TABLE t ({columns})")
        for row in rows:
            places = ", ".join("?" for _ in schema)
            connection.execute(f"INSERT INTO t VALUES ({places})", [row.get(c.name) for c in schema])
        connection.execute(f"COPY t TO '{path}' (FORMAT parquet)")


def write_lines(path: Path, schema: Schema, rows: list[Row]) -> None:
    lines = [json.dumps({c.name: row.get(c.name) for c in schema}) + "\n" for row in rows]
    path.write_text("".join(lines))


def real(folder: Path) -> Bench:
    return Bench(DuckDbDiffEngine(Limits(300 * 1024**2, 1), folder / "sql"), write_parquet, folder)


def memory(folder: Path) -> Bench:
    return Bench(MemoryDiffEngine(), write_lines, folder)


ENGINES = {"duckdb": real, "memory": memory}


@pytest.fixture(params=sorted(ENGINES))
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    return ENGINES[request.param](tmp_path)


def row(id_: int | None, town: str | None = "Ulm", size: int | None = 1) -> Row:
    return {"id": id_, "town": town, "size": size}


def test_rows_are_added_removed_and_changed_by_key(bench: Bench) -> None:
    # Given two files, each of one version
    before = bench.file([row(1), row(2, "Bonn"), row(3), row(4, None)])
    after = bench.file([row(1), row(2, "Köln", 2), row(4), row(5, "Jena")])
    # When
    found = bench.compare([before], [after])
    # Then
    assert (found.added, found.removed, found.changed, found.duplicate_keys) == (1, 1, 2, 0)
    assert found.columns == {"town": 2, "size": 1}
    assert [r.values for r in found.samples.added] == [row(5, "Jena")]
    assert [r.values for r in found.samples.removed] == [row(3)]
    assert [(dict(r.key), dict(r.before), dict(r.after)) for r in found.samples.changed] == [
        ({"id": 2}, {"town": "Bonn", "size": 1}, {"town": "Köln", "size": 2}),
        ({"id": 4}, {"town": None}, {"town": "Ulm"}),
    ]


def test_what_is_split_over_other_files_is_no_difference(bench: Bench) -> None:
    one = [bench.file([row(1), row(2)]), bench.file([row(3)])]
    other = [bench.file([row(3), row(2), row(1)])]
    assert bench.compare(one, other) == RowDiff()


def test_an_empty_side_is_all_added_or_all_removed(bench: Bench) -> None:
    files = [bench.file([row(1), row(2)])]
    assert (bench.compare([], files).added, bench.compare(files, []).removed) == (2, 2)


def test_a_repeated_key_whose_rows_differ_is_counted_and_not_guessed_about(bench: Bench) -> None:
    before = bench.file([row(1), row(1, "Bonn"), row(2), row(2), row(3)])
    after = bench.file([row(1, "Bonn"), row(1, "Jena"), row(2), row(2), row(3), row(3)])

    found = bench.compare([before], [after])

    assert (found.added, found.removed, found.changed) == (0, 0, 0)
    assert (found.duplicate_keys, found.duplicate_before, found.duplicate_after) == (2, 3, 4)
    assert [(dict(d.key), d.before_rows, d.after_rows) for d in found.samples.duplicates] == [
        ({"id": 1}, 2, 2),
        ({"id": 3}, 1, 2),
    ]


def test_a_key_that_also_stands_in_a_shared_file_is_a_duplicate(bench: Bench) -> None:
    shared = [bench.file([row(1), row(2), row(3), row(9), row(9)])]
    before = [bench.file([row(2, "Bonn"), row(7)])]
    after = [bench.file([row(1), row(7, "Bonn"), row(8)])]

    found = bench.compare(before, after, shared)

    assert (found.added, found.removed, found.changed) == (1, 0, 1)
    assert (found.duplicate_keys, found.duplicate_before, found.duplicate_after) == (2, 3, 3)
    assert [dict(d.key) for d in found.samples.duplicates] == [{"id": 1}, {"id": 2}]


def test_null_keys_are_keys_like_any_other(bench: Bench) -> None:
    shared = [bench.file([row(5)])]
    before, after = [bench.file([row(None), row(1)])], [bench.file([row(None, "Bonn"), row(1)])]

    found = bench.compare(before, after, shared)

    assert (found.added, found.removed, found.changed) == (0, 0, 1)
    assert dict(found.samples.changed[0].key) == {"id": None}


def test_without_a_key_whole_rows_are_compared_as_often_as_they_stand(bench: Bench) -> None:
    before = [bench.file([row(1), row(1), row(2), row(3, None)])]
    after = [bench.file([row(1), row(2, "Bonn"), row(2, "Bonn"), row(3, None)])]

    found = bench.compare(before, after, key=())

    assert (found.added, found.removed, found.changed) == (2, 2, 0)
    assert [(dict(r.values), r.copies) for r in found.samples.added] == [(row(2, "Bonn"), 2)]
    assert [(dict(r.values), r.copies) for r in found.samples.removed] == [(row(1), 1), (row(2), 1)]


def test_at_most_as_many_rows_are_shown_as_asked_for(bench: Bench) -> None:
    files = [bench.file([row(n) for n in range(9)])]
    found = bench.compare([], files, limit=2)
    assert (found.added, [r.values["id"] for r in found.samples.added]) == (9, [0, 1])
    assert bench.compare([], files, limit=0).samples.added == ()


def test_a_renamed_and_widened_column_is_the_same_column(bench: Bench) -> None:
    old = (column("id", "SMALLINT"), column("town", "VARCHAR"), column("fax", "VARCHAR"))
    new = (column("id", "BIGINT"), column("city", "VARCHAR", "town"), column("zip", "VARCHAR"))
    before = bench.file([{"id": 1, "town": "Ulm", "fax": "7"}, {"id": 2, "town": "Bonn"}], old)
    after = bench.file([{"id": 1, "city": "Ulm", "zip": "89"}, {"id": 2, "city": "Köln"}], new)
    columns = (ComparedColumn("id", "id", "BIGINT"), ComparedColumn("town", "city", "VARCHAR"))

    found = bench.compare([before], [after], schemas=(old, new), columns=columns)

    assert (found.added, found.removed, found.changed, found.columns) == (0, 0, 1, {"city": 1})
    (changed,) = found.samples.changed
    assert (dict(changed.before), dict(changed.after)) == ({"city": "Bonn"}, {"city": "Köln"})
    shown = bench.compare([], [after], schemas=(old, new), columns=columns).samples.added
    assert dict(shown[0].values) == {"id": 1, "city": "Ulm", "zip": "89"}


def test_a_version_that_shows_an_older_file_under_new_names_is_read_so(bench: Bench) -> None:
    old, new = (column("id"), column("town", "VARCHAR")), (column("id"), column("city", "VARCHAR", "town"))
    older = bench.file([{"id": 1, "town": "Ulm"}], old)
    columns = (ComparedColumn("id", "id", "INTEGER"), ComparedColumn("town", "city", "VARCHAR"))
    assert bench.compare([older], [older], schemas=(old, new), columns=columns) == RowDiff()


# --- any two tables

_ids = st.integers(0, 4) | st.none()
_rows = st.builds(row, _ids, st.sampled_from(["Ulm", "Bonn", "", None]), st.integers(0, 2) | st.none())
_files = st.lists(st.lists(_rows, max_size=4), max_size=2)


def expected(old: list[Row], new: list[Row], key: tuple[str, ...]) -> tuple[Any, ...]:
    """(added, removed, changed, columns, duplicate keys, their rows before, after) by a plain dictionary."""
    was, now = ({} for _ in range(2))
    for rows, found in ((old, was), (new, now)):
        for each in rows:
            found.setdefault(tuple(each[k] for k in key), []).append(tuple(each.items()))
    added = removed = changed = 0
    columns: Counter[str] = Counter()
    doubled: list[tuple[int, int]] = []
    for k in {*was, *now}:
        olds, news = was.get(k, []), now.get(k, [])
        if Counter(olds) == Counter(news):
            continue
        if len(olds) > 1 or len(news) > 1:
            doubled.append((len(olds), len(news)))
        elif not olds:
            added += 1
        elif not news:
            removed += 1
        else:
            changed += 1
            columns.update(a[0] for a, b in zip(olds[0], news[0], strict=True) if a != b)
    return added, removed, changed, dict(columns), len(doubled), *map(sum, zip((0, 0), *doubled, strict=True))


@pytest.mark.parametrize("engine", sorted(ENGINES))
@settings(max_examples=40, deadline=None)
@given(_files, _files, _files, st.sampled_from([("id",), ("id", "town"), ("size", "id")]))
def test_a_diff_of_any_two_tables_is_what_a_dictionary_finds(
    engine: str, old: list[list[Row]], new: list[list[Row]], both: list[list[Row]], key: tuple[str, ...]
) -> None:
    with TemporaryDirectory() as folder:
        bench = ENGINES[engine](Path(folder))
        before, after, shared = ([bench.file(rows) for rows in files] for files in (old, new, both))
        found = bench.compare(before, after, shared, key)

    olds, news = ([r for rows in (*files, *both) for r in rows] for files in (old, new))
    told = (found.added, found.removed, found.changed, dict(found.columns), found.duplicate_keys)
    assert (*told, found.duplicate_before, found.duplicate_after) == expected(olds, news, key)
    assert found.unchanged(len(olds), len(news)) is not None
    assert len(found.samples.changed) == found.changed
    assert len(found.samples.added) == found.added


@pytest.mark.parametrize("engine", sorted(ENGINES))
@settings(max_examples=25, deadline=None)
@given(_files, _files, _files)
def test_without_a_key_a_diff_is_the_difference_of_multisets(
    engine: str, old: list[list[Row]], new: list[list[Row]], both: list[list[Row]]
) -> None:
    with TemporaryDirectory() as folder:
        bench = ENGINES[engine](Path(folder))
        before, after, shared = ([bench.file(rows) for rows in files] for files in (old, new, both))
        found = bench.compare(before, after, shared, ())

    olds, news = (Counter(tuple(r.items()) for rows in files for r in rows) for files in (old, new))
    assert (found.added, found.removed) == ((news - olds).total(), (olds - news).total())
    shown = Counter({tuple(r.values.items()): r.copies for r in found.samples.added})
    assert shown == news - olds


# --- what only DuckDB knows


def test_nan_equals_nan_and_no_null(tmp_path: Path) -> None:
    schema = (column("id"), column("warmth", "DOUBLE"))
    bench = real(tmp_path)
    before = bench.file([{"id": 1, "warmth": math.nan}, {"id": 2, "warmth": math.nan}], schema)
    after = bench.file([{"id": 1, "warmth": math.nan}, {"id": 2, "warmth": None}], schema)

    found = bench.compare([before], [after], schemas=(schema, schema))

    assert (found.changed, found.columns) == (1, {"warmth": 1})
    (changed,) = found.samples.changed
    assert (dict(changed.before), dict(changed.after)) == ({"warmth": "nan"}, {"warmth": None})


def test_nested_values_are_compared_whole_also_when_their_type_was_widened(tmp_path: Path) -> None:
    old = (column("id"), column("tags", "STRUCT(x INTEGER)[]"))
    new = (column("id"), column("tags", "STRUCT(x BIGINT, y VARCHAR)[]"))
    bench = real(tmp_path)
    before = bench.file([{"id": 1, "tags": [{"x": 1}]}, {"id": 2, "tags": [{"x": 2}]}], old)
    after = bench.file(
        [{"id": 1, "tags": [{"x": 1, "y": None}]}, {"id": 2, "tags": [{"x": 2, "y": "b"}]}], new
    )
    columns = (ComparedColumn("id", "id", "INTEGER"), ComparedColumn("tags", "tags", new[1].type))

    found = bench.compare([before], [after], schemas=(old, new), columns=columns)

    assert [dict(r.key) for r in found.samples.changed] == [{"id": 2}]


def test_values_are_shown_exactly_and_long_texts_are_cut(tmp_path: Path) -> None:
    kinds = ("DECIMAL(38,10)", "TIMESTAMPTZ", "DATE", "BLOB", "BIGINT", "VARCHAR")
    schema = tuple(column(f"c{n}", kind) for n, kind in enumerate(kinds))
    values = ["1234567890123456789012345678.0000000001", "2024-01-05 10:00:00+02", "2024-01-05", b"\x00a"]
    bench = real(tmp_path)
    file = bench.file(
        [dict(zip(["c0", "c1", "c2", "c3", "c4", "c5"], [*values, 2**62, "x" * 500], strict=True))], schema
    )

    (shown,) = bench.compare([], [file], key=("c4",), schemas=(schema, schema)).samples.added

    assert [shown.values[f"c{n}"] for n in range(5)] == [
        *("1234567890123456789012345678.0000000001", "2024-01-05 08:00:00+00", "2024-01-05", "\\x00a"),
        2**62,
    ]
    assert shown.values["c5"] == "x" * 200 + "… (500 characters)"


@pytest.mark.parametrize("names", [("kind", "place"), ("k0", "side"), ("before", "#c0")])
def test_a_column_may_be_called_what_it_likes(tmp_path: Path, names: tuple[str, str]) -> None:
    schema = tuple(column(name) for name in names)
    bench = real(tmp_path)
    before, after = (bench.file([{names[0]: 1, names[1]: n}, {names[0]: n + 5}], schema) for n in (1, 2))

    found = bench.compare([before], [after], key=(names[0],), schemas=(schema, schema))

    assert (found.added, found.removed, found.columns) == (1, 1, {names[1]: 1})
    assert dict(found.samples.added[0].values) == {names[0]: 7, names[1]: None}


def test_a_comparison_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "large.parquet"
    duckdb.sql(
        f"COPY (SELECT range AS id, hash(range) AS v FROM range(3000000)) TO '{path}' (FORMAT parquet)"
    )
    schema = (column("id", "BIGINT"), column("v", "DECIMAL(38,0)"))
    file = InputFile(str(path), (("id", "BIGINT"), ("v", "UBIGINT")))
    side = DatasetInput(schema, (file,))
    same = tuple(ComparedColumn(c.name, c.name, c.type) for c in schema)
    engine = DuckDbDiffEngine(Limits(300 * 1024**2, 1), tmp_path / "sql")

    with pytest.raises(PreconditionFailed, match="takes longer than the 0 s"):
        engine.compare(RowComparison(side, side, (), same, ("id",), 10), 0.01)


def test_more_than_the_engine_may_use_is_told_with_what_helps(tmp_path: Path) -> None:
    path = tmp_path / "wide.parquet"
    rows = "SELECT range AS id, repeat(md5(range::VARCHAR), 9) AS v FROM range(200000)"
    duckdb.sql(f"COPY ({rows}) TO '{path}' (FORMAT parquet)")
    schema = (column("id", "BIGINT"), column("v", "VARCHAR"))
    side = DatasetInput(schema, (InputFile(str(path), (("id", "BIGINT"), ("v", "VARCHAR"))),))
    same = tuple(ComparedColumn(c.name, c.name, c.type) for c in schema)
    engine = DuckDbDiffEngine(Limits(32 * 1024**2, 1), tmp_path / "sql")

    with pytest.raises(PreconditionFailed, match="more memory and scratch disk"):
        engine.compare(RowComparison(side, side, (), same, ("id",), 1), LONG)


def test_a_value_that_does_not_fit_is_told_without_the_value(tmp_path: Path) -> None:
    old, new = (column("id"), column("n", "VARCHAR")), (column("id"), column("n", "INTEGER"))
    bench = real(tmp_path)
    file = bench.file([{"id": 1, "n": "secret"}], old)

    with pytest.raises(InvalidRequest, match="does not fit") as told:
        bench.compare([], [file], schemas=(new, new))

    assert "secret" not in str(told.value)
    assert told.value.__cause__ is None
