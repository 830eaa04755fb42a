"""Scoring a model over a window of a feature version and measuring it. Used before registration and while a
model is live.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from headgate.domain.errors import Corrupted, InvalidRequest
from headgate.domain.feature_version import FeatureManifest, partitions_between
from headgate.domain.validation import DEFAULT_TOLERANCE, Tolerance
from headgate.ports import EvaluationEngine, LoadedModel, ObjectStore, RowWindow, Statistics

MODEL, CONSTANT = "model", "constant"


@dataclass(frozen=True)
class Scored:
    """Labels (0, 1, or None where not known) and scores of the rows of a window, in the window's order."""

    labels: Sequence[int | None]
    scores: Sequence[float]


@dataclass(frozen=True)
class Parity:
    """Differences between an artifact and the model it was made of: the largest absolute and relative one,
    and how many rows are out of tolerance.
    """

    max_abs_error: float
    max_rel_error: float
    rows_out_of_tolerance: int


@dataclass(frozen=True)
class Comparison:
    """A model beside its baselines, over the rows that have a label: scores and AUCs by name."""

    labels: Sequence[int]
    scores: Mapping[str, Sequence[float]]
    aucs: Mapping[str, float]

    @property
    def auc(self) -> float:
        return self.aucs[MODEL]

    @property
    def baselines(self) -> dict[str, float]:
        return {name: auc for name, auc in self.aucs.items() if name != MODEL}


@dataclass(frozen=True)
class EvaluateModel:
    """Reads rows through the engine and scores them batch by batch."""

    lake: ObjectStore
    engine: EvaluationEngine
    statistics: Statistics

    def window(self, manifest: FeatureManifest, start: str, end: str) -> RowWindow:
        """The rows of ``manifest`` with start <= event time < end: days, or instants in UTC."""
        event_time = next(c.name for c in manifest.columns if c.role == "event_time")
        entity = tuple(c.name for c in manifest.columns if c.role == "entity")
        uris = tuple(
            self.lake.uri(p.key) for p in partitions_between(manifest.partitions, start, _until_day(end))
        )
        return RowWindow(uris, event_time, entity, start, end)

    def score(self, model: LoadedModel, window: RowWindow, features: Sequence[str], label: str) -> Scored:
        """Scores every row of the window.

        Raises InvalidRequest for a label that is neither 0 nor 1, Corrupted for a score that is no number.
        """
        labels: list[int | None] = []
        scores: list[float] = []
        for batch in self.engine.rows(window, [*dict.fromkeys((*features, label))]):
            labels.extend(_label(value, label) for value in batch[label])
            scores.extend(model.score({f: batch[f] for f in features}))
        require_numbers(scores, "the model")
        return Scored(labels, scores)

    def compare(
        self,
        scored: Scored,
        train: RowWindow,
        window: RowWindow,
        label: str,
        declared: Sequence[Mapping[str, Any]],
        learnt: Mapping[str, Sequence[float]] | None = None,
    ) -> Comparison:
        """The model beside the constant and every declared baseline, learnt on the training rows alone;
        ``learnt`` are scores of further baselines, by name.
        """
        known = [row for row, value in enumerate(scored.labels) if value is not None]
        scores: dict[str, Sequence[float]] = {MODEL: scored.scores, CONSTANT: [0.0] * len(scored.labels)}
        scores |= dict(learnt or {})
        for baseline in declared:
            if known and "mean_by" in baseline:
                means = self.engine.group_means(train, window, label, baseline["mean_by"])
                scores[baseline["name"]] = means
        labels = [int(scored.labels[row] or 0) for row in known]
        scores = {name: [values[row] for row in known] for name, values in scores.items()}
        aucs = {name: self.statistics.auc(labels, values) for name, values in scores.items()}
        return Comparison(labels, scores, aucs)

    def parity(
        self, scored: Scored, path: Path, window: RowWindow, tolerance: Tolerance = DEFAULT_TOLERANCE
    ) -> Parity:
        """How the artifact's scores differ from what the source model said of the same rows.

        ``path`` holds the source model's scores. Raises Corrupted when they are not of the same rows.
        """
        local = replace(window, uris=(str(path),))
        claimed = [v for batch in self.engine.rows(local, ["score"]) for v in batch["score"]]
        if len(claimed) != len(scored.scores):
            raise Corrupted(
                f"the trainer scored {len(claimed)} held-out rows, the artifact {len(scored.scores)}"
            )
        require_numbers(claimed, "the trainer")
        pairs = list(zip(scored.scores, claimed, strict=True))
        return Parity(
            max((abs(a - b) for a, b in pairs), default=0.0),
            max((abs(a - b) / abs(b) for a, b in pairs if a != b and b), default=0.0),
            sum(abs(a - b) > tolerance.absolute + tolerance.relative * abs(b) for a, b in pairs),
        )


def _until_day(end: str) -> str:
    """Partitions are cut at days: of an end within one, the day belongs to them."""
    if len(end) == 10:
        return end
    return (date.fromisoformat(end[:10]) + timedelta(days=1)).isoformat()


def require_numbers(scores: Sequence[Any], who: str) -> None:
    """Raises Corrupted: comparisons with NaN are silently false, and no gate would notice."""
    for row, score in enumerate(scores):
        if not isinstance(score, int | float) or not math.isfinite(score):
            raise Corrupted(f"{who} has no score for row {row}: {score}")


def _label(value: Any, name: str) -> int | None:
    if value is None:
        return None
    if value not in (0, 1):
        raise InvalidRequest(f"the label {name} must be 0 or 1, found {value}")
    return int(value)
