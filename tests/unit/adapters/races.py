"""Starting rivals at the same instant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from headgate.domain.errors import HeadgateError

Rival = TypeVar("Rival")


def race(act: Callable[[Rival], object], rivals: Sequence[Rival]) -> list[tuple[Rival, HeadgateError | None]]:
    """Let every rival act in a thread of its own, all at once; returns each with its error, or None."""
    barrier = Barrier(len(rivals))

    def run(rival: Rival) -> tuple[Rival, HeadgateError | None]:
        barrier.wait(timeout=10)
        try:
            act(rival)
        except HeadgateError as error:
            return rival, error
        return rival, None

    with ThreadPoolExecutor(len(rivals)) as pool:
        return list(pool.map(run, rivals))
