"""Dying at every side effect: what a queue's redelivery must heal, tried at each point in turn."""

from collections.abc import Callable, Iterator
from typing import Any, Literal

from headgate.adapters.memory import ANY_EFFECT, Crash

from tests.support.memory_platform import MemoryPlatform

REDELIVERY_SECONDS = 360
"""After this long the queue delivers again: by then a worker that died is dead for sure."""
WHEN: tuple[Literal["before", "after"], ...] = ("before", "after")


def side_effects(platform: MemoryPlatform, act: Callable[[MemoryPlatform], Any]) -> tuple[str, ...]:
    """The side effects of ``act`` where nothing fails, in order."""
    clean = platform.fork()
    act(clean)
    return clean.faults.effects


def after_every_crash(
    platform: MemoryPlatform, act: Callable[[MemoryPlatform], Any]
) -> Iterator[tuple[MemoryPlatform, str]]:
    """``act`` on a copy of ``platform`` that dies before and after each side effect, then acts again.

    Yields each copy after the redelivery, and a name for its crash. A side effect that is itself refused has
    no "after".
    """
    tried = 0
    for nth, effect in enumerate(side_effects(platform, act), start=1):
        for when in WHEN:
            copy = platform.fork()
            copy.faults.fail_at(ANY_EFFECT, nth, when)
            if not _dies(copy, act):
                assert when == "after", f"side effect {nth}, {effect}, was not reached again"
                continue
            copy.faults.clear()
            copy.restart()
            copy.clock.advance(REDELIVERY_SECONDS)
            act(copy)
            tried += 1
            yield copy, f"{when} {effect}, side effect {nth}"
    assert tried, "there was no side effect to die at"


def _dies(platform: MemoryPlatform, act: Callable[[MemoryPlatform], Any]) -> bool:
    try:
        act(platform)
    except Crash:
        return True
    return False
