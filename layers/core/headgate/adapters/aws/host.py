"""The function's own machine: its clock and its temporary disk."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path


class SystemClock:
    """The Clock port over the machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class TemporaryDisk:
    """The Scratch port below the system's temporary directory (``/tmp`` in Lambda), or below ``root``."""

    def __init__(self, root: Path | None = None) -> None:
        self._root = root

    @contextmanager
    def directory(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="headgate-", dir=self._root) as name:
            yield Path(name)
