"""In-memory adapters of every port: the engine without processes, clocks, files or networks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from headgate_local.batch.ports import ProcessSpec

TERMINATED = 143


class ManualClock:
    """A Clock that moves one millisecond with each look, so that no two moments are equal."""

    def __init__(self, start_ms: int = 1_000_000) -> None:
        self._now = start_ms

    def now_ms(self) -> int:
        self._now += 1
        return self._now


class MemoryLogs:
    """A LogSink that keeps lines by stream."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {}

    def write(self, group: str, stream: str, _timestamp_ms: int, message: str, /) -> None:
        self.lines.setdefault(f"{group}:{stream}", []).append(message)

    def close(self) -> None:
        return None


class MemoryEvents:
    """An EventSink that keeps every change."""

    def __init__(self) -> None:
        self.details: list[Mapping[str, Any]] = []

    def job_changed(self, detail: Mapping[str, Any]) -> None:
        self.details.append(detail)


class ScriptedProcess:
    """A Process with a known outcome: an exit code, or None for one that runs until it is stopped."""

    def __init__(self, exit_code: int | None, reason: str | None = None) -> None:
        self._exit_code = exit_code
        self.reason = reason
        self._stopped = threading.Event()

    def wait(self, timeout: float | None) -> int | None:
        """The outcome. A process that runs on lets a timeout pass in no time at all."""
        if self._exit_code is None and timeout is not None and not self._stopped.is_set():
            return None
        if self._exit_code is None:
            self._stopped.wait()
            return TERMINATED
        return self._exit_code

    def stop(self, _grace_seconds: float, /) -> None:
        """End a process that runs on."""
        self._stopped.set()


class ScriptedRunner:
    """A Runner that starts nothing: `outcome` says for each command what it would come to.

    It returns the exit code, None for a process that runs until stopped, or raises OSError.
    """

    def __init__(self, outcome: Callable[[ProcessSpec], int | None] = lambda _spec: 0) -> None:
        self._outcome = outcome
        self.started: list[ProcessSpec] = []

    def start(self, spec: ProcessSpec, on_line: Callable[[str], None]) -> ScriptedProcess:
        """Remember the command, print it as the process's one line of output, and play the outcome."""
        self.started.append(spec)
        on_line(" ".join(spec.command))
        return ScriptedProcess(self._outcome(spec))
