"""Measuring: seconds of a call, peak memory of a process, requests of an adapter.

Owns how, not what. A process is measured by itself: the peak of a process that did other things first says
nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headgate.adapters.memory import Faults

from tests.bench.peak import peak_megabytes

__all__ = ["ROOT", "WORK", "CountedCalls", "in_own_process", "peak_megabytes", "say", "seconds_of"]

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "bench" / "work"


def say(text: str) -> None:
    """Progress, on standard error: standard output is the table's."""
    print(f"  {text}", file=sys.stderr, flush=True)


def seconds_of(act: Callable[[], Any]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def in_own_process(
    module: str, *arguments: str, python: Path | None = None, most_seconds: float | None = None
) -> dict[str, Any]:
    """What ``python -m module arguments`` prints as its last line, a JSON object.

    Raises RuntimeError with the end of its output when it fails, and when it takes longer than
    ``most_seconds``.
    """
    try:
        done = subprocess.run(
            [str(python or sys.executable), "-m", module, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=most_seconds,
        )
    except subprocess.TimeoutExpired as late:
        raise RuntimeError(f"{module} {' '.join(arguments)} took longer than {most_seconds:.0f} s") from late
    if done.returncode:
        raise RuntimeError(f"{module} ended with status {done.returncode}: {done.stderr.strip()[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


class CountedCalls(Faults):
    """Counts the calls of in-memory adapters, each of which stands for one request, and keeps each waiting
    for ``latency`` seconds. Plans no fault.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.latency = 0.0

    @contextmanager
    def effect(self, call: str) -> Iterator[None]:
        self._count(call)
        yield

    @contextmanager
    def read(self, call: str) -> Iterator[None]:
        self._count(call)
        yield

    def _count(self, call: str) -> None:
        self.calls[call] += 1
        if self.latency:
            time.sleep(self.latency)

    def during(self, act: Callable[[], Any]) -> Mapping[str, int]:
        """The calls that ``act`` makes."""
        before = self.calls.copy()
        act()
        return self.calls - before
