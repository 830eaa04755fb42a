"""Running models, and measuring them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


class LoadedModel(Protocol):
    """One model in memory. Raises InvalidRequest when inputs do not fit its signature."""

    def score(self, columns: Mapping[str, Sequence[Any]]) -> list[float]:
        """One score a row; ``columns`` has one sequence of equal length per input, None where missing."""
        ...

    def signature(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """What the artifact itself says it takes and gives, in the words of the Open Inference Protocol:
        ``inputs`` and ``outputs``, each with ``name``, ``datatype`` and ``shape`` (-1 for any length).
        """
        ...


class ModelRuntime(Protocol):
    """Loads ONNX models. Raises Corrupted when the bytes are no model."""

    def load(self, artifact: Path) -> LoadedModel: ...


@dataclass(frozen=True)
class RowWindow:
    """Rows of a feature version: Parquet URIs, and the half-open interval of event time (ISO-8601 UTC). Rows
    come in the order of event time, then entity.
    """

    uris: tuple[str, ...]
    event_time: str
    entity: tuple[str, ...]
    start: str
    end: str


class EvaluationEngine(Protocol):
    """Reads feature partitions for scoring and for drift, with bounded memory."""

    def rows(self, window: RowWindow, columns: Sequence[str]) -> Iterator[Mapping[str, Sequence[Any]]]:
        """Batches of columns, None where missing."""
        ...

    def group_means(
        self, train: RowWindow, window: RowWindow, label: str, mean_by: Sequence[str]
    ) -> Sequence[float]:
        """One baseline score for each row of ``window``: the label's mean over the training rows with the
        same ``mean_by``.
        """
        ...

    def seasonal_means(self, train: RowWindow, window: RowWindow, label: str) -> Sequence[float]:
        """The same by ISO weekday and hour of the event time in UTC; where no training row has them, the
        label's mean over all.
        """
        ...

    def label_mean(self, window: RowWindow, label: str) -> float | None:
        """The label's mean over the rows that have one; None when there is none."""
        ...

    def histograms(
        self, window: RowWindow, features: Mapping[str, Mapping[str, Any]]
    ) -> Mapping[str, Sequence[int]]:
        """Counts of each feature over its reference: numeric ``{"kind", "edges"}`` gives len(edges)+1 bins
        and the nulls; categorical ``{"kind", "categories"}`` gives one count a category, then others, then
        nulls.
        """
        ...


class Statistics(Protocol):
    """Numbers over labels (0 or 1) and scores of equal length."""

    def auc(self, labels: Sequence[int], scores: Sequence[float]) -> float:
        """Area under the ROC curve; 0.5 when one class is absent."""
        ...

    def quality(self, labels: Sequence[int], scores: Sequence[float]) -> Mapping[str, float]:
        """``{"average_precision", "log_loss", "brier"}``; scores are probabilities, of at least one row."""
        ...

    def calibration(self, labels: Sequence[int], scores: Sequence[float]) -> Sequence[Mapping[str, float]]:
        """Ten bins with about equally many rows, by score: ``{"low", "high", "rows", "mean_score",
        "rate"}``: what was said against what happened.
        """
        ...

    def skill(
        self, labels: Sequence[int], scores: Sequence[float], baseline: Sequence[float], seed: int
    ) -> Mapping[str, float]:
        """AUC difference with a 95% bootstrap interval: ``{"value", "low", "high", "resamples"}``."""
        ...

    def metric(self, name: str, labels: Sequence[int], scores: Sequence[float]) -> float:
        """``auc``, ``average_precision``, ``log_loss`` or ``brier``. Raises InvalidRequest for another."""
        ...

    def gain(
        self,
        name: str,
        labels: Sequence[int],
        scores: Sequence[float],
        other: Sequence[float],
        seed: int,
    ) -> Mapping[str, float]:
        """How much better ``scores`` are than ``other`` by a metric, with a 95% interval of a bootstrap that
        draws the same rows for both: ``{"value", "low", "high", "resamples"}``; above 0 is better, also of a
        metric that is better where it is less.
        """
        ...
