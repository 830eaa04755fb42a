"""Instants as text: every time the platform stores is ISO-8601 UTC with milliseconds and a Z, so that text
order is time order.
"""

from datetime import UTC, datetime


def iso(instant: datetime) -> str:
    """``2013-10-01T05:00:00.000Z``."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_iso(text: str) -> datetime:
    """The inverse of `iso`; also takes dates and offsets. Naive text is UTC."""
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
