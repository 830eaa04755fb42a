"""The REPORT line tells the memory a function really used.

Missing: MiniStack writes `Max Memory Used: 0 MB` for a process that still runs, and limits no memory, so a
function that AWS Lambda would kill passes.
So: the worker reports its peak with each answer; it goes into the REPORT line, and the emulator's log warns
when it is above the function's MemorySize. The process is not killed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

from headgate_local.patches.settings import PatchSettings

logger = logging.getLogger("headgate_local.functions")


def apply(_settings: PatchSettings) -> None:
    """Keep what a worker reports, and hand it to what writes the REPORT line."""
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    newest = threading.local()
    invoke = lambda_runtime.Worker.invoke

    def invoke_measuring(worker: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        newest.peak = 0
        reply: dict[str, Any] = invoke(worker, *args, **kwargs)
        newest.peak = int(reply.pop("peak_mb", 0))
        warn_if_over(worker.config, newest.peak)
        return reply

    def reported_peak(_function: Mapping[str, Any]) -> int:
        # The line is written by the thread that invoked, right after the answer.
        return int(getattr(newest, "peak", 0))

    lambda_runtime.Worker.invoke = invoke_measuring
    lambda_svc._probe_peak_memory_mb = reported_peak


def warn_if_over(config: Mapping[str, Any], peak_mb: int) -> bool:
    """Warn about a function that used more than it declares. Returns whether it did."""
    limit = int(config.get("MemorySize", 128))
    if peak_mb <= limit:
        return False
    name = config.get("FunctionName", "")
    logger.warning("function %s used %d MB of %d MB: AWS Lambda would have killed it", name, peak_mb, limit)
    return True
