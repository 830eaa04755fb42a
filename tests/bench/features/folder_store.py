"""An object store that several processes share: a folder, one file a key."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from headgate.domain.errors import NotFound


@dataclass(frozen=True)
class FolderEntry:
    key: str
    is_latest: bool = True


@dataclass(frozen=True)
class FolderStore:
    """What a feature build asks of the ObjectStore port; a file appears when all of it is there."""

    folder: Path

    def uri(self, key: str) -> str:
        return str(self.folder / key)

    def exists(self, key: str) -> bool:
        return (self.folder / key).exists()

    def get(self, key: str) -> bytes:
        try:
            return (self.folder / key).read_bytes()
        except FileNotFoundError:
            raise NotFound(f"{key} is not in {self.folder}") from None

    def put(self, key: str, body: bytes, content_type: str = "") -> None:
        part = self._part(key)
        part.write_bytes(body)
        part.replace(self.folder / key)

    def upload(self, source: Path, key: str) -> None:
        part = self._part(key)
        shutil.copyfile(source, part)
        part.replace(self.folder / key)

    def entries(self, prefix: str) -> Iterator[FolderEntry]:
        for path in (self.folder / prefix).glob("**/*"):
            if path.is_file() and path.suffix != ".part":
                yield FolderEntry(path.relative_to(self.folder).as_posix())

    def _part(self, key: str) -> Path:
        path = self.folder / f"{key}.{os.getpid()}.part"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
