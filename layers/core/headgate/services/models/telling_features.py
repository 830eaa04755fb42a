"""Which features tell the label alone: what a model that is too good to be true leans on."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from headgate.domain.training import TrainingConfig
from headgate.ports import EvaluationEngine, RowWindow
from headgate.services.models.evaluate_model import EvaluateModel

MOST = 3
"""So many are named."""


def telling_features(
    evaluation: EvaluateModel,
    config: TrainingConfig,
    train: RowWindow,
    window: RowWindow,
    labels: Sequence[int],
) -> list[dict[str, Any]]:
    """``[{"feature", "auc"}]``, those first that rank the rows of the window best alone. A numeric feature
    ranks by its values, rising or falling; a categorical one by the label's mean over the training rows.
    """
    engine, found = evaluation.engine, dict[str, float]()
    for feature in config.features:
        name = feature.name
        if feature.kind == "numeric":
            scores = _numbers(engine, window, name)
        else:
            scores = list(engine.group_means(train, window, config.label, [name]))
        auc = evaluation.statistics.auc(labels, scores)
        found[name] = max(auc, 1 - auc)
    best = sorted(found, key=lambda name: (-found[name], name))[:MOST]
    return [{"feature": name, "auc": found[name]} for name in best]


def said(features: Sequence[Mapping[str, Any]]) -> str:
    """As a person reads it."""
    listed = ", ".join(f"{each['feature']} {each['auc']:.3f}" for each in features)
    return f"AUC of single features: {listed}" if listed else ""


def _numbers(engine: EvaluationEngine, window: RowWindow, name: str) -> list[float]:
    """A missing value is like the others' mean."""
    values = [_number(value) for batch in engine.rows(window, [name]) for value in batch[name]]
    known = [value for value in values if value is not None]
    mean = sum(known) / len(known) if known else 0.0
    return [mean if value is None else value for value in values]


def _number(value: Any) -> float | None:
    number = None if value is None else float(value)
    return None if number is None or not math.isfinite(number) else number
