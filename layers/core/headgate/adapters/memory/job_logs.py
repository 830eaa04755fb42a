"""Logs of jobs in memory."""

from threading import RLock

from headgate.adapters.memory.faults import Faults
from headgate.ports import LogPage


class MemoryJobLogs:
    """The JobLogs port. Fault name: ``logs.read``."""

    def __init__(self, faults: Faults | None = None) -> None:
        self._faults = faults or Faults()
        self._lock = RLock()
        self._streams: dict[str, list[tuple[int, str]]] = {}

    def write(self, stream: str, at: int, line: str) -> None:
        """What a job printed at ``at`` (epoch milliseconds)."""
        with self._lock:
            self._streams.setdefault(stream, []).append((at, line))

    def read(self, stream: str, after: str | None = None, limit: int = 1000) -> LogPage:
        with self._faults.read("logs.read"), self._lock:
            start = int(after or 0)
            lines = self._streams.get(stream, [])[start : start + limit]
            return LogPage(lines, str(start + len(lines)) if lines or after else None)
