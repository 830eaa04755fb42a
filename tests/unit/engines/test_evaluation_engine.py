"""Windows, baseline means and histograms of feature partitions, against the same in plain Python."""

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from headgate.adapters.engines.duckdb_evaluation import BATCH_ROWS, DuckDbEvaluationEngine
from headgate.adapters.engines.duckdb_session import Limits
from headgate.domain.errors import Corrupted, InvalidRequest
from headgate.ports import RowWindow
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

START = datetime(2024, 1, 1)
UNHURRIED = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NUMBER = st.one_of(
    st.none(), st.just(math.nan), st.sampled_from([math.inf, -math.inf, 0.0, -0.0]), st.floats(-1e9, 1e9)
)
TEXT = st.one_of(st.none(), st.sampled_from(["", "a", "b", "it's", "ü"]), st.text(max_size=3))
_files = count()


@pytest.fixture
def engine(tmp_path: Path) -> DuckDbEvaluationEngine:
    return DuckDbEvaluationEngine(Limits(256 * 1024**2, 1), tmp_path / "sql")


def window(folder: Path, days: int = 31, **columns: Sequence[Any] | pa.Array) -> RowWindow:
    """One row a minute from the start of January on, with these columns, in reverse order on disk."""
    rows = len(next(iter(columns.values())))
    table = pa.table(
        {
            "id": pa.array([f"{n:06d}" for n in range(rows)]),
            "at": pa.array([START + timedelta(minutes=n) for n in range(rows)], pa.timestamp("us")),
            **columns,
        }
    )
    path = folder / f"{next(_files)}.parquet"
    pq.write_table(table.take(list(reversed(range(rows)))), path)
    end = (START + timedelta(days=days)).date().isoformat()
    return RowWindow((str(path),), "at", ("id",), "2024-01-01", end)


def texts(values: Sequence[str | None]) -> pa.Array:
    return pa.array(values, pa.string())


def numbers(values: Sequence[float | None]) -> pa.Array:
    return pa.array(values, pa.float64(), from_pandas=False)


# --- histograms


@given(st.lists(NUMBER, min_size=1, max_size=40), st.data())
@UNHURRIED
def test_numeric_bins_are_open_below_and_closed_above(
    tmp_path: Path, engine: DuckDbEvaluationEngine, values: list[float | None], data: st.DataObject
) -> None:
    present = [v for v in values if v is not None and math.isfinite(v)]
    # Edges are values that occur, and neighbours of them by one step of a double
    edge = st.one_of(st.floats(-1e9, 1e9), *([st.sampled_from(present)] if present else []))
    around = edge.flatmap(lambda e: st.sampled_from([e, math.nextafter(e, math.inf)]))
    edges = sorted(data.draw(st.sets(around, max_size=6)))
    expected = [0] * (len(edges) + 2)
    for value in values:
        missing = value is None or math.isnan(value)
        expected[-1 if missing else bisect_left(edges, value or 0.0)] += 1
    found = engine.histograms(
        window(tmp_path, value=numbers(values)), {"value": {"kind": "numeric", "edges": edges}}
    )
    assert found == {"value": expected}


@given(st.lists(TEXT, min_size=1, max_size=40), st.lists(st.text(max_size=2), unique=True, max_size=4))
@UNHURRIED
def test_categories_are_counted_in_their_order_then_others_then_nulls(
    tmp_path: Path, engine: DuckDbEvaluationEngine, values: list[str | None], categories: list[str]
) -> None:
    known = [c for c in categories if c]
    counts = Counter(v or None for v in values)
    nulls = counts.pop(None, 0)
    expected = [counts.pop(c, 0) for c in known]
    found = engine.histograms(
        window(tmp_path, value=texts(values)), {"value": {"kind": "categorical", "categories": known}}
    )
    assert found == {"value": [*expected, sum(counts.values()), nulls]}


@pytest.mark.parametrize(
    "edge", [0.15696529448667917, 0.9321874718936273, 0.023993095992134006, 1e-320, 1e300]
)
def test_a_value_that_is_its_edge_stays_below(
    tmp_path: Path, engine: DuckDbEvaluationEngine, edge: float
) -> None:
    around = [math.nextafter(edge, -1), edge, math.nextafter(edge, math.inf)]
    reference = {"value": {"kind": "numeric", "edges": [edge]}}
    assert engine.histograms(window(tmp_path, value=numbers(around)), reference) == {"value": [2, 1, 0]}


@pytest.mark.parametrize(
    ("values", "categories"),
    [
        (pa.array([True, False, None]), ["true", "false"]),
        (pa.array([5, 6, None]), ["5", "6"]),
    ],
)
def test_categories_may_be_of_another_type(
    tmp_path: Path, engine: DuckDbEvaluationEngine, values: pa.Array, categories: list[str]
) -> None:
    reference = {"value": {"kind": "categorical", "categories": categories}}
    assert engine.histograms(window(tmp_path, value=values), reference) == {"value": [1, 1, 0, 1]}


def test_several_features_are_counted_each_by_its_own_reference(
    tmp_path: Path, engine: DuckDbEvaluationEngine
) -> None:
    found = engine.histograms(
        window(tmp_path, size=numbers([1.0, 5.0]), colour=texts(["red", None])),
        {
            "size": {"kind": "numeric", "edges": [2.0]},
            "colour": {"kind": "categorical", "categories": ["red"]},
        },
    )
    assert found == {"size": [1, 1, 0], "colour": [1, 0, 1]}


# --- rows


def test_rows_come_in_order_of_time_and_in_batches(tmp_path: Path, engine: DuckDbEvaluationEngine) -> None:
    rows = BATCH_ROWS + 5
    batches = [
        *engine.rows(window(tmp_path, value=numbers([float(n) for n in range(rows)])), ["value", "id"])
    ]
    assert [len(b["value"]) for b in batches] == [BATCH_ROWS, 5]
    assert [v for b in batches for v in b["value"]] == [float(n) for n in range(rows)]
    assert batches[0]["id"][:2] == ("000000", "000001")


def test_a_window_is_half_open(tmp_path: Path, engine: DuckDbEvaluationEngine) -> None:
    made = window(tmp_path, days=1, value=numbers([0.0] * (24 * 60 + 2)))
    (batch,) = engine.rows(made, ["id"])
    assert (batch["id"][0], batch["id"][-1]) == ("000000", f"{24 * 60 - 1:06d}")
    (rest,) = engine.rows(replace(made, start="2024-01-02", end="2024-01-03"), ["id"])
    assert rest["id"] == (f"{24 * 60:06d}", f"{24 * 60 + 1:06d}")


def test_missing_values_are_none(tmp_path: Path, engine: DuckDbEvaluationEngine) -> None:
    (batch,) = engine.rows(window(tmp_path, value=numbers([1.0, None])), ["value"])
    assert batch["value"] == (1.0, None)


def test_a_window_without_files_has_no_rows(engine: DuckDbEvaluationEngine) -> None:
    assert [*engine.rows(RowWindow((), "at", ("id",), "2024-01-01", "2024-02-01"), ["value"])] == []


def test_nothing_but_the_windows_files_is_read(tmp_path: Path, engine: DuckDbEvaluationEngine) -> None:
    made = window(tmp_path, value=numbers([1.0]))
    other = window(tmp_path, value=numbers([2.0]))
    hidden = replace(made, event_time=f"at\" >= TIMESTAMP '1999-01-01' OR EXISTS (FROM '{other.uris[0]}') --")
    with pytest.raises(Corrupted):
        [*engine.rows(hidden, ["value"])]


@pytest.mark.parametrize("body", [b"", b"PAR1", b"PAR1 and much more that is none PAR1"])
def test_a_file_that_is_no_parquet_is_corrupted(
    tmp_path: Path, engine: DuckDbEvaluationEngine, body: bytes
) -> None:
    made = window(tmp_path, value=numbers([1.0]))
    Path(made.uris[0]).write_bytes(body)
    with pytest.raises(Corrupted, match="cannot be read"):
        [*engine.rows(made, ["value"])]


def test_a_column_that_is_missing_is_named(tmp_path: Path, engine: DuckDbEvaluationEngine) -> None:
    made = window(tmp_path, value=numbers([1.0]))
    with pytest.raises(Corrupted, match="colour"):
        [*engine.rows(made, ["colour"])]
    with pytest.raises(Corrupted, match="colour"):
        engine.histograms(made, {"colour": {"kind": "categorical", "categories": []}})


# --- baseline means

GROUP = st.sampled_from(["a", "b", None])
LABELLED = st.lists(st.tuples(GROUP, st.booleans(), st.sampled_from([0, 1, None])), min_size=1, max_size=20)


@given(LABELLED, LABELLED)
@UNHURRIED
def test_a_group_gets_its_mean_and_a_new_one_the_mean_of_all(
    tmp_path: Path, engine: DuckDbEvaluationEngine, train: list[Any], held_out: list[Any]
) -> None:
    def of(rows: list[Any]) -> RowWindow:
        groups, flags, labels = zip(*rows, strict=True)
        return window(tmp_path, group=texts(groups), flag=pa.array(flags), label=pa.array(labels, pa.int32()))

    by_group: dict[Any, list[int]] = defaultdict(list)
    for group, flag, label in train:
        if label is not None:
            by_group[group, flag].append(label)
    known = [label for labels in by_group.values() for label in labels]
    if not known:
        with pytest.raises(InvalidRequest, match="has a label"):
            engine.group_means(of(train), of(held_out), "label", ["group", "flag"])
        return
    overall = sum(known) / len(known)
    expected = [
        sum(labels) / len(labels) if (labels := by_group.get((group, flag))) else overall
        for group, flag, _ in held_out
    ]
    found = engine.group_means(of(train), of(held_out), "label", ["group", "flag"])
    assert found == pytest.approx(expected)


def test_a_boolean_label_has_a_mean(tmp_path: Path, engine: DuckDbEvaluationEngine) -> None:
    made = window(tmp_path, group=texts(["a", "a"]), label=pa.array([True, False]))
    assert engine.group_means(made, made, "label", ["group"]) == [0.5, 0.5]


def test_a_mean_by_nothing_is_the_mean_of_all(tmp_path: Path, engine: DuckDbEvaluationEngine) -> None:
    made = window(tmp_path, label=pa.array([1, 0, 0, 0]))
    assert engine.group_means(made, made, "label", []) == [0.25] * 4


SEASONAL = st.lists(
    st.tuples(st.datetimes(datetime(1965, 1, 1), datetime(2035, 12, 31)), st.sampled_from([0, 1, None])),
    min_size=1,
    max_size=30,
)


def at_times(folder: Path, rows: list[tuple[datetime, int | None]]) -> RowWindow:
    table = pa.table(
        {
            "id": pa.array([f"{n:06d}" for n in range(len(rows))]),
            "at": pa.array([time for time, _ in rows], pa.timestamp("us")),
            "label": pa.array([label for _, label in rows], pa.int32()),
        }
    )
    path = folder / f"{next(_files)}.parquet"
    pq.write_table(table, path)
    return RowWindow((str(path),), "at", ("id",), "1900-01-01", "2100-01-01")


@given(SEASONAL, SEASONAL)
@UNHURRIED
def test_a_season_is_a_weekday_and_an_hour_in_utc(
    tmp_path: Path, engine: DuckDbEvaluationEngine, train: list[Any], held_out: list[Any]
) -> None:
    known = [(time, label) for time, label in train if label is not None]
    learnt, window_ = at_times(tmp_path, train), at_times(tmp_path, held_out)
    if not known:
        with pytest.raises(InvalidRequest, match="has a label"):
            engine.seasonal_means(learnt, window_, "label")
        return
    overall = sum(label for _, label in known) / len(known)

    def mean(time: datetime) -> float:
        season = (time.isoweekday(), time.hour)
        found = [label for each, label in known if (each.isoweekday(), each.hour) == season]
        return sum(found) / len(found) if found else overall

    ordered = sorted((time, f"{n:06d}") for n, (time, _) in enumerate(held_out))
    expected = [mean(time) for time, _ in ordered]
    assert engine.seasonal_means(learnt, window_, "label") == pytest.approx(expected)


@given(SEASONAL)
@UNHURRIED
def test_the_mean_of_a_label_is_that_of_the_rows_that_have_one(
    tmp_path: Path, engine: DuckDbEvaluationEngine, rows: list[Any]
) -> None:
    known = [label for _, label in rows if label is not None]
    expected = sum(known) / len(known) if known else None
    made = at_times(tmp_path, rows)
    assert engine.label_mean(made, "label") == (None if expected is None else pytest.approx(expected))
    assert engine.label_mean(replace(made, uris=()), "label") is None


def test_without_training_rows_there_is_no_baseline(tmp_path: Path, engine: DuckDbEvaluationEngine) -> None:
    made = window(tmp_path, group=texts(["a"]), label=pa.array([1]))
    with pytest.raises(InvalidRequest, match="no row from"):
        engine.group_means(replace(made, uris=()), made, "label", ["group"])
    with pytest.raises(InvalidRequest, match="no row from 2023-01-01 to 2024-01-01 has a label"):
        engine.group_means(replace(made, start="2023-01-01", end="2024-01-01"), made, "label", ["group"])
