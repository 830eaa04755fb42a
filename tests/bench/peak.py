"""How much memory this process has. Needs the standard library alone: the trainer's environment measures with
it, too.
"""

from __future__ import annotations

import re
import resource
import sys
import threading
from pathlib import Path
from types import TracebackType

STATUS = Path("/proc/self/status")


def peak_megabytes() -> float:
    """The most memory this process ever had resident, in MB (10^6 bytes)."""
    try:
        # ru_maxrss of a fresh process begins with what its parent had when it forked; VmHWM does not.
        return _kilobytes("VmHWM") * 1024 / 1e6
    except FileNotFoundError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def _kilobytes(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", STATUS.read_text(encoding="ascii"))
    return int(found.group(1)) if found else 0


class PeakOfOwn:
    """The most memory that is the process's own while this is entered: pages of mapped files, which the
    system takes back at will, are left out. ``megabytes`` is 0 where the system does not tell them apart.
    """

    EVERY_SECONDS = 0.02

    def __init__(self) -> None:
        self.megabytes = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakOfOwn:
        if STATUS.exists():
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        while True:
            self.megabytes = max(self.megabytes, _kilobytes("RssAnon") * 1024 / 1e6)
            if self._done.wait(self.EVERY_SECONDS):
                return
