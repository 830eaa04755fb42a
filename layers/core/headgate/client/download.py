"""Fetches files by the addresses that the platform hands out, and checks that they are what it named."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from headgate.cli.failures import CommandFailed, Unreachable

CHUNK_BYTES = 1 << 20
TIMEOUT_SECONDS = 60.0
Progress = Callable[[int, int], None]
"""Told after every piece: the bytes that have come of all files, and the bytes there are."""


def nobody(_done: int, _total: int) -> None:
    """No progress is told."""


def fetch(files: Iterable[Mapping[str, Any]], folder: Path, progress: Progress = nobody) -> list[Path]:
    """The files in their order, each once, as ``<sha256>.parquet`` below ``folder``; ``files`` are as
    `headgate.services.features.hand_out_features` tells them. Raises Unreachable, and CommandFailed when the
    bytes do not have the digest.
    """
    listed = list(files)
    missing = {f["sha256"]: f for f in listed if not _path(folder, f).exists()}
    total, done = sum(int(f["bytes"]) for f in missing.values()), 0
    progress(done, total)
    for file in missing.values():
        before = done

        def tell(came: int, before: int = before) -> None:
            progress(before + came, total)

        _fetch_one(file, _path(folder, file), tell)
        done += int(file["bytes"])
    return [_path(folder, file) for file in listed]


def _path(folder: Path, file: Mapping[str, Any]) -> Path:
    return folder / f"{file['sha256']}.parquet"


def _fetch_one(file: Mapping[str, Any], target: Path, tell: Callable[[int], None]) -> None:
    """To a draft first: what is there under its digest is whole."""
    name, address, hashed, came = file["name"], str(file["url"]), hashlib.sha256(), 0
    if not address.startswith(("http://", "https://", "file://")):
        raise CommandFailed(f"partition {name}: {address[:80]!r} is no address that can be read")
    draft = target.with_suffix(".draft")
    try:
        with urlopen(address, timeout=TIMEOUT_SECONDS) as answer, draft.open("wb") as sink:  # noqa: S310
            while chunk := answer.read(CHUNK_BYTES):
                hashed.update(chunk)
                sink.write(chunk)
                came += len(chunk)
                tell(came)
    except HTTPError as error:
        hint = "; addresses are good for 15 minutes: ask again" if error.code in (400, 403) else ""
        raise CommandFailed(f"partition {name}: the store answers {error.code}{hint}") from error
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise Unreachable(f"partition {name} did not come: {reason}") from error
    if hashed.hexdigest() != file["sha256"]:
        draft.unlink()
        raise CommandFailed(
            f"partition {name}: {came:,} bytes with the digest {hashed.hexdigest()[:12]} came, the version "
            f"names {int(file['bytes']):,} bytes with {file['sha256'][:12]}: do not use them, tell the owner"
        )
    draft.replace(target)
