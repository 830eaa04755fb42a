"""Measures of scores against labels, in numpy. Pure; labels are 0 and 1, both present."""

from typing import Any

import numpy as np
import numpy.typing as npt

from headgate_trainer.data import Floats

Labels = npt.NDArray[np.int8]
CALIBRATION_BINS = 10
_EPSILON = 1e-15


def measure(labels: Labels, scores: Floats) -> dict[str, float]:
    """AUC, average precision, log loss and Brier score."""
    return {
        "auc": auc(labels, scores),
        "average_precision": average_precision(labels, scores),
        "log_loss": log_loss(labels, scores),
        "brier": float(np.mean((scores - labels) ** 2)),
    }


def auc(labels: Labels, scores: Floats) -> float:
    """The chance that a positive scores above a negative; ties count half."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[inverse]
    positives = int(labels.sum())
    negatives = len(labels) - positives
    above = ranks[labels == 1].sum() - positives * (positives + 1) / 2.0
    return float(above / (positives * negatives))


def average_precision(labels: Labels, scores: Floats) -> float:
    """The sum over thresholds of precision times the gain in recall; equal scores are one threshold."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order])
    last_of_ties = np.append(np.diff(scores[order]) != 0, True)
    hits, taken = hits[last_of_ties], (np.arange(len(labels)) + 1)[last_of_ties]
    gained = np.diff(hits, prepend=0) / hits[-1]
    return float(np.sum(hits / taken * gained))


def log_loss(labels: Labels, scores: Floats) -> float:
    chance = np.clip(scores, _EPSILON, 1 - _EPSILON)
    return float(-np.mean(np.where(labels == 1, np.log(chance), np.log1p(-chance))))


def calibration(labels: Labels, scores: Floats) -> list[dict[str, Any]]:
    """Ten bins with about equally many rows: what was said against what happened."""
    order = np.argsort(scores, kind="stable")
    bins = []
    for part in np.array_split(order, min(CALIBRATION_BINS, len(order))):
        said, was = scores[part], labels[part]
        bins.append(
            {
                "low": float(said.min()),
                "high": float(said.max()),
                "rows": len(part),
                "mean_score": float(said.mean()),
                "rate": float(was.mean()),
            }
        )
    return bins
