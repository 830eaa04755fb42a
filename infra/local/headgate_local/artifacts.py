"""Zips for CloudFormation: the same files always make the same bytes, and the name of a zip is what is in it.

Owns the zip layout and the content digest. Must not know where a zip is sent.
"""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path

# The oldest time a zip can hold. Bytecode that is shipped does not check it.
EPOCH = (1980, 1, 1, 0, 0, 0)
# Layers are large and unpacked often: level 1 packs four times faster than 6, for a tenth more bytes.
COMPRESSION_LEVEL = 1
NEVER_SHIPPED = frozenset({".DS_Store", ".git", ".mypy_cache", ".pytest_cache", ".ruff_cache"})


@dataclass(frozen=True)
class Artifact:
    """A file to upload: `key` names its content, so what is there under that key need not be sent again."""

    key: str
    path: Path


def files_of(folder: Path, *, bytecode: bool) -> list[Path]:
    """Every file to ship from `folder`, sorted by its path within. Raises FileNotFoundError if there is no
    folder.

    Bytecode is shipped with a layer, which is built for one Python; beside a function's code it is a
    leftover.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder to package")
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [
            name for name in folders if name not in NEVER_SHIPPED and (bytecode or name != "__pycache__")
        ]
        found += [Path(parent) / name for name in names if name not in NEVER_SHIPPED]
    return sorted(found, key=lambda file: file.relative_to(folder).as_posix())


def tree_digest(folder: Path, files: list[Path]) -> str:
    """The sha256 over the paths within `folder`, executable bits and bytes of `files`."""
    hashed = hashlib.sha256()
    for file in files:
        mode = "x" if file.stat().st_mode & stat.S_IXUSR else "-"
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        hashed.update(f"{digest} {mode} {file.relative_to(folder).as_posix()}\n".encode())
    return hashed.hexdigest()


def zip_folder(folder: Path, cache: Path, *, bytecode: bool = False) -> Artifact:
    """The zip of `folder`, taken from `cache` when the same content was zipped before."""
    files = files_of(folder, bytecode=bytecode)
    key = f"{tree_digest(folder, files)}.zip"
    finished = cache / key
    if not finished.exists():
        cache.mkdir(parents=True, exist_ok=True)
        # Renamed when it is whole, under a name of this process: an interrupted run leaves no half zip.
        scratch = cache / f"{key}.{os.getpid()}.part"
        _write_zip(folder, files, scratch)
        scratch.replace(finished)
    return Artifact(key, finished)


def copy_of(file: Path) -> Artifact:
    """A single file (an OpenAPI or state machine definition), named by its content."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return Artifact(f"{digest}{file.suffix}", file)


def text_artifact(text: str, suffix: str, cache: Path) -> Artifact:
    """A file of `text` in `cache`, named by its content."""
    content = text.encode()
    finished = cache / f"{hashlib.sha256(content).hexdigest()}{suffix}"
    cache.mkdir(parents=True, exist_ok=True)
    finished.write_bytes(content)
    return Artifact(finished.name, finished)


def _write_zip(folder: Path, files: list[Path], destination: Path) -> None:
    with zipfile.ZipFile(destination, "w") as archive:
        for file in files:
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, wherever this runs
            executable = file.stat().st_mode & stat.S_IXUSR
            entry.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
            archive.writestr(entry, file.read_bytes(), compresslevel=COMPRESSION_LEVEL)
