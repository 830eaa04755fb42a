"""Thresholds against a search of every cut, and what they give."""

from __future__ import annotations

import numpy as np
import pytest
from headgate_trainer.declared import Threshold
from headgate_trainer.threshold import at_threshold, choose_threshold, threshold_document
from hypothesis import given
from hypothesis import strategies as st

SCORES = st.sampled_from([0.0, 0.1, 0.25, 0.25 + 1e-16, 0.5, 0.75, 0.99, 1.0]) | st.floats(0, 1)
ROWS = st.lists(st.tuples(st.booleans(), SCORES), min_size=2, max_size=30).filter(
    lambda rows: any(label for label, _ in rows)
)
DECLARED = st.builds(
    Threshold,
    choose=st.sampled_from(["max_f1", "min_cost", "min_precision", "min_recall"]),
    at=st.floats(0.05, 1),
    false_positive=st.floats(0, 10),
    false_negative=st.floats(0, 10),
)


@given(ROWS, DECLARED)
def test_no_other_threshold_would_do_better(rows: list[tuple[bool, float]], declared: Threshold) -> None:
    labels = np.array([label for label, _ in rows], dtype=np.int8)
    scores = np.array([score for _, score in rows])
    cuts = [at_threshold(labels, scores, cut, declared) for cut in sorted(set(scores.tolist()))]

    value, met = choose_threshold(labels, scores, declared)

    found = at_threshold(labels, scores, value, declared)
    if declared.choose == "max_f1":
        assert found["f1"] == pytest.approx(max(cut["f1"] for cut in cuts))
    elif declared.choose == "min_cost":
        nobody = declared.false_negative * int(labels.sum())
        assert found["cost"] == pytest.approx(min([nobody, *(cut["cost"] for cut in cuts)]))
    else:
        bounded, wanted = (
            ("precision", "recall") if declared.choose == "min_precision" else ("recall", "precision")
        )
        allowed = [cut for cut in cuts if cut[bounded] >= declared.at]
        assert met == bool(allowed)
        if allowed:
            assert found[bounded] >= declared.at
            assert found[wanted] == pytest.approx(max(cut[wanted] for cut in allowed))
        else:
            assert found[bounded] == pytest.approx(max(cut[bounded] for cut in cuts))


def test_a_threshold_lies_between_two_scores() -> None:
    labels, scores = np.array([0, 0, 1, 1], dtype=np.int8), np.array([0.1, 0.2, 0.6, 0.9])

    value, met = choose_threshold(labels, scores, Threshold())

    assert (value, met) == (pytest.approx(0.4), True)


def test_where_misses_cost_nothing_nobody_is_taken() -> None:
    labels, scores = np.array([0, 1], dtype=np.int8), np.array([1.0, 1.0])
    declared = Threshold("min_cost", false_positive=5, false_negative=0)

    value, _ = choose_threshold(labels, scores, declared)

    found = at_threshold(labels, scores, value, declared)
    assert (found["cost"], found["precision"], found["false_negatives"]) == (0, None, 1)


def test_the_holdout_is_measured_and_decides_nothing() -> None:
    chosen = np.array([0, 0, 1, 1], dtype=np.int8), np.array([0.1, 0.2, 0.6, 0.9])
    holdout = np.array([1, 1, 0, 0], dtype=np.int8), np.array([0.1, 0.39, 0.41, 0.9])

    document = threshold_document(Threshold(), "backtest", chosen, holdout)

    assert document["value"] == pytest.approx(0.4)
    assert document["where_chosen"]["f1"] == 1.0
    assert document["holdout"]["f1"] == 0.0
    assert (document["chosen_on"], document["holdout"]["false_positives"]) == ("backtest", 2)
