"""Metrics with weights, and the interval of a difference between two models over the same rows."""

from __future__ import annotations

import numpy as np
import pytest
from headgate.adapters.engines.binary_metrics import prepared
from headgate.adapters.engines.numpy_statistics import NumpyStatistics
from headgate.domain.errors import InvalidRequest
from headgate_trainer import metrics as trainers_own
from hypothesis import given
from hypothesis import strategies as st

METRICS = ("auc", "average_precision", "brier", "log_loss")
Rows = list[tuple[int, int, int]]


@st.composite
def rows(draw: st.DrawFn) -> Rows:
    """(label, score in tenths, weight), with both classes."""
    row = st.tuples(st.integers(0, 1), st.integers(0, 10), st.integers(0, 3))
    some = draw(st.lists(row, min_size=2, max_size=40))
    return [(0, draw(st.integers(0, 10)), 1), (1, draw(st.integers(0, 10)), 1), *some]


@pytest.mark.parametrize("metric", METRICS)
@given(rows())
def test_a_weight_is_a_row_that_many_times(metric: str, given_rows: Rows) -> None:
    # Given rows with weights, and the same rows written out as often as they weigh
    labels, scores, weights = (np.array(column, dtype=np.float64) for column in zip(*given_rows, strict=True))
    scores /= 10
    times = weights.astype(int)
    # When the metric is taken of both, the second by the trainer's own code
    weighed = prepared(metric, labels, scores)(weights)
    written_out = trainers_own.measure(np.repeat(labels, times).astype(np.int8), np.repeat(scores, times))
    # Then they agree
    assert weighed == pytest.approx(written_out[metric], abs=1e-12)


def test_a_metric_that_is_not_known_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="'f1' is not known; there are auc"):
        NumpyStatistics().metric("f1", [0, 1], [0.1, 0.9])


def noisy(seed: int, noise: float, count: int = 600) -> tuple[list[int], list[float]]:
    """Labels of a fixed draw, and scores that know them through so much noise."""
    labels = (np.random.default_rng(1).random(count) < 0.4).astype(int)
    said = labels + np.random.default_rng(seed).normal(0, noise, count)
    return [int(v) for v in labels], [float(v) for v in 1 / (1 + np.exp(-(said - 0.5)))]


@pytest.mark.parametrize("metric", METRICS)
def test_a_clear_gain_lies_wholly_above_0_and_the_other_way_round_below(metric: str) -> None:
    labels, better = noisy(2, 0.5)
    _, worse = noisy(3, 2.0)
    gain = NumpyStatistics().gain(metric, labels, better, worse, seed=7)
    loss = NumpyStatistics().gain(metric, labels, worse, better, seed=7)
    assert 0 < gain["low"] <= gain["value"] <= gain["high"]
    assert loss["high"] == pytest.approx(-gain["low"])
    assert loss["value"] == pytest.approx(-gain["value"])
    assert gain["resamples"] == 400


@pytest.mark.parametrize("metric", METRICS)
def test_chance_alone_is_not_above_0(metric: str) -> None:
    labels, one = noisy(4, 1.0)
    _, other = noisy(5, 1.0)
    gain = NumpyStatistics().gain(metric, labels, one, other, seed=7)
    assert gain["low"] < 0 < gain["high"]


@pytest.mark.parametrize("metric", METRICS)
def test_the_same_scores_gain_nothing_in_any_draw(metric: str) -> None:
    labels, scores = noisy(4, 1.0)
    gain = NumpyStatistics(resamples=50).gain(metric, labels, scores, scores, seed=7)
    assert (gain["low"], gain["value"], gain["high"]) == (0.0, 0.0, 0.0)


def test_the_interval_covers_the_true_difference_as_often_as_it_says() -> None:
    # Given many samples of one population in which the second model's Brier score is worse by a known amount
    truth = 0.25 - (0.2 * 0.8**2 + 0.8 * 0.2**2)
    covered = 0
    for sample in range(60):
        generator = np.random.default_rng(sample)
        chance = np.where(generator.random(300) < 0.5, 0.2, 0.8)
        labels = [int(v) for v in generator.random(300) < chance]
        gain = NumpyStatistics(resamples=200).gain("brier", labels, [*chance], [0.5] * 300, seed=sample)
        covered += gain["low"] <= truth <= gain["high"]
    # Then 95% intervals hold it in about 57 of 60
    assert covered >= 52
