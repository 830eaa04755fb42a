"""What a model must beat, learnt on the training rows alone: three always computed, and means by group.

constant  the training rows' rate for everyone
naive     the rate of the last seven days of training: yesterday's weather
seasonal  the rate of the training rows of the same hour of the week, UTC
"""

from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from headgate_trainer.data import Floats, Table
from headgate_trainer.declared import Baseline
from headgate_trainer.windows import Window

CONSTANT, NAIVE, SEASONAL = "constant", "naive", "seasonal"
NAIVE_DAYS = 7
HOURS_OF_WEEK = 7 * 24
MOST_GROUPS = 1 << 20
"""So many are counted by place; their numbers stay below 2**63 however many columns follow."""
_HOUR = 3_600_000_000
# 1970-01-01 was a Thursday: the fourth day of an ISO week, three days after its Monday.
_MONDAY_OFFSET_HOURS = 3 * 24

Groups = npt.NDArray[np.int64]


def baseline_scores(
    train: Table, table: Table, window: Window, declared: tuple[Baseline, ...]
) -> dict[str, Floats]:
    """Scores of every baseline for the rows of ``table``; ``window`` is what the training rows are of."""
    rate = float(train.labels.mean())
    found = {
        CONSTANT: np.full(table.rows, rate),
        NAIVE: np.full(table.rows, _late_rate(train, window, rate)),
        SEASONAL: _means(train, hours_of_week(train.times), hours_of_week(table.times), HOURS_OF_WEEK, rate),
    }
    for baseline in declared:
        found[baseline.name] = _group_means(train, table, baseline.mean_by, rate)
    return found


def hours_of_week(times: npt.NDArray[np.int64]) -> Groups:
    """0 is the first hour of an ISO week's Monday, UTC; ``times`` are microseconds since 1970."""
    return (times // _HOUR + _MONDAY_OFFSET_HOURS) % HOURS_OF_WEEK


def _late_rate(train: Table, window: Window, rate: float) -> float:
    """The overall rate where the last days have no row."""
    since = datetime.fromisoformat(window.end) - timedelta(days=NAIVE_DAYS)
    late = train.labels[train.times >= np.datetime64(since, "us").astype(np.int64)]
    return float(late.mean()) if len(late) else rate


def _group_means(train: Table, table: Table, columns: tuple[str, ...], rate: float) -> Floats:
    groups, size = np.zeros(train.rows + table.rows, dtype=np.int64), 1
    for column in columns:
        codes = np.concatenate([train.codes[column], table.codes[column]])
        values = int(codes.max()) + 1
        groups, size = groups * values + codes, size * values
        if size > MOST_GROUPS:
            # Far fewer occur than could: number those that do.
            _, groups = np.unique(groups, return_inverse=True)
            size = int(groups.max()) + 1
    return _means(train, groups[: train.rows], groups[train.rows :], size, rate)


def _means(train: Table, learnt: Groups, asked: Groups, size: int, rate: float) -> Floats:
    """The label's mean by group; a group without a training row gets the overall rate."""
    counts = np.bincount(learnt, minlength=size)
    sums = np.bincount(learnt, weights=train.labels, minlength=size)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), rate)
    return np.asarray(means[asked])
