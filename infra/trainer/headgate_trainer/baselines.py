"""What a model must beat: the training rate for everyone, and means by group, learnt on the training rows
alone.
"""

import numpy as np

from headgate_trainer.data import Floats, Table
from headgate_trainer.declared import Baseline

CONSTANT = "constant"


def baseline_scores(train: Table, table: Table, declared: tuple[Baseline, ...]) -> dict[str, Floats]:
    """Scores of every baseline for the rows of ``table``."""
    rate = float(train.labels.mean())
    found = {CONSTANT: np.full(table.rows, rate)}
    for baseline in declared:
        found[baseline.name] = _group_means(train, table, baseline.mean_by, rate)
    return found


def _group_means(train: Table, table: Table, columns: tuple[str, ...], rate: float) -> Floats:
    """The label's mean by group; a group without a training row gets the overall rate."""
    keys = np.column_stack([np.concatenate([train.codes[c], table.codes[c]]) for c in columns])
    _, groups = np.unique(keys, axis=0, return_inverse=True)
    groups = groups.reshape(-1)
    size = int(groups.max()) + 1
    counts = np.bincount(groups[: train.rows], minlength=size)
    sums = np.bincount(groups[: train.rows], weights=train.labels, minlength=size)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), rate)
    return np.asarray(means[groups[train.rows :]])
