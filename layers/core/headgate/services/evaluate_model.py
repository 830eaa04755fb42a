"""Scoring a model over a window of a feature version and measuring it. Used before registration and while a
model is live.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headgate.domain.feature import FeatureManifest, partitions_between
from headgate.ports import EvaluationEngine, LoadedModel, ObjectStore, RowWindow, Statistics


@dataclass(frozen=True)
class Scored:
    """Labels (0 or 1) and scores of the rows of a window, in the window's order."""

    labels: Sequence[int]
    scores: Sequence[float]


@dataclass(frozen=True)
class EvaluateModel:
    """Reads rows through the engine and scores them batch by batch."""

    lake: ObjectStore
    engine: EvaluationEngine
    statistics: Statistics

    def window(self, manifest: FeatureManifest, start: str, end: str) -> RowWindow:
        """The rows of ``manifest`` with start <= event time < end."""
        event_time = next(c.name for c in manifest.columns if c.role == "event_time")
        entity = tuple(c.name for c in manifest.columns if c.role == "entity")
        uris = tuple(self.lake.uri(p.key) for p in partitions_between(manifest.partitions, start, end))
        return RowWindow(uris, event_time, entity, start, end)

    def score(self, model: LoadedModel, window: RowWindow, features: Sequence[str], label: str) -> Scored:
        """Scores every row of the window."""
        labels: list[int] = []
        scores: list[float] = []
        for batch in self.engine.rows(window, [*dict.fromkeys((*features, label))]):
            labels.extend(int(v) for v in batch[label])
            scores.extend(model.score({f: batch[f] for f in features}))
        return Scored(labels, scores)

    def baselines(
        self,
        scored: Scored,
        train: RowWindow,
        window: RowWindow,
        label: str,
        declared: Sequence[Mapping[str, Any]],
    ) -> dict[str, Sequence[float]]:
        """Scores of the constant baseline and of every declared one, learnt on the training rows alone."""
        found: dict[str, Sequence[float]] = {"constant": [0.0] * len(scored.labels)}
        for baseline in declared:
            if "mean_by" in baseline:
                found[baseline["name"]] = self.engine.group_means(train, window, label, baseline["mean_by"])
        return found

    def aucs(self, labels: Sequence[int], scores: Mapping[str, Sequence[float]]) -> dict[str, float]:
        return {name: self.statistics.auc(labels, values) for name, values in scores.items()}
