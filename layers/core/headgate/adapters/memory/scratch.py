"""Temporary disk below a directory that the caller owns."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class MemoryScratch:
    """The Scratch port. ``root`` is made when it is not there."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def directory(self) -> Iterator[Path]:
        self._root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._root) as name:
            yield Path(name)
