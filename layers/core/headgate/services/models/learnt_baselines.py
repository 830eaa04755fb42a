"""What a model has to be better than without learning anything: scores of the held-out rows by the baselines
that are always computed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headgate.domain.errors import InvalidRequest
from headgate.domain.feature_version import FeatureManifest
from headgate.domain.training_window import last_days
from headgate.ports import RowWindow
from headgate.services.models.evaluate_model import CONSTANT, EvaluateModel

NAIVE, SEASONAL = "naive", "seasonal"


@dataclass(frozen=True)
class LearntBaselines:
    """``constant`` is the rate of the training rows, ``naive`` that of their last days, ``seasonal`` that of
    the same weekday and hour.
    """

    evaluation: EvaluateModel

    def scores(
        self, features: FeatureManifest, train: RowWindow, window: RowWindow, rows: int, label: str
    ) -> Mapping[str, Sequence[float]]:
        """``rows`` is how many ``window`` has. Raises InvalidRequest when no training row has a label."""
        engine = self.evaluation.engine
        rate = engine.label_mean(train, label)
        if rate is None:
            raise InvalidRequest(f"no row from {train.start} to {train.end} has a {label}")
        recent = self.evaluation.window(features, *last_days((train.start, train.end)))
        newest = engine.label_mean(recent, label)
        return {
            CONSTANT: [rate] * rows,
            NAIVE: [rate if newest is None else newest] * rows,
            SEASONAL: engine.seasonal_means(train, window, label),
        }
