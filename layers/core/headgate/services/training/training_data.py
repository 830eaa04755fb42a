"""Whether the data of a declared split is there. Pure."""

from collections.abc import Sequence
from datetime import timedelta

from headgate.domain.feature_version import Partition
from headgate.domain.training import TrainingConfig
from headgate.services.clock import parse_iso

COVERAGE_SLACK = timedelta(days=1)


def missing_data(partitions: Sequence[Partition], config: TrainingConfig) -> str | None:
    """Why the declared split cannot be trained yet, or None: every month must be there, up to the last day of
    the holdout.
    """
    start, end = config.split.train[0], config.split.holdout[1]
    have = {m for p in partitions if p.rows for m in _months_of(p)}
    lacking = [m for m in months(start, end) if m not in have]
    if lacking:
        return f"waiting for data of {', '.join(lacking)}"
    newest = max(p.max_event_time for p in partitions)
    if parse_iso(newest) < parse_iso(end) - COVERAGE_SLACK:
        return f"waiting for data until {end}; the newest label is of {newest}"
    return None


def _months_of(partition: Partition) -> list[str]:
    """The months from its first row to its last."""
    first, last = partition.min_event_time, partition.max_event_time
    return [*months(first, last), last[:7]]


def months(start: str, end: str) -> list[str]:
    """Every month from the one of ``start`` to the last one that begins before ``end``."""
    year, month = int(start[:4]), int(start[5:7])
    found = []
    while f"{year}-{month:02d}-01" < end[:10]:
        found.append(f"{year}-{month:02d}")
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return found
