"""An invocation's log is complete, and costs no waiting.

Missing: MiniStack guesses when a function has finished writing: 50 ms of silence on every warm call that
logs nothing, and lines that come later end up in the next invocation's log.
So: the worker ends each log with a marker, and the emulator reads up to it.
"""

from __future__ import annotations

import queue
import time
from typing import Any

from headgate_local.patches.settings import PatchSettings

END_OF_LOG = "\x00end-of-invocation"
# The marker is written before the reply, so it is at most a thread switch away.
PATIENCE_SECONDS = 2.0


def apply(_settings: PatchSettings) -> None:
    """Replace the bounded drain of a worker's stderr."""
    from ministack.core import lambda_runtime

    guess = lambda_runtime.Worker._drain_stderr_bounded

    def drain_to_marker(worker: Any, *args: Any, **kwargs: Any) -> str:
        if worker._proc is None or not str(worker.config.get("Runtime", "")).startswith("python"):
            return str(guess(worker, *args, **kwargs)).replace(END_OF_LOG, "")
        return read_to_marker(worker._stderr_queue, time.monotonic() + PATIENCE_SECONDS)

    lambda_runtime.Worker._drain_stderr_bounded = drain_to_marker


def read_to_marker(lines: queue.Queue[str], deadline: float) -> str:
    """The lines up to the marker, or those that came before the deadline."""
    found: list[str] = []
    while (left := deadline - time.monotonic()) > 0:
        try:
            line = lines.get(timeout=left)
        except queue.Empty:
            break
        if line.endswith(END_OF_LOG):
            if rest := line.removesuffix(END_OF_LOG):
                found.append(rest)
            break
        found.append(line)
    return "\n".join(found)
