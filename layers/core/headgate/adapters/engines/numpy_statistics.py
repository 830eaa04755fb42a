"""Statistics on numpy: AUC by ranks, and a bootstrap that resamples counts instead of copying rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headgate.adapters.engines.binary_metrics import prepared
from headgate.domain.search import BETTER

if TYPE_CHECKING:
    import numpy as np

CALIBRATION_BINS = 10
EPSILON = 1e-15
"""No chance is nearer to 0 or 1 where its logarithm is taken."""


@dataclass(frozen=True)
class NumpyStatistics:
    """``resamples`` bootstrap draws; 400 give an interval that is stable to about a tenth of its width."""

    resamples: int = 400

    def auc(self, labels: Sequence[int], scores: Sequence[float]) -> float:
        """See `headgate.ports.Statistics`."""
        import numpy as np

        return _Ranking(scores).auc(np.asarray(labels, dtype=np.float64), np.ones(len(labels)))

    def quality(self, labels: Sequence[int], scores: Sequence[float]) -> Mapping[str, float]:
        """See `headgate.ports.Statistics`."""
        import numpy as np

        y, said = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
        chance = np.clip(said, EPSILON, 1 - EPSILON)
        return {
            "average_precision": _average_precision(y, said),
            "log_loss": float(-np.mean(np.where(y == 1, np.log(chance), np.log1p(-chance)))),
            "brier": float(np.mean((said - y) ** 2)),
        }

    def calibration(self, labels: Sequence[int], scores: Sequence[float]) -> Sequence[Mapping[str, float]]:
        """See `headgate.ports.Statistics`."""
        import numpy as np

        y, said = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
        order = np.argsort(said, kind="stable")
        parts = np.array_split(order, min(CALIBRATION_BINS, len(order))) if len(order) else []
        return [
            {
                "low": float(said[part].min()),
                "high": float(said[part].max()),
                "rows": len(part),
                "mean_score": float(said[part].mean()),
                "rate": float(y[part].mean()),
            }
            for part in parts
        ]

    def skill(
        self, labels: Sequence[int], scores: Sequence[float], baseline: Sequence[float], seed: int
    ) -> Mapping[str, float]:
        """See `headgate.ports.Statistics`."""
        import numpy as np

        y = np.asarray(labels, dtype=np.float64)
        model, other = _Ranking(scores), _Ranking(baseline)
        ones = np.ones(len(y))
        generator = np.random.default_rng(seed)
        draws = []
        for _ in range(self.resamples):
            weights = np.bincount(generator.integers(0, len(y), len(y)), minlength=len(y)).astype(np.float64)
            draws.append(model.auc(y, weights) - other.auc(y, weights))
        value = model.auc(y, ones) - other.auc(y, ones)
        # Of a handful of rows most draws lack a class, and say nothing: then the value itself is a bound.
        low, high = (float(v) for v in np.quantile(draws, [0.025, 0.975]))
        interval = {"low": min(low, value), "high": max(high, value)}
        return {"value": value, **interval, "resamples": float(self.resamples)}

    def metric(self, name: str, labels: Sequence[int], scores: Sequence[float]) -> float:
        """See `headgate.ports.Statistics`."""
        import numpy as np

        y, values = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
        return prepared(name, y, values)(np.ones(len(y)))

    def gain(
        self,
        name: str,
        labels: Sequence[int],
        scores: Sequence[float],
        other: Sequence[float],
        seed: int,
    ) -> Mapping[str, float]:
        """See `headgate.ports.Statistics`."""
        import numpy as np

        y = np.asarray(labels, dtype=np.float64)
        better = 1.0 if BETTER[name] == "max" else -1.0
        mine, others = (prepared(name, y, np.asarray(s, dtype=np.float64)) for s in (scores, other))
        generator = np.random.default_rng(seed)
        draws = []
        for _ in range(self.resamples):
            weights = np.bincount(generator.integers(0, len(y), len(y)), minlength=len(y)).astype(np.float64)
            draws.append(better * (mine(weights) - others(weights)))
        value = better * (mine(np.ones(len(y))) - others(np.ones(len(y))))
        low, high = (float(v) for v in np.quantile(draws, [0.025, 0.975]))
        interval = {"low": min(low, value), "high": max(high, value)}
        return {"value": value, **interval, "resamples": float(self.resamples)}


def _average_precision(labels: "np.ndarray[Any, Any]", scores: "np.ndarray[Any, Any]") -> float:
    """The sum over thresholds of precision times the gain in recall; equal scores are one threshold."""
    import numpy as np

    if not labels.sum():
        return 0.0
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order])
    last_of_ties = np.append(np.diff(scores[order]) != 0, True)
    hits, taken = hits[last_of_ties], (np.arange(len(labels)) + 1)[last_of_ties]
    gained = np.diff(hits, prepend=0) / hits[-1]
    return float(np.sum(hits / taken * gained))


class _Ranking:
    """Scores sorted once; every AUC after that is linear."""

    def __init__(self, scores: Sequence[float]) -> None:
        import numpy as np

        values = np.asarray(scores, dtype=np.float64)
        self._order = np.argsort(values, kind="stable")
        ordered = values[self._order]
        self._group = (
            np.cumsum(np.concatenate(([0], (np.diff(ordered) != 0).astype(np.int64))))
            if len(ordered)
            else ordered
        )

    def auc(self, labels: "np.ndarray[Any, Any]", weights: "np.ndarray[Any, Any]") -> float:
        """Weighted AUC; ties count half. 0.5 when one class has no weight."""
        import numpy as np

        weight = weights[self._order]
        positive = weight * labels[self._order]
        negative = weight - positive
        if positive.sum() == 0 or negative.sum() == 0:
            return 0.5
        by_group_positive = np.bincount(self._group, positive)
        by_group_negative = np.bincount(self._group, negative)
        below = np.cumsum(by_group_negative) - by_group_negative
        wins = float((by_group_positive * (below + 0.5 * by_group_negative)).sum())
        return wins / float(positive.sum() * negative.sum())
