"""Held-out metrics by the values of a column: where a model is worse than its average says."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from headgate.ports import Statistics

MINIMUM_ROWS = 50
"""Fewer rows say little, and may say something of one person: such values are measured together."""
MOST_SEGMENTS = 50
OTHER, NULL = "(other)", "(null)"


def segment_metrics(
    statistics: Statistics, values: Sequence[Any], labels: Sequence[int], scores: Sequence[float]
) -> list[dict[str, Any]]:
    """One entry a value, the largest first and `OTHER` last; ``auc`` is None where all labels are equal."""
    texts = [NULL if value is None else str(value) for value in values]
    counts = Counter(texts)
    ordered = sorted(counts, key=lambda text: (-counts[text], text))[:MOST_SEGMENTS]
    own = [text for text in ordered if counts[text] >= MINIMUM_ROWS]
    named = {text: text for text in own}
    rows: dict[str, list[int]] = {text: [] for text in own}
    for row, text in enumerate(texts):
        rows.setdefault(named.get(text, OTHER), []).append(row)
    return [
        _measured(statistics, name, [labels[r] for r in chosen], [scores[r] for r in chosen])
        for name, chosen in rows.items()
    ]


def _measured(
    statistics: Statistics, value: str, labels: Sequence[int], scores: Sequence[float]
) -> dict[str, Any]:
    positives = sum(labels)
    quality: Mapping[str, float] = statistics.quality(labels, scores)
    return {
        "value": value,
        "rows": len(labels),
        "positives": positives,
        "auc": statistics.auc(labels, scores) if 0 < positives < len(labels) else None,
        "log_loss": quality["log_loss"],
        "brier": quality["brier"],
    }
