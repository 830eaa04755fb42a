"""Stamps: the last file written into something built, naming the digest of what it was built from.

Owns their place and content. A folder without its stamp was interrupted half-way and is built again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

STAMP = ".headgate-stamp"


def digest_of(*paths: Path, extra: Iterable[str] = ()) -> str:
    """The sha256 over `extra`, and names and bytes of `paths` (of folders all files but bytecode)."""
    hashed = hashlib.sha256()
    for item in extra:
        hashed.update(f"{len(item)}:{item}".encode())
    for path in paths:
        for file in _files(path):
            content = file.read_bytes()
            hashed.update(f"{file.relative_to(path.parent)}:{len(content)}:".encode())
            hashed.update(content)
    return hashed.hexdigest()


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def is_current(folder: Path, digest: str) -> bool:
    """Whether `folder` was built from exactly what `digest` names, to the end."""
    try:
        return (folder / STAMP).read_text() == digest
    except (FileNotFoundError, NotADirectoryError):
        return False


def write_stamp(folder: Path, digest: str) -> None:
    """Say that `folder` is finished. To be called last."""
    (folder / STAMP).write_text(digest)


def remove_stamp(folder: Path) -> None:
    """Say that `folder` is being worked on. To be called first."""
    (folder / STAMP).unlink(missing_ok=True)
