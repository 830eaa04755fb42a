"""Measures against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from headgate_trainer import metrics
from hypothesis import given
from hypothesis import strategies as st

ROWS = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.5, 0.7, 0.9])), min_size=2, max_size=40
).filter(lambda rows: len({label for label, _ in rows}) == 2)


@given(ROWS)
def test_auc_is_the_chance_that_a_positive_scores_higher(rows: list[tuple[bool, float]]) -> None:
    labels = np.array([label for label, _ in rows], dtype=np.int8)
    scores = np.array([score for _, score in rows])
    pairs = [(p, n) for p in scores[labels == 1] for n in scores[labels == 0]]

    expected = np.mean([(p > n) + 0.5 * (p == n) for p, n in pairs])

    assert metrics.auc(labels, scores) == pytest.approx(expected)


@given(ROWS)
def test_average_precision_sums_precision_over_the_gain_in_recall(rows: list[tuple[bool, float]]) -> None:
    labels = np.array([label for label, _ in rows], dtype=np.int8)
    scores = np.array([score for _, score in rows])
    expected, recall = 0.0, 0.0
    for threshold in sorted(set(scores.tolist()), reverse=True):
        taken = scores >= threshold
        gained = labels[taken].sum() / labels.sum()
        expected += labels[taken].mean() * (gained - recall)
        recall = gained

    assert metrics.average_precision(labels, scores) == pytest.approx(expected)


def test_certain_and_wrong_costs_much_but_not_infinitely() -> None:
    labels = np.array([1, 0], dtype=np.int8)

    assert metrics.log_loss(labels, np.array([1.0, 0.0])) == pytest.approx(0.0, abs=1e-12)
    assert 30 < metrics.log_loss(labels, np.array([0.0, 1.0])) < 40


def test_calibration_bins_hold_every_row_once_from_low_to_high() -> None:
    random = np.random.default_rng(1)
    scores = random.random(997)
    labels = (random.random(997) < scores).astype(np.int8)

    bins = metrics.calibration(labels, scores)

    assert sum(each["rows"] for each in bins) == 997
    assert [each["low"] for each in bins] == sorted(each["low"] for each in bins)
    assert all(each["low"] <= each["mean_score"] <= each["high"] for each in bins)
    assert all(abs(each["mean_score"] - each["rate"]) < 0.15 for each in bins)
