"""Whether scores are chances: how far off in the mean, and the line that would set them right. Pure."""

from typing import Any

import numpy as np

from headgate_trainer.data import Floats
from headgate_trainer.metrics import Labels, calibration

_EPSILON = 1e-7
_STEPS = 50
_CLOSE = 1e-9


def calibration_summary(labels: Labels, scores: Floats) -> dict[str, Any]:
    """``expected_error`` is the mean distance of score and rate over the bins, weighted by rows.

    ``slope`` and ``intercept`` are of a logistic regression of the labels on the scores' log odds: 1 and 0
    where scores are chances, slope below 1 where they are too sure. Null where there is no such fit.
    """
    bins = calibration(labels, scores)
    off = sum(each["rows"] * abs(each["mean_score"] - each["rate"]) for each in bins)
    line = recalibration(labels, scores)
    return {
        "expected_error": off / len(labels),
        "bins": len(bins),
        "slope": None if line is None else line[0],
        "intercept": None if line is None else line[1],
    }


def recalibration(labels: Labels, scores: Floats) -> tuple[float, float] | None:
    """Slope and intercept by Newton's method; None where scores are all equal or separate the labels."""
    chance = np.clip(scores, _EPSILON, 1 - _EPSILON)
    odds = np.log(chance) - np.log1p(-chance)
    if np.ptp(odds) < _CLOSE:
        return None
    design = np.column_stack([odds, np.ones_like(odds)])
    weights = np.array([1.0, 0.0])
    for _ in range(_STEPS):
        said = 1 / (1 + np.exp(-np.clip(design @ weights, -500, 500)))
        curvature = (design * (said * (1 - said))[:, None]).T @ design
        if np.linalg.cond(curvature) > 1 / np.finfo(np.float64).eps:
            return None
        step = np.linalg.solve(curvature, design.T @ (labels - said))
        weights = weights + step
        if np.abs(step).max() < _CLOSE:
            return float(weights[0]), float(weights[1])
    return None
