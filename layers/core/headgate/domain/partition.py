"""Time cut into partitions: calendar days, months or years in UTC, and the spans that files cover.

Intervals are half-open where they are written ``[start, end)``; a `Span` includes both its ends.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

Grain = Literal["day", "month", "year"]
GRAINS: tuple[Grain, ...] = ("day", "month", "year")
WHOLE = "all"
"""The one partition of what is not cut."""
LAST = datetime.max.replace(tzinfo=UTC)
"""The last instant there is; it ends the last day, month and year, and is in them."""
_LENGTHS: dict[int, Grain] = {4: "year", 7: "month", 10: "day"}


@dataclass(frozen=True)
class Span:
    """From the first to the last instant of some rows, both included; UTC."""

    first: datetime
    last: datetime

    def moved(self, earliest: int, latest: int) -> "Span":
        """What rows of this span reach that reach from ``earliest`` to ``latest`` seconds after their own
        time.
        """
        return Span(_plus(self.first, earliest), _plus(self.last, latest))

    def meets(self, start: datetime, end: datetime) -> bool:
        """Whether an instant of it is in [start, end)."""
        return (self.first < end or end == LAST) and self.last >= start


@dataclass(frozen=True)
class Interval:
    """[start, end) of one partition; ``name`` is ``2013``, ``2013-01`` or ``2013-01-31``."""

    name: str
    start: datetime
    end: datetime


def interval(name: str) -> Interval:
    """The partition of that name. Raises ValueError for what is none."""
    grain = _LENGTHS.get(len(name))
    if grain is None:
        raise ValueError(f"{name!r} names no day, month or year")
    year, month, day = (*map(int, name.split("-")), 1, 1)[:3]
    start = datetime(year, month, day, tzinfo=UTC)
    return Interval(name, start, _next(start, grain))


def intervals(span: Span, grain: Grain) -> Iterator[Interval]:
    """Every partition that has an instant of ``span`` in it, in order."""
    start = _floor(span.first, grain)
    while start <= span.last:
        end = _next(start, grain)
        yield Interval(_name(start, grain), start, end)
        if end == LAST:
            return
        start = end


def count(span: Span, grain: Grain) -> int:
    """How many partitions `intervals` has, without making them."""
    first, last = span.first.astimezone(UTC), span.last.astimezone(UTC)
    years = last.year - first.year
    if grain == "day":
        return (last.date() - first.date()).days + 1
    return (12 * years + last.month - first.month if grain == "month" else years) + 1


def before(moment: datetime, seconds: int) -> datetime:
    """``seconds`` earlier, as far as there are dates."""
    return _plus(moment, -seconds)


def _plus(moment: datetime, seconds: int) -> datetime:
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC) if seconds < 0 else LAST


def _name(start: datetime, grain: Grain) -> str:
    length = next(n for n, g in _LENGTHS.items() if g == grain)
    return start.date().isoformat()[:length]


def _floor(moment: datetime, grain: Grain) -> datetime:
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if grain == "day":
        return day
    return day.replace(day=1) if grain == "month" else day.replace(month=1, day=1)


def _next(start: datetime, grain: Grain) -> datetime:
    try:
        if grain == "day":
            return start + timedelta(days=1)
        if grain == "month":
            return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
        return start.replace(year=start.year + 1)
    except (OverflowError, ValueError):
        return LAST
