"""Writing what a source becomes on the scratch disk: within the limits, and never the last of the disk."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from headgate.domain.errors import TooLargeHere
from headgate.domain.source_limits import SourceLimits

_RESERVE = 64 * 1024**2
"""Bytes of disk left to everybody else."""
_LOOK_EVERY = 64 * 1024**2
"""Bytes written between two looks at the disk; no more than the reserve."""


def write_bounded(
    chunks: Iterable[bytes], target: Path, limits: SourceLimits, packed_bytes: int | None = None
) -> None:
    """Writes ``chunks`` to ``target``. With ``packed_bytes`` their ratio to it is bounded too.

    Raises DropRefused over a limit, TooLargeHere when the disk is full: other drops may lie on it.
    """
    written, looked_at = 0, -_LOOK_EVERY
    try:
        with target.open("wb") as out:
            for chunk in chunks:
                written += len(chunk)
                _check(written, limits, packed_bytes)
                if written - looked_at >= _LOOK_EVERY:
                    check_disk(target.parent, len(chunk))
                    looked_at = written
                out.write(chunk)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _check(written: int, limits: SourceLimits, packed_bytes: int | None) -> None:
    if written > limits.max_bytes:
        raise limits.exceeded("max_bytes", "bytes of the plain file", f"more than {limits.max_bytes:,}")
    check_ratio(written, limits, packed_bytes)


def check_ratio(plain: int, limits: SourceLimits, packed_bytes: int | None) -> None:
    """Raises DropRefused when ``plain`` bytes are too many for so few packed ones."""
    if packed_bytes and plain > limits.ratio_from_bytes and plain > packed_bytes * limits.max_ratio:
        measured = f"{plain:,} or more of {packed_bytes:,}, {plain // packed_bytes:,} for each"
        raise limits.exceeded("max_ratio", "plain bytes for each packed byte", measured)


def check_disk(folder: Path, wanted: int = 0) -> None:
    """Raises TooLargeHere when ``wanted`` more bytes would take the last of the disk."""
    free = shutil.disk_usage(folder).free
    if free < wanted + _RESERVE:
        raise TooLargeHere(
            f"the scratch disk has {free:,} bytes left, too few to unpack a drop beside the others"
        )
