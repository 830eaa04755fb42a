"""Memory of a process tree, sampled from /proc while the demo runs.

Owns the sampling thread. PSS is what a tree really takes (shared pages count once); where the kernel does not
tell it, RSS stands in and the method says so.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from pathlib import Path
from types import TracebackType

PROC = Path("/proc")


class MemorySampler:
    """The peak of a tree's memory between enter and exit. ``peak_mb`` is None where /proc does not exist."""

    def __init__(self, root: int | None = None, interval: float = 1.0, proc: Path = PROC) -> None:
        self._root = root or os.getpid()
        self._interval = interval
        self._proc = proc
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory-sampler", daemon=True)
        self.peak_mb: float | None = None
        self.processes = 0
        self.method = "not available: this system has no /proc"

    def __enter__(self) -> MemorySampler:
        if (self._proc / "self").exists():
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def sample(self) -> None:
        """Measures once."""
        tree = descendants(self._root, self._proc)
        sizes = [size for size in (memory_kb(pid, self._proc) for pid in tree) if size is not None]
        if not sizes:
            return
        exact = all(method == "PSS" for _, method in sizes)
        total = sum(size for size, _ in sizes) / 1024
        if self.peak_mb is None or total > self.peak_mb:
            self.peak_mb, self.processes = round(total, 1), len(sizes)
            self.method = "PSS" if exact else "RSS (shared pages count more than once)"

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self.sample()


def descendants(root: int, proc: Path = PROC) -> list[int]:
    """``root`` and every process below it."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in proc.iterdir():
        if entry.name.isdigit():
            parent = _parent(entry)
            if parent is not None:
                children[parent].append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children[pid]
    return found


def memory_kb(pid: int, proc: Path = PROC) -> tuple[int, str] | None:
    """(kB, PSS or RSS) of one process; None when it is gone or not ours to look at."""
    for file, field, method in (("smaps_rollup", "Pss:", "PSS"), ("status", "VmRSS:", "RSS")):
        try:
            lines = (proc / str(pid) / file).read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            if line.startswith(field):
                return int(line.split()[1]), method
    return None


def _parent(entry: Path) -> int | None:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return None
