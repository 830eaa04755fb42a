"""A clock that stands still until it is told otherwise."""

from datetime import UTC, datetime, timedelta
from threading import Lock

START = datetime(2030, 1, 1, tzinfo=UTC)


class ManualClock:
    """Starts at ``start``; ``advance`` and ``sleep`` move it, nothing else does."""

    def __init__(self, start: datetime = START) -> None:
        if start.tzinfo is None:
            raise ValueError("the clock needs a timezone-aware start")
        self._lock = Lock()
        self._start = start.astimezone(UTC)
        self._elapsed = timedelta()
        self._slept: list[float] = []

    @property
    def slept(self) -> tuple[float, ...]:
        """Every pause that was asked for, in seconds."""
        with self._lock:
            return tuple(self._slept)

    def now(self) -> datetime:
        with self._lock:
            return self._start + self._elapsed

    def monotonic(self) -> float:
        with self._lock:
            return self._elapsed.total_seconds()

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._slept.append(seconds)
            self._elapsed += timedelta(seconds=seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass without anyone asking for it."""
        if seconds < 0:
            raise ValueError(f"time does not run backwards, found {seconds} seconds")
        with self._lock:
            self._elapsed += timedelta(seconds=seconds)
