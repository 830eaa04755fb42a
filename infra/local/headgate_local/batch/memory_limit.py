"""A job's memory limit: what its processes hold together, and the end when it is too much.

Reads /proc, so it watches on Linux alone; elsewhere a job may use what it likes. It samples, so a short peak
can pass that AWS would have cut off.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

PROC = Path("/proc")
SAMPLE_SECONDS = 0.25
# The reason ECS gives a container that its limit killed.
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"


def resident_mib(group: int, proc: Path = PROC) -> int:
    """The resident memory of all processes of a group, in MiB."""
    pages = 0
    for directory in proc.glob("[0-9]*"):
        try:
            if os.getpgid(int(directory.name)) == group:
                pages += int((directory / "statm").read_text().split()[1])
        except (OSError, IndexError):
            # It ended between the two looks.
            continue
    return pages * os.sysconf("SC_PAGE_SIZE") // (1024 * 1024)


class MemoryWatch:
    """Calls `exceeded` once, from a thread of its own, when a process group holds more than its limit."""

    def __init__(self, group: int, limit_mib: int, exceeded: Callable[[], None]) -> None:
        self._group, self._limit, self._exceeded = group, limit_mib, exceeded
        self._over = threading.Event()
        if PROC.is_dir():
            threading.Thread(target=self._watch, daemon=True, name=f"batch-memory-{group}").start()

    def _watch(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            if resident_mib(self._group) > self._limit:
                self._over.set()
                self._exceeded()

    def close(self) -> None:
        """Stop watching."""
        self._over.set()
