"""Both erasure engines: the rows they find are the rows they take away, and nothing else is touched."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
from headgate.adapters.engines.duckdb_erasure import DuckDbErasureEngine
from headgate.adapters.engines.duckdb_session import Limits
from headgate.adapters.memory.erasure import MemoryErasureEngine
from headgate.ports import ErasureEngine

Rows = Sequence[dict[str, Any]]
PEOPLE: Rows = [
    {"id": "a", "shop": "north", "bought": True},
    {"id": "it's b", "shop": "south", "bought": False},
    {"id": "a", "shop": "south", "bought": True},
    {"id": None, "shop": "north", "bought": None},
]


def _parquet(path: Path, rows: Rows) -> None:
    path.with_suffix(".json").write_text("\n".join(json.dumps(r) for r in rows))
    duckdb.sql(f"COPY (SELECT * FROM '{path.with_suffix('.json')}') TO '{path}' (FORMAT parquet)")


def _json_lines(path: Path, rows: Rows) -> None:
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))


class Bench:
    def __init__(self, engine: ErasureEngine, write: Callable[[Path, Rows], None], folder: Path) -> None:
        self.engine, self._write, self.folder = engine, write, folder

    def file(self, name: str, rows: Rows) -> str:
        path = self.folder / f"{name}.parquet"
        self._write(path, rows)
        return str(path)

    def left(self, path: Path) -> list[dict[str, Any]]:
        if isinstance(self.engine, MemoryErasureEngine):
            return [json.loads(line) for line in path.read_text().splitlines()]
        relation = duckdb.sql(f"SELECT * FROM '{path}'")
        return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


@pytest.fixture(params=["duckdb", "memory"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    if request.param == "memory":
        return Bench(MemoryErasureEngine(), _json_lines, tmp_path)
    return Bench(DuckDbErasureEngine(Limits(300 * 1024**2, 1), tmp_path / "sql"), _parquet, tmp_path)


@pytest.mark.parametrize(
    ("keys", "values", "found"),
    [
        ([["id"]], [["a"]], {"one": 2, "two": 1}),
        ([["id"]], [["it's b"], ["c"]], {"one": 1, "two": 1}),
        ([["id"], ["shop"]], [["a", "south"]], {"one": 1}),
        ([["id"]], [["nobody"]], {}),
        ([["colour"]], [["a"]], {}),
        ([["id"], ["colour"]], [["a", "red"]], {}),
    ],
)
def test_files_that_hold_the_subject_are_found(
    bench: Bench, keys: list[list[str]], values: list[list[str]], found: dict[str, int]
) -> None:
    uris = {
        "one": bench.file("one", PEOPLE),
        "two": bench.file("two", [{"id": "a", "shop": "west"}, {"id": "c", "shop": "west"}]),
        "none": bench.file("none", [{"shop": "north"}]),
    }
    assert bench.engine.holding(list(uris.values()), keys, values) == {
        uris[name]: rows for name, rows in found.items()
    }


def test_a_former_name_of_a_column_is_known(bench: Bench) -> None:
    old, new = bench.file("old", [{"visitor": "a"}]), bench.file("new", [{"id": "a"}, {"id": "b"}])
    assert bench.engine.holding([old, new], [["id", "visitor"]], [["a"]]) == {old: 1, new: 1}


def test_the_rest_stays_as_it_was_with_its_statistics(bench: Bench) -> None:
    source, target = Path(bench.file("one", PEOPLE)), bench.folder / "rest.parquet"
    rest = bench.engine.without(
        source, [["id"]], [["a"]], target, [("id", "VARCHAR"), ("shop", "VARCHAR")], "bought"
    )
    assert bench.left(target) == [PEOPLE[1], PEOPLE[3]]
    assert (rest.rows, rest.positives) == (2, 0)
    stats = {c.name: (c.nulls, c.minimum, c.maximum) for c in rest.columns}
    assert stats == {"id": (1, "it's b", "it's b"), "shop": (0, "north", "south")}
    assert bench.engine.holding([str(target)], [["id"]], [["a"]]) == {}


def test_nothing_may_be_left(bench: Bench) -> None:
    source, target = Path(bench.file("one", PEOPLE[:1])), bench.folder / "rest.parquet"
    rest = bench.engine.without(source, [["id"]], [["a"]], target, [("id", "VARCHAR")])
    assert (rest.rows, bench.left(target), rest.columns[0].minimum) == (0, [], None)


def test_types_are_compared_as_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "typed.parquet"
    duckdb.sql(
        "COPY (SELECT * FROM (VALUES (7::BIGINT, 1.50::DECIMAL(9,2), DATE '2024-01-05', TIMESTAMPTZ "
        f"'2024-01-05 10:00:00+00')) t(n, d, day, moment)) TO '{path}' (FORMAT parquet)"
    )
    engine = DuckDbErasureEngine(Limits(300 * 1024**2, 1), tmp_path / "sql")
    for column, text in (("n", "7"), ("d", "1.5"), ("day", "2024-01-05"), ("moment", "2024-01-05T10:00:00Z")):
        assert engine.holding([str(path)], [[column]], [[text]]) == {str(path): 1}, column
        assert engine.holding([str(path)], [[column]], [["no such value"]]) == {}
