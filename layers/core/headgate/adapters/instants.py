"""Instants as adapters tell them: ISO-8601 UTC with milliseconds and a Z, as everywhere on the platform."""

from datetime import UTC, datetime


def iso(instant: datetime) -> str:
    """``2013-10-01T05:00:00.000Z`` of an instant with a time zone."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
