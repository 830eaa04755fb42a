"""From which score on a row counts as positive. Chosen on scores that are not the holdout's; pure.

A threshold lies halfway between two scores, so that a difference in the last digits moves no row across it.
"""

from dataclasses import asdict
from typing import Any

import numpy as np

from headgate_trainer.data import Floats
from headgate_trainer.declared import Threshold
from headgate_trainer.metrics import Labels


def choose_threshold(labels: Labels, scores: Floats, declared: Threshold) -> tuple[float, bool]:
    """The threshold, and whether the declared bound could be met; where not, the nearest to it is taken."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    ends = np.append(np.flatnonzero(np.diff(ordered) != 0), len(ordered) - 1)
    # Candidate k takes the k highest distinct scores; candidate 0 takes none.
    hits = np.concatenate([[0], np.cumsum(labels[order])[ends]]).astype(np.float64)
    taken = np.concatenate([[0], ends + 1]).astype(np.float64)
    best, met = _best(hits, taken, float(labels.sum()), declared)
    distinct = ordered[ends]
    return _between(
        distinct[best - 1] if best else None, distinct[best] if best < len(distinct) else 0.0
    ), met


def _best(hits: Floats, taken: Floats, positives: float, declared: Threshold) -> tuple[int, bool]:
    """The best candidate; of equals the one that takes the fewest rows."""
    false, missed = taken - hits, positives - hits
    if declared.choose == "min_cost":
        return int(np.argmin(declared.false_positive * false + declared.false_negative * missed)), True
    # Taking none is no way to reach a precision or a recall.
    precision, recall = hits[1:] / taken[1:], hits[1:] / max(positives, 1.0)
    if declared.choose == "max_f1":
        return int(np.argmax(2 * hits[1:] / (taken[1:] + positives))) + 1, True
    bounded, wanted = (precision, recall) if declared.choose == "min_precision" else (recall, precision)
    allowed = bounded >= declared.at
    if not allowed.any():
        return int(np.argmax(bounded)) + 1, False
    return int(np.argmax(np.where(allowed, wanted, -1.0))) + 1, True


def _between(lowest_taken: float | None, highest_left: float) -> float:
    if lowest_taken is None:
        return float(np.nextafter(max(highest_left, 1.0), np.inf))
    middle = (lowest_taken + highest_left) / 2
    return float(middle if middle > highest_left else lowest_taken)


def at_threshold(labels: Labels, scores: Floats, value: float, declared: Threshold) -> dict[str, Any]:
    """What it gives to take every row with a score of at least ``value``; precision is null where none is."""
    said, was = scores >= value, labels == 1
    hits, false = int((said & was).sum()), int((said & ~was).sum())
    missed, right = int((~said & was).sum()), int((~said & ~was).sum())
    return {
        "precision": hits / (hits + false) if hits + false else None,
        "recall": hits / (hits + missed) if hits + missed else None,
        "f1": 2 * hits / (2 * hits + false + missed) if hits + false + missed else None,
        "cost": declared.false_positive * false + declared.false_negative * missed,
        "true_positives": hits,
        "false_positives": false,
        "false_negatives": missed,
        "true_negatives": right,
    }


def threshold_document(
    declared: Threshold, chosen_on: str, chosen: tuple[Labels, Floats], holdout: tuple[Labels, Floats]
) -> dict[str, Any]:
    """``chosen`` and ``holdout`` are labels and scores; only the former decide."""
    value, met = choose_threshold(*chosen, declared)
    return {
        **asdict(declared),
        "value": value,
        "chosen_on": chosen_on,
        "met": met,
        "where_chosen": at_threshold(*chosen, value, declared),
        "holdout": at_threshold(*holdout, value, declared),
    }
