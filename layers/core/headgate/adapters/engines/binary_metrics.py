"""Weighted metrics of scores against labels in numpy: prepared once, so that a bootstrap draw is linear.

Labels are 0 and 1; a draw gives each row a weight, how often it was drawn.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from headgate.domain.errors import InvalidRequest

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]
    Weighted = Callable[[Array], float]

_EPSILON = 1e-15


def prepared(metric: str, labels: "Array", scores: "Array") -> "Weighted":
    """The metric as a function of the rows' weights. Raises InvalidRequest for one that is not known."""
    if metric == "auc":
        return _auc(labels, scores)
    if metric == "average_precision":
        return _average_precision(labels, scores)
    if metric == "brier":
        return _mean((scores - labels) ** 2)
    if metric == "log_loss":
        import numpy as np

        chance = np.clip(scores, _EPSILON, 1 - _EPSILON)
        return _mean(-np.where(labels == 1, np.log(chance), np.log1p(-chance)))
    raise InvalidRequest(
        f"the metric {metric!r} is not known; there are auc, average_precision, brier, log_loss"
    )


def _mean(losses: "Array") -> "Weighted":
    def weighted(weights: "Array") -> float:
        return float((losses * weights).sum() / weights.sum())

    return weighted


def _auc(labels: "Array", scores: "Array") -> "Weighted":
    order, groups = _grouped(scores)
    ordered = labels[order]

    def weighted(weights: "Array") -> float:
        positive, negative = _by_group(weights[order], ordered, groups)
        if positive.sum() == 0 or negative.sum() == 0:
            return 0.5
        below = negative.cumsum() - negative
        return float((positive * (below + 0.5 * negative)).sum() / (positive.sum() * negative.sum()))

    return weighted


def _average_precision(labels: "Array", scores: "Array") -> "Weighted":
    """The sum over thresholds of precision times the gain in recall; equal scores are one threshold."""
    order, groups = _grouped(-scores)
    ordered = labels[order]

    def weighted(weights: "Array") -> float:
        positive, negative = _by_group(weights[order], ordered, groups)
        if positive.sum() == 0:
            return 0.0
        hits = positive.cumsum()
        taken = hits + negative.cumsum()
        some = taken > 0
        return float((positive[some] * hits[some] / taken[some]).sum() / positive.sum())

    return weighted


def _grouped(values: "Array") -> tuple["Array", "Array"]:
    """The rows by value, and for each of them the number of its group of equal values."""
    import numpy as np

    order = np.argsort(values, kind="stable")
    steps = np.diff(values[order]) != 0
    return order, np.concatenate(([0], np.cumsum(steps))) if len(values) else order


def _by_group(weights: "Array", labels: "Array", groups: "Array") -> tuple["Array", "Array"]:
    """Weight of the positives and of the negatives of each group."""
    import numpy as np

    positive = weights * labels
    return np.bincount(groups, positive), np.bincount(groups, weights - positive)
