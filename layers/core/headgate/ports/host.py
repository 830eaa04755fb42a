"""The machine: time, scratch disk, credentials."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Time, so that tests own it."""

    def now(self) -> datetime:
        """The present, timezone-aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds for measuring durations."""
        ...

    def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class S3Access:
    """Credentials and address for httpfs; ``endpoint`` is a URL, or None for AWS itself."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None
    region: str
    endpoint: str | None


S3AccessProvider = Callable[[], S3Access]


class Scratch(Protocol):
    """Temporary disk."""

    def directory(self) -> AbstractContextManager[Path]:
        """A fresh directory that is gone after the with block."""
        ...
