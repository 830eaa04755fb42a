"""AUC against its definition, and the bootstrap interval of a skill."""

import math
from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np
import pytest
from headgate.adapters.engines.numpy_statistics import NumpyStatistics
from hypothesis import given, settings
from hypothesis import strategies as st

STATISTICS = NumpyStatistics(resamples=60)
SCORE = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(-1e6, 1e6))
ROWS = st.lists(st.tuples(st.integers(0, 1), SCORE), max_size=40)


def by_definition(labels: Sequence[int], scores: Sequence[float]) -> float:
    """The share of pairs in which the positive one scores higher; ties count half."""
    positive = [s for s, y in zip(scores, labels, strict=True) if y]
    negative = [s for s, y in zip(scores, labels, strict=True) if not y]
    if not positive or not negative:
        return 0.5
    wins = sum((p > n) + 0.5 * (p == n) for p, n in product(positive, negative))
    return wins / (len(positive) * len(negative))


@given(ROWS)
@settings(deadline=None)
def test_auc_is_what_its_definition_says(rows: list[tuple[int, float]]) -> None:
    labels, scores = [y for y, _ in rows], [s for _, s in rows]
    assert STATISTICS.auc(labels, scores) == pytest.approx(by_definition(labels, scores), abs=1e-12)


@given(ROWS)
@settings(deadline=None)
def test_auc_of_the_opposite_is_the_rest(rows: list[tuple[int, float]]) -> None:
    labels, scores = [y for y, _ in rows], [s for _, s in rows]
    opposite = STATISTICS.auc(labels, [-s for s in scores])
    assert STATISTICS.auc(labels, scores) + opposite == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("labels", "scores", "auc"),
    [
        ([], [], 0.5),
        ([1], [0.3], 0.5),
        ([0, 0], [0.1, 0.9], 0.5),
        ([0, 1], [0.1, 0.9], 1.0),
        ([1, 0], [0.1, 0.9], 0.0),
        ([0, 1], [0.5, 0.5], 0.5),
        ([0, 1, 1, 0], [0.1, 0.1, 0.9, 0.9], 0.5),
    ],
)
def test_auc_of_little_data(labels: list[int], scores: list[float], auc: float) -> None:
    assert STATISTICS.auc(labels, scores) == auc


@given(st.lists(st.tuples(st.integers(0, 1), SCORE, SCORE), min_size=1, max_size=30), st.integers(0, 5))
@settings(deadline=None, max_examples=40)
def test_a_skill_is_the_difference_and_lies_in_its_interval(
    rows: list[tuple[int, float, float]], seed: int
) -> None:
    labels, scores, baseline = ([row[i] for row in rows] for i in range(3))
    skill = STATISTICS.skill(labels, scores, baseline, seed)  # type: ignore[arg-type]
    difference = by_definition(labels, scores) - by_definition(labels, baseline)  # type: ignore[arg-type]
    assert skill["value"] == pytest.approx(difference)
    assert -1 <= skill["low"] <= skill["value"] <= skill["high"] <= 1
    assert skill["resamples"] == 60


def test_a_skill_depends_on_its_seed_alone() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 200).tolist()
    scores, baseline = generator.random(200).tolist(), generator.random(200).tolist()
    first = STATISTICS.skill(labels, scores, baseline, 7)
    assert first == STATISTICS.skill(labels, scores, baseline, 7)
    assert first != STATISTICS.skill(labels, scores, baseline, 8)


def test_more_rows_make_the_interval_narrower() -> None:
    generator = np.random.default_rng(0)

    def width(rows: int) -> float:
        labels = generator.integers(0, 2, rows)
        scores = labels + generator.normal(0, 2, rows)
        skill = STATISTICS.skill(labels.tolist(), scores.tolist(), [0.0] * rows, 1)
        assert skill["low"] < skill["value"] < skill["high"]
        return skill["high"] - skill["low"]

    assert width(4000) < width(250) / 2


def test_without_rows_there_is_no_skill() -> None:
    assert STATISTICS.skill([], [], [], 1) == {"value": 0.0, "low": 0.0, "high": 0.0, "resamples": 60.0}


CHANCES = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.1, 0.4, 0.9, 1.0])), min_size=1, max_size=40
)


def precision_by_definition(labels: Sequence[int], scores: Sequence[float]) -> float:
    """Over falling thresholds: precision there, times the recall gained."""
    if not sum(labels):
        return 0.0
    total, gained = 0.0, 0
    for threshold in sorted(set(scores), reverse=True):
        taken = [y for y, s in zip(labels, scores, strict=True) if s >= threshold]
        total += sum(taken) / len(taken) * (sum(taken) - gained) / sum(labels)
        gained = sum(taken)
    return total


@given(CHANCES)
@settings(deadline=None)
def test_quality_is_what_its_definitions_say(rows: list[tuple[int, float]]) -> None:
    labels, scores = [y for y, _ in rows], [s for _, s in rows]
    found = STATISTICS.quality(labels, scores)
    losses = []
    for y, s in rows:
        chance = min(max(s, 1e-15), 1 - 1e-15)
        losses.append(-math.log(chance if y else 1 - chance))
    assert found["average_precision"] == pytest.approx(precision_by_definition(labels, scores))
    assert found["brier"] == pytest.approx(sum((s - y) ** 2 for y, s in rows) / len(rows))
    assert found["log_loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-2)


@given(CHANCES)
@settings(deadline=None)
def test_calibration_bins_hold_every_row_once_in_the_order_of_scores(rows: list[tuple[int, float]]) -> None:
    labels, scores = [y for y, _ in rows], [s for _, s in rows]
    bins = STATISTICS.calibration(labels, scores)
    assert len(bins) == min(10, len(rows))
    assert sum(each["rows"] for each in bins) == len(rows)
    assert sum(each["rows"] * each["rate"] for each in bins) == pytest.approx(sum(labels))
    assert sum(each["rows"] * each["mean_score"] for each in bins) == pytest.approx(sum(scores))
    assert max(each["rows"] for each in bins) - min(each["rows"] for each in bins) <= 1
    assert all(a["high"] <= b["low"] for a, b in pairwise(bins))


def test_there_is_no_bin_without_rows() -> None:
    assert STATISTICS.calibration([], []) == []
