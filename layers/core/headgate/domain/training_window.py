"""Which rows of a declared split a model may learn from. Pure."""

from datetime import UTC, datetime, timedelta

from headgate.domain.training import Split

NAIVE_DAYS = 7
"""The naive baseline is what the last days before the end of training were like."""


def learning_interval(split: Split) -> tuple[str, str]:
    """Half-open, ISO-8601: training ends where it is declared to, or the embargo before the holdout."""
    start, end = split.train
    latest = _instant(split.holdout[0]) - timedelta(hours=split.embargo_hours)
    if _instant(end) <= latest:
        return start, end
    return start, _text(latest)


def last_days(interval: tuple[str, str], days: int = NAIVE_DAYS) -> tuple[str, str]:
    """The end of an interval: its last days, or all of a shorter one."""
    start, end = interval
    begin = _instant(end) - timedelta(days=days)
    return (start, end) if begin <= _instant(start) else (_text(begin), end)


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant.astimezone(UTC).replace(tzinfo=None) if instant.tzinfo else instant


def _text(instant: datetime) -> str:
    """A day where it is one, as declarations have it; else with the time of day."""
    if instant == datetime(instant.year, instant.month, instant.day):
        return instant.date().isoformat()
    return instant.isoformat(timespec="milliseconds")
