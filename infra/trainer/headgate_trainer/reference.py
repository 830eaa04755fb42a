"""What the training rows looked like, kept beside the model: drift is measured against it.

Numeric: inner edges and counts of the bins edge[i-1] < value <= edge[i]. Categorical: texts and counts.
Nulls apart.
"""

from collections import Counter
from typing import Any

import numpy as np

from headgate_trainer.data import Floats, Table
from headgate_trainer.run_spec import RunSpec

BINS = 10


def reference_statistics(spec: RunSpec, train: Table, texts: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    """One entry a feature, from the values as they were stored (float64, before any rounding for a model)."""
    features = {}
    for feature in spec.features:
        if feature.kind == "numeric":
            features[feature.name] = numeric_reference(train.numeric[feature.name])
        else:
            found = Counter(dict(enumerate(np.bincount(train.codes[feature.name]).tolist())))
            known = {texts[feature.name][code]: count for code, count in found.items() if count}
            features[feature.name] = categorical_reference(known)
    return {
        "format": "headgate.reference/1",
        "rows": train.rows,
        "positives": int(train.labels.sum()),
        "features": features,
    }


def numeric_reference(values: Floats) -> dict[str, Any]:
    """Edges at the deciles. They are values that occur, so equal values never fall into two bins."""
    present = values[~np.isnan(values)]
    edges: list[float] = []
    if len(present):
        deciles = np.quantile(present, np.arange(1, BINS) / BINS, method="inverted_cdf")
        edges = [float(edge) for edge in np.unique(deciles) if edge < present.max()]
    counts = np.bincount(np.searchsorted(edges, present, side="left"), minlength=len(edges) + 1)
    nulls = len(values) - len(present)
    return {"kind": "numeric", "edges": edges, "counts": [int(c) for c in counts], "nulls": nulls}


def categorical_reference(known: dict[str, int]) -> dict[str, Any]:
    """The empty text stands for null and is counted there."""
    nulls = known.get("", 0)
    categories = sorted(text for text in known if text)
    return {
        "kind": "categorical",
        "categories": categories,
        "counts": [known[c] for c in categories],
        "nulls": nulls,
    }
