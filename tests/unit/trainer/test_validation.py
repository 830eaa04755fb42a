"""Segments, calibration, baselines and backtests against what they are defined as."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from headgate_trainer import metrics
from headgate_trainer.baselines import baseline_scores, hours_of_week
from headgate_trainer.calibration import calibration_summary, recalibration
from headgate_trainer.data import Table
from headgate_trainer.declared import Baseline
from headgate_trainer.segments import MINIMUM_ROWS, MOST_SEGMENTS, segment_metrics
from headgate_trainer.windows import Window
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.trainer.slow_trainer import SlowTrainer
from tests.unit.trainer.small_runs import MONTHS, SmallRun


def rows(count: int, seed: int = 1) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    scores = random.random(count)
    return (random.random(count) < scores).astype(np.int8), scores


def test_segments_are_measured_alone_and_small_ones_together() -> None:
    labels, scores = rows(1000)
    codes = np.repeat(np.array([0, 1, 2, 3, 4], dtype=np.int32), [600, 320, MINIMUM_ROWS, 20, 10])

    found = segment_metrics(labels, scores, codes, ("big", "", "just", "small", "tiny", "absent"))

    assert [(e["value"], e["rows"]) for e in found] == [
        ("big", 600),
        ("(null)", 320),
        ("just", MINIMUM_ROWS),
        ("(other)", 30),
    ]
    assert found[1]["auc"] == metrics.auc(labels[600:920], scores[600:920])
    assert found[3]["positives"] == labels[-30:].sum()


def test_of_very_many_segments_the_largest_are_told_apart() -> None:
    labels, scores = rows(MINIMUM_ROWS * 60)
    codes = np.repeat(np.arange(60, dtype=np.int32), MINIMUM_ROWS)

    found = segment_metrics(labels, scores, codes, tuple(f"s{i:02}" for i in range(60)))

    assert len(found) == MOST_SEGMENTS + 1
    assert sum(e["rows"] for e in found) == len(labels)


def test_a_segment_of_one_class_has_no_auc() -> None:
    scores = np.full(60, 0.2)

    (only,) = segment_metrics(np.zeros(60, dtype=np.int8), scores, np.zeros(60, dtype=np.int32), ("a",))

    assert (only["auc"], only["positives"], only["brier"]) == (None, 0, pytest.approx(0.04))


def test_scores_that_are_chances_have_slope_one_and_those_too_sure_less() -> None:
    labels, scores = rows(40_000)
    odds = np.log(scores / (1 - scores))

    right = recalibration(labels, scores)
    sure = recalibration(labels, 1 / (1 + np.exp(-(2 * odds + 1))))

    assert right is not None
    assert sure is not None
    assert right == (pytest.approx(1, abs=0.05), pytest.approx(0, abs=0.05))
    assert sure == (pytest.approx(0.5, abs=0.03), pytest.approx(-0.5, abs=0.05))
    assert calibration_summary(labels, scores)["expected_error"] < 0.02


@pytest.mark.parametrize("scores", [np.full(4, 0.5), np.array([0.1, 0.2, 0.8, 0.9])])
def test_where_no_line_fits_there_is_none(scores: Any) -> None:
    labels = np.array([0, 0, 1, 1], dtype=np.int8)

    found = calibration_summary(labels, scores)

    assert (found["slope"], found["intercept"]) == (None, None)


@given(st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)))
def test_the_hour_of_the_week_is_that_of_the_iso_week_in_utc(at: datetime) -> None:
    micros = (at.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

    found = hours_of_week(np.array([micros], dtype=np.int64))

    assert found.tolist() == [(at.isoweekday() - 1) * 24 + at.hour]


def small_rows(run: SmallRun) -> list[dict[str, Any]]:
    return [row for month in MONTHS for row in pq.read_table(run.partition_file(month)).to_pylist()]


def test_naive_and_seasonal_are_learnt_before_the_embargo(small_run: SmallRun) -> None:
    small_run.document["split"]["embargo_hours"] = 72
    small_run.run(find_trainer=lambda _: SlowTrainer(steps=2))
    end = datetime(2024, 3, 1) - timedelta(hours=72)
    table = small_rows(small_run)
    train = [row for row in table if row["at"] < end]
    holdout = [row for row in table if row["at"] >= datetime(2024, 3, 1)]
    labels = np.array([row["late"] for row in holdout], dtype=np.int8)

    late = [row["late"] for row in train if row["at"] >= end - timedelta(days=7)]
    weeks: dict[Any, list[int]] = {}
    for row in train:
        weeks.setdefault((row["at"].isoweekday(), row["at"].hour), []).append(row["late"])
    rate = np.mean([row["late"] for row in train])
    seasonal = [
        np.mean(weeks[key]) if (key := (row["at"].isoweekday(), row["at"].hour)) in weeks else rate
        for row in holdout
    ]

    document = json.loads((small_run.out / "metrics.json").read_bytes())
    found = document["baselines"]
    assert document["rows"]["train"] == len(train)
    assert found["naive"] == metrics.measure(labels, np.full(len(labels), np.mean(late)))
    assert found["seasonal"] == pytest.approx(metrics.measure(labels, np.array(seasonal)))
    assert set(found) == {"constant", "naive", "seasonal", "by_shop"}


def table_of(codes: dict[str, list[int]], labels: list[int]) -> Table:
    return Table(
        rows=len(labels),
        labels=np.array(labels, dtype=np.int8),
        numeric={},
        codes={name: np.array(values, dtype=np.int32) for name, values in codes.items()},
        identity=pa.table({}),
        times=np.zeros(len(labels), dtype=np.int64),
    )


GROUPED = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 200_000), st.integers(0, 5), st.integers(0, 1)),
    min_size=1,
    max_size=30,
)


@given(GROUPED, GROUPED)
def test_means_by_several_columns_are_those_of_the_training_rows_alike(learnt: Any, asked: Any) -> None:
    train, table = (
        table_of({name: [row[i] for row in rows] for i, name in enumerate("abc")}, [row[3] for row in rows])
        for rows in (learnt, asked)
    )

    found = baseline_scores(train, table, Window("2024-01-01", "2024-02-01"), (Baseline("x", tuple("abc")),))

    means: dict[Any, list[int]] = {}
    for row in learnt:
        means.setdefault(row[:3], []).append(row[3])
    rate = np.mean([row[3] for row in learnt])
    assert found["x"].tolist() == pytest.approx([np.mean(means.get(row[:3], [rate])) for row in asked])


def test_a_window_learns_what_lies_before_it_and_is_measured_on_its_own_days(small_run: SmallRun) -> None:
    small_run.document["backtest"] = {"windows": 2, "test_days": 10, "train_days": 20, "embargo_hours": 24}
    trainer = SlowTrainer(steps=3)
    small_run.run(find_trainer=lambda _: trainer)

    document = json.loads((small_run.out / "metrics.json").read_bytes())["backtest"]

    table = small_rows(small_run)
    for window, (start, test, end) in zip(
        document["windows"],
        [
            (datetime(2024, 1, 21), datetime(2024, 2, 10), datetime(2024, 2, 20)),
            (datetime(2024, 1, 31), datetime(2024, 2, 20), datetime(2024, 3, 1)),
        ],
        strict=True,
    ):
        learnt = [row for row in table if start <= row["at"] < test - timedelta(hours=24)]
        tested = [row for row in table if test <= row["at"] < end]
        assert window["rows"] == {"train": len(learnt), "test": len(tested)}
        assert window["test"] == {"from": test.date().isoformat(), "to": end.date().isoformat()}
    aucs = [window["auc"] for window in document["windows"]]
    assert document["mean"]["auc"] == pytest.approx(np.mean(aucs))
    assert document["spread"]["auc"] == pytest.approx(np.std(aucs))


def test_a_window_that_tells_nothing_apart_is_told_and_not_measured(small_run: SmallRun) -> None:
    # January begins with rows of the 1st; nothing lies in the last days of a month.
    small_run.document["backtest"] = {"windows": 2, "test_days": 2}

    small_run.run(find_trainer=lambda _: SlowTrainer(steps=2))

    document = json.loads((small_run.out / "metrics.json").read_bytes())["backtest"]
    assert document["windows"][-1]["skipped"] == "the test rows: there are none"
    assert "auc" not in document["windows"][-1]
    assert "was not measured" in (small_run.out / "card.md").read_text()
