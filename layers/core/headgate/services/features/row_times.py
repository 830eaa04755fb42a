"""Which of an entity's online values may be used at an instant: the newest that is known, unless it is too
old.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from headgate.domain.feature import FeatureView
from headgate.ports import EarlierValue, OnlineRow
from headgate.services.clock import parse_iso

MISSING = "there is no row"
MOST_EARLIER = 48
"""Of values that are used until a row is known."""


def known_from(view: FeatureView, event_time: str, known_at: str) -> datetime | None:
    """From when on a value is known: ``available_after`` seconds after it happened, or when it says so itself
    and that is later. None without an event time.
    """
    if not event_time:
        return None
    known = parse_iso(event_time) + timedelta(seconds=view.available_after)
    return max(known, parse_iso(known_at)) if known_at else known


def as_of(view: FeatureView, row: OnlineRow, at: str) -> OnlineRow:
    """The row as it was known at the instant ``at`` (ISO-8601): itself, or what is used until it is known.
    Where nothing was known yet, itself.
    """
    moment = parse_iso(at)
    for each in [row, *(_earlier(row, value) for value in row.earlier)]:
        known = known_from(view, each.event_time, each.known_at)
        if known is None or known <= moment:
            return each
    return row


def unusable(view: FeatureView, row: OnlineRow, at: str) -> str | None:
    """Why a row is not used at the instant ``at``, or None when it is: its age counts from when it happened,
    as offline.
    """
    known, moment = known_from(view, row.event_time, row.known_at), parse_iso(at)
    if known is None:
        return None
    if moment < known:
        return "it is not known yet"
    age = (moment - parse_iso(row.event_time)).total_seconds()
    if view.max_age_seconds is not None and age > view.max_age_seconds:
        return "it is stale"
    return None


def clipped(earlier: Sequence[EarlierValue]) -> tuple[EarlierValue, ...]:
    """At most so many; the last was known when the row was written, and stays."""
    return tuple(earlier) if len(earlier) <= MOST_EARLIER else (*earlier[: MOST_EARLIER - 1], earlier[-1])


def _earlier(row: OnlineRow, value: EarlierValue) -> OnlineRow:
    return replace(row, event_time=value.event_time, known_at=value.known_at, values=value.values)
