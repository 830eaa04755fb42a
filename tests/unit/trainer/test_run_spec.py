"""The parts of a run spec that say how a model is validated: read whole, or refused by the field's name."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from headgate.domain.run import RunSpec as CoreSpec
from headgate.domain.run import TrainingPartition
from headgate.domain.training import TrainingConfig
from headgate_trainer.declared import Backtest, Threshold, Tolerance
from headgate_trainer.errors import BadSpec
from headgate_trainer.run_spec import RunSpec, Window, parse_run_spec
from headgate_trainer.windows import folds
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.trainer.small_runs import spec_document

PARTITION = {"uri": "file:///x", "sha256": "0" * 64, "rows": 1, "name": "x"}


def parsed(**changes: Any) -> RunSpec:
    document = spec_document() | changes
    document["training_set"]["partitions"] = [PARTITION]
    return parse_run_spec(json.dumps(document).encode())


def with_embargo(hours: Any, end: str = "2024-03-01") -> Mapping[str, Any]:
    return {
        "train": ["2024-01-01", end],
        "holdout": ["2024-03-01", "2024-04-01"],
        "embargo_hours": hours,
    }


def test_everything_the_platform_writes_is_read() -> None:
    declared = {
        "model": "m",
        "feature_set": "f",
        "trainer": "command",
        "compute_class": "cpu",
        "params": {},
        "seed": 1,
        "split": with_embargo(36),
        "features": [{"name": "temp", "kind": "numeric"}],
        "label": "late",
        "gates": {"max_parity_error": 1e-6},
        "budget_usd_per_month": 1,
        "timeout_seconds": 60,
        "command": ["python", "-m", "mine"],
        "backtest": {"windows": 2, "test_days": 7, "embargo_hours": 12},
        "segments": ["shop"],
        "threshold": {"choose": "min_cost", "false_negative": 5},
        "checkpoint_minutes": 2.5,
        "tolerance": {"absolute": 1e-3},
    }
    core = CoreSpec(
        "shops",
        TrainingConfig.from_document(declared),
        (TrainingPartition(**PARTITION),),  # type: ignore[arg-type]
        ("visit",),
        "at",
        "c",
        "e",
        {"run": "1" * 64, "request": "r"},
    )

    spec = parse_run_spec(json.dumps(core.to_document()).encode())

    assert spec.digest == core.digest
    assert spec.train == Window("2024-01-01", "2024-02-28T12:00:00")
    assert spec.command == ("python", "-m", "mine")
    assert spec.backtest == Backtest(2, 7, None, 12.0)
    assert spec.threshold == Threshold("min_cost", 0.5, 1.0, 5.0)
    assert (spec.checkpoint_minutes, spec.tolerance) == (2.5, Tolerance(1e-3, 1e-4))
    assert spec.segments == ("shop",)
    assert "shop" in spec.columns
    assert spec.reproduces == {"run": "1" * 64, "request": "r"}


@pytest.mark.parametrize(
    ("hours", "end", "expected"),
    [
        (0, "2024-03-01", "2024-03-01"),
        (24, "2024-03-01", "2024-02-29"),
        (1.5, "2024-03-01", "2024-02-29T22:30:00"),
        (48, "2024-02-20", "2024-02-20"),
    ],
)
def test_training_ends_before_the_embargo(hours: float, end: str, expected: str) -> None:
    assert parsed(split=with_embargo(hours, end)).train.end == expected


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"split": with_embargo(-1)}, "split.embargo_hours"),
        ({"split": with_embargo("a day")}, "split.embargo_hours"),
        ({"split": with_embargo(24 * 60)}, "split.embargo_hours: 1440 hours leave nothing"),
        ({"command": "python"}, "command"),
        ({"segments": [3]}, "segments"),
        ({"segments": ["late"]}, "segments: 'late' is the label"),
        ({"backtest": {"windows": 0, "test_days": 7}}, "backtest.windows"),
        ({"backtest": {"windows": 2, "test_days": True}}, "backtest.test_days"),
        ({"backtest": {"windows": 2}}, "'test_days' is missing"),
        ({"backtest": {"windows": 2, "test_days": 7, "gap": 1}}, "backtest.gap is not known"),
        ({"backtest": {"windows": 9, "test_days": 7}}, "backtest: 9 windows of 7 days"),
        ({"backtest": {"windows": 2, "test_days": 7, "train_days": 60}}, "training begins at 2024-01-01"),
        ({"threshold": {"choose": "best"}}, "threshold.choose is 'best'"),
        ({"threshold": {"at": 0}}, "threshold.at"),
        ({"threshold": {"false_positive": -1}}, "threshold.false_positive"),
        ({"threshold": "max_f1"}, "threshold is 'max_f1'; an object is needed"),
        ({"checkpoint_minutes": -1}, "checkpoint_minutes"),
        ({"tolerance": {"relative": "none"}}, "tolerance.relative"),
        ({"reproduces": {"request": "r"}}, "reproduces"),
        ({"baselines": [{"name": "naive", "mean_by": ["shop"]}]}, "'naive' is a built-in one"),
        ({"baselines": [{"name": "seasonal", "mean_by": ["shop"]}]}, "'seasonal' is a built-in one"),
    ],
)
def test_a_field_that_is_wrong_is_named(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(BadSpec) as refused:
        parsed(**changes)

    assert named in str(refused.value)


@given(
    windows=st.integers(1, 24),
    test_days=st.integers(1, 90),
    train_days=st.none() | st.integers(1, 400),
    embargo=st.floats(0, 200),
)
def test_windows_follow_each_other_and_never_learn_from_what_they_test(
    windows: int, test_days: int, train_days: int | None, embargo: float
) -> None:
    train = Window("2010-01-01", "2024-03-01T06:00:00")

    found = folds(train, Backtest(windows, test_days, train_days, embargo))

    at = datetime.fromisoformat
    assert len(found) == windows
    assert found[-1].test.end == train.end
    assert all(older.test.end == newer.test.start for older, newer in itertools.pairwise(found))
    for fold in found:
        assert at(fold.test.end) - at(fold.test.start) == timedelta(days=test_days)
        gap = at(fold.test.start) - at(fold.train.end)
        assert gap == timedelta(hours=embargo)
        if train_days is not None:
            assert at(fold.test.start) - at(fold.train.start) == timedelta(days=train_days)
