"""Waiting for what events bring about: look again and again, fail at a deadline saying what was missing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
PATIENCE_SECONDS = 60.0
INTERVAL_SECONDS = 0.15


def eventually(
    what: str,
    look: Callable[[], Found | None],
    seconds: float = PATIENCE_SECONDS,
    every: float = INTERVAL_SECONDS,
) -> Found:
    """The first thing ``look`` finds that is true. AssertionError naming ``what`` at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not seen within {seconds:.0f} s: {what}"
        time.sleep(every)
