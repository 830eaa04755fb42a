"""The plain file behind gzip and zstd, told by the first bytes and never by a name."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from headgate.adapters.engines.sources.scratch_file import write_bounded
from headgate.domain.errors import DropRefused
from headgate.domain.source_limits import SourceLimits

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"
"""After one byte of 0x50 to 0x5f: parallel compressors begin with such a frame."""
_OTHERS = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"PK\x03\x04": "zip", b"\x04\x22\x4d\x18": "lz4"}
_CHUNK = 1 << 20
_ZSTD_CHUNK = 1 << 10
"""A byte of zstd can mean 32 KiB: what one chunk becomes in memory is 32 MiB at most."""
_ZSTD_WINDOW = 1 << 27
"""128 MiB, what zstd itself takes without being asked for more."""


def unpacked(source: Path, limits: SourceLimits) -> Path:
    """``source`` itself when it is plain, or a plain file beside it.

    Raises DropRefused: ``broken_gzip``, ``broken_zstd``, ``too_large``, ``compression_ratio``,
    ``unknown_compression``, ``packed_twice``.
    """
    packing = _packing(source)
    if packing is None:
        return source
    if packing not in _UNPACKERS:
        raise DropRefused("unknown_compression", f"the file is packed with {packing}; gzip and zstd are read")
    plain = source.with_name(source.name + ".plain")
    with source.open("rb") as stream:
        write_bounded(_UNPACKERS[packing](stream), plain, limits, source.stat().st_size)
    inner = _packing(plain)
    if inner is not None:
        plain.unlink()
        raise DropRefused("packed_twice", f"there is {inner} inside {packing}; pack a file once")
    return plain


def _packing(path: Path) -> str | None:
    with path.open("rb") as stream:
        head = stream.read(6)
    if head.startswith(_GZIP):
        return "gzip"
    if head.startswith(_ZSTD) or (head[1:4] == _ZSTD_SKIPPABLE and head[0] >> 4 == 5):
        return "zstd"
    return next((name for magic, name in _OTHERS.items() if head.startswith(magic)), None)


def _gzip(stream: BinaryIO) -> Iterator[bytes]:
    """All members, one after the other, each with its checksum."""
    try:
        with gzip.open(stream, "rb") as packed:
            while chunk := packed.read(_CHUNK):
                yield chunk
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DropRefused("broken_gzip", f"the gzip stream cannot be read to its end: {error}") from error


def _zstd(stream: BinaryIO) -> Iterator[bytes]:
    """All frames, one after the other."""
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    frame = decompressor.decompressobj()
    try:
        while chunk := stream.read(_ZSTD_CHUNK):
            while chunk:
                if frame.eof:
                    frame = decompressor.decompressobj()
                yield frame.decompress(chunk)
                chunk = frame.unused_data
    except zstandard.ZstdError as error:
        raise DropRefused("broken_zstd", f"the zstd stream cannot be read to its end: {error}") from error
    if not frame.eof:
        raise DropRefused("broken_zstd", "the zstd stream ends within a frame: the file is cut off")


_UNPACKERS: dict[str, Callable[[BinaryIO], Iterator[bytes]]] = {"gzip": _gzip, "zstd": _zstd}
