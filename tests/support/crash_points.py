"""Dying at every side effect: what a queue's redelivery must heal, tried at each point in turn."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from headgate.adapters.memory import ANY_EFFECT, Crash

from tests.support.memory_platform import MemoryPlatform

REDELIVERY_SECONDS = 360
"""After this long the queue delivers again: by then a worker that died is dead for sure."""


def side_effects(platform: MemoryPlatform, act: Callable[[MemoryPlatform], Any]) -> tuple[str, ...]:
    """The side effects of ``act`` where nothing fails, in order."""
    clean = platform.fork()
    act(clean)
    return clean.faults.effects


def after_every_crash(
    platform: MemoryPlatform, act: Callable[[MemoryPlatform], Any]
) -> Iterator[tuple[MemoryPlatform, str]]:
    """``act`` on a copy of ``platform`` that dies before and after each side effect, then acts again.

    Yields each copy after the redelivery, and a name for its crash.
    """
    for nth, effect in enumerate(side_effects(platform, act), start=1):
        for when in ("before", "after"):
            copy = platform.fork()
            copy.faults.fail_at(ANY_EFFECT, nth, "before" if when == "before" else "after")
            with pytest.raises(Crash):
                act(copy)
            copy.faults.clear()
            copy.restart()
            copy.clock.advance(REDELIVERY_SECONDS)
            act(copy)
            yield copy, f"{when} side effect {nth}, {effect}"
