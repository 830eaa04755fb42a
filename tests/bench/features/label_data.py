"""Labels of a year and two views of the same entities, as monthly Parquet files, and SQL that joins them.

Imports the standard library alone: the peers' environment reads it too. A view's rows have five numbers;
every twentieth shares entity and event time with another that says something else. The rows of a file are in
no order.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ENTITIES = 20_000
VIEW_ROWS = 200_000
TWINS = 10_000
"""Of a view's rows: 5% have the entity and event time of another."""
NUMBERS = 5
MAX_AGE_DAYS = 30
"""Of the view that has a staleness cap."""
YEAR = "TIMESTAMP '2024-01-01'"
_SECONDS = 366 * 86_400


@dataclass(frozen=True)
class View:
    """``letter`` begins the names of its numbers; ``salt`` makes its rows others than another's."""

    name: str
    letter: str
    salt: int
    max_age_days: int | None = None

    @property
    def dataset(self) -> str:
        return f"{self.name}_rows"

    @property
    def numbers(self) -> tuple[str, ...]:
        return tuple(f"{self.letter}{n}" for n in range(1, NUMBERS + 1))


VIEWS = (View("activity", "a", 1), View("balance", "b", 2, MAX_AGE_DAYS))


@dataclass(frozen=True)
class Labels:
    """Where the files are: ``labels``, and for each view its dataset, each a folder of months."""

    folder: Path

    def files(self, dataset: str) -> list[Path]:
        return sorted((self.folder / dataset).glob("*.parquet"))

    def read(self, dataset: str) -> str:
        """The rows of a dataset as SQL."""
        return f"read_parquet('{self.folder / dataset}/*.parquet')"


def write(folder: Path, rows: int) -> Labels:
    """``rows`` labels, no two of one entity at one time, and both views, beside each other in ``folder``."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        _write(connection, folder / "labels", _labels(rows))
        for view in VIEWS:
            _write(connection, folder / view.dataset, _view_rows(view))
    return Labels(folder)


def by_hand(data: Labels, ordered: bool) -> str:
    """The training table as somebody would write it in DuckDB: one row for each key, then two ASOF joins."""
    joins = [_asof(data, view) for view in VIEWS]
    selected = ["l.entity_id", "l.event_time", "l.label", *(f for view in VIEWS for f in _fresh(view))]
    query = f"SELECT {', '.join(selected)} FROM {data.read('labels')} l {' '.join(joins)}"
    return f"{query} ORDER BY event_time, entity_id" if ordered else query


def _asof(data: Labels, view: View) -> str:
    numbers = ", ".join(view.numbers)
    first = f"SELECT DISTINCT ON (entity_id, event_time) * FROM {data.read(view.dataset)}"
    rows = f"{first} ORDER BY entity_id, event_time, {numbers}"
    keys = f"l.entity_id = {view.letter}.entity_id AND l.event_time >= {view.letter}.event_time"
    return f"ASOF LEFT JOIN ({rows}) {view.letter} ON {keys}"


def _fresh(view: View) -> list[str]:
    if view.max_age_days is None:
        return [f"{view.letter}.{n}" for n in view.numbers]
    fresh = f"l.event_time - {view.letter}.event_time <= INTERVAL {view.max_age_days} DAY"
    return [f"CASE WHEN {fresh} THEN {view.letter}.{n} END AS {n}" for n in view.numbers]


def _labels(rows: int) -> str:
    """Each entity has its labels in slots of equal length, at some second of the slot."""
    slot = _SECONDS * ENTITIES // rows
    return f"""
    SELECT i % {ENTITIES} AS entity_id,
           {YEAR} + to_seconds((i // {ENTITIES}) * {slot} + (hash(i) % {slot})::BIGINT) AS event_time,
           (hash(i + 1) % 2)::INTEGER AS label
    FROM range({rows}) t(i)"""


def _view_rows(view: View) -> str:
    """The last ``TWINS`` rows have the entity and time of the first, and other numbers."""
    of = f"(i % {VIEW_ROWS - TWINS})"
    entity = f"(hash({of}, {view.salt}, 'entity') % {ENTITIES})::BIGINT"
    time = f"{YEAR} + to_seconds((hash({of}, {view.salt}, 'time') % {_SECONDS})::BIGINT)"
    numbers = [f"(hash(i, '{n}') % 1000000) / 1000.0 AS {n}" for n in view.numbers]
    selected = [f"{entity} AS entity_id", f"{time} AS event_time", *numbers]
    return f"SELECT {', '.join(selected)} FROM range({VIEW_ROWS}) t(i)"


def _write(connection: DuckDBPyConnection, folder: Path, query: str) -> None:
    """A file a month, its rows in no order."""
    folder.mkdir(parents=True)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE made AS {query}")
    months = connection.execute(
        "SELECT DISTINCT date_trunc('month', event_time) FROM made ORDER BY 1"
    ).fetchall()
    for (month,) in months:
        rows = f"SELECT * FROM made WHERE date_trunc('month', event_time) = '{month}'"
        rows += " ORDER BY hash(entity_id, event_time)"
        connection.execute(
            f"COPY ({rows}) TO '{folder / f'{month:%Y-%m}.parquet'}' (FORMAT parquet, COMPRESSION zstd)"
        )
