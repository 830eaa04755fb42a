"""Faults: an in-memory adapter fails before or after a chosen call, so that every crash point can be tried.

A test runs a service once without faults, reads ``effects`` (its side effects in order), then runs it again
from the start, failing at each of them in turn::

    for nth in range(1, len(clean.effects) + 1):
        for when in ("before", "after"):
            world = make_world()
            world.faults.fail_at(ANY_EFFECT, nth, when)
            ...
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Literal

When = Literal["before", "after"]

ANY_EFFECT = "*"
"""Counts every side effect, whatever its name."""


class Crash(BaseException):
    """The process died here. Not an Exception, so that no service can mistake it for an answer."""


@dataclass(frozen=True)
class _Plan:
    call: str
    nth: int
    when: When
    error: BaseException


class Faults:
    """Plans of failure. A call is named ``<adapter>.<method>``; a bucket or queue goes by its own name."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._plans: list[_Plan] = []
        self._seen: Counter[str] = Counter()
        self._effects: list[str] = []

    @property
    def effects(self) -> tuple[str, ...]:
        """Every side effect that was begun since the last ``clear``, in order."""
        with self._lock:
            return tuple(self._effects)

    def fail_at(
        self, call: str, nth: int = 1, when: When = "before", error: BaseException | None = None
    ) -> None:
        """Fail the ``nth`` (from 1, counted since the last ``clear``) ``call``.

        ``before`` fails with nothing done; ``after`` fails with all done, as when an answer is lost.
        ``error`` is a ``Crash`` unless given, for example ``StateUnknown("…")``.
        """
        if nth < 1:
            raise ValueError(f"calls are counted from 1, found nth={nth}")
        with self._lock:
            self._plans.append(_Plan(call, nth, when, error or Crash(f"{when} {call} number {nth}")))

    def clear(self) -> None:
        """Forget every plan and start counting anew."""
        with self._lock:
            self._plans.clear()
            self._seen.clear()
            self._effects.clear()

    @contextmanager
    def effect(self, call: str) -> Iterator[None]:
        """Around one side effect."""
        with self._lock:
            self._effects.append(call)
            self._seen.update((call, ANY_EFFECT))
            due = self._due(call, self._seen[call]) + self._due(ANY_EFFECT, self._seen[ANY_EFFECT])
        self._raise(due, "before")
        yield
        self._raise(due, "after")

    @contextmanager
    def read(self, call: str) -> Iterator[None]:
        """Around one read: fails when planned by name, is no side effect."""
        with self._lock:
            self._seen[call] += 1
            due = self._due(call, self._seen[call])
        self._raise(due, "before")
        yield
        self._raise(due, "after")

    def _due(self, call: str, count: int) -> list[_Plan]:
        return [plan for plan in self._plans if plan.call == call and plan.nth == count]

    @staticmethod
    def _raise(due: list[_Plan], when: When) -> None:
        for plan in due:
            if plan.when == when:
                raise plan.error
