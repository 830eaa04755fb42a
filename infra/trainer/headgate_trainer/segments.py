"""Held-out metrics told apart by the values of a column: where the mean hides that a few are served badly."""

from typing import Any

import numpy as np
import numpy.typing as npt

from headgate_trainer.data import Codes, Floats
from headgate_trainer.metrics import Labels, auc, log_loss

MINIMUM_ROWS = 50
"""Fewer rows say little; such segments are measured together, as `OTHER`."""
MOST_SEGMENTS = 50
OTHER = "(other)"
NULL = "(null)"


def segment_metrics(
    labels: Labels, scores: Floats, codes: Codes, texts: tuple[str, ...]
) -> list[dict[str, Any]]:
    """One entry a segment, the largest first and `OTHER` last; ``auc`` is null where all labels are equal."""
    counts = np.bincount(codes, minlength=len(texts))
    order = np.lexsort((np.array(texts), -counts))
    own = [code for code in order[:MOST_SEGMENTS] if counts[code] >= MINIMUM_ROWS]
    found = [_measured(texts[code] or NULL, labels, scores, codes == code) for code in own]
    rest = ~np.isin(codes, own)
    return [*found, _measured(OTHER, labels, scores, rest)] if rest.any() else found


def _measured(value: str, labels: Labels, scores: Floats, chosen: npt.NDArray[np.bool_]) -> dict[str, Any]:
    was, said = labels[chosen], scores[chosen]
    positives = int(was.sum())
    return {
        "value": value,
        "rows": len(was),
        "positives": positives,
        "auc": auc(was, said) if 0 < positives < len(was) else None,
        "log_loss": log_loss(was, said),
        "brier": float(np.mean((said - was) ** 2)),
    }
