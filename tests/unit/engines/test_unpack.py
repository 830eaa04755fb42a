"""Packed sources are unpacked by what they are, never by their name, and within limits."""

from __future__ import annotations

import bz2
import gzip
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard
from headgate.adapters.engines.sources.scratch_file import check_disk, write_bounded
from headgate.adapters.engines.sources.unpack import unpacked
from headgate.domain.errors import DropRefused, TooLargeHere
from headgate.domain.source_limits import SourceLimits

from tests.unit.engines.reading import Reading, contract

BODY = b"a\n" + b"".join(b"%d\n" % n for n in range(50_000))
HALVES = (BODY[:70_000], BODY[70_000:])
SKIPPABLE = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"
PACKED = {
    "plain": BODY,
    "gzip": gzip.compress(BODY),
    "gzip members": b"".join(map(gzip.compress, HALVES)),
    "zstd": zstandard.compress(BODY),
    "zstd frames": b"".join(map(zstandard.compress, HALVES)),
    "zstd after a skippable frame": SKIPPABLE + zstandard.compress(BODY) + SKIPPABLE,
    "zstd with a checksum": zstandard.ZstdCompressor(write_checksum=True).compress(BODY),
}


@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED)
def test_every_packing_gives_the_same_bytes(tmp_path: Path, packed: bytes) -> None:
    source = tmp_path / "misleading.csv"
    source.write_bytes(packed)
    assert unpacked(source, SourceLimits()).read_bytes() == BODY


CHECKED = bytearray(PACKED["zstd with a checksum"])
CHECKED[-1] ^= 1
BROKEN = {
    "gzip cut off": (PACKED["gzip"][:-20], "broken_gzip"),
    "gzip cut off in the second member": (PACKED["gzip members"][:-20], "broken_gzip"),
    "gzip with something behind it": (PACKED["gzip"] + b"something", "broken_gzip"),
    "zstd cut off": (PACKED["zstd"][:-20], "broken_zstd"),
    "zstd cut off in the first bytes": (PACKED["zstd"][:5], "broken_zstd"),
    "zstd cut off in the second frame": (PACKED["zstd frames"][:-20], "broken_zstd"),
    "zstd with something behind it": (PACKED["zstd"] + b"something", "broken_zstd"),
    "zstd with another checksum": (bytes(CHECKED), "broken_zstd"),
    "bzip2": (bz2.compress(BODY), "unknown_compression"),
    "zip": (b"PK\x03\x04", "unknown_compression"),
    "packed twice": (zstandard.compress(PACKED["gzip"]), "packed_twice"),
}


@pytest.mark.parametrize(("packed", "rule"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_unpacked_to_its_end_is_refused(tmp_path: Path, packed: bytes, rule: str) -> None:
    (tmp_path / "source").write_bytes(packed)
    with pytest.raises(DropRefused) as refusal:
        unpacked(tmp_path / "source", SourceLimits())
    assert refusal.value.rule == rule
    assert list(tmp_path.iterdir()) == [tmp_path / "source"]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
@pytest.mark.parametrize(
    ("limits", "rule", "said"),
    [
        (SourceLimits(max_bytes=10_000_000), "too_large", "10,000,000 (setting SOURCE_MAX_BYTES)"),
        (SourceLimits(ratio_from_bytes=1_000_000), "compression_ratio", "200 (setting SOURCE_MAX_RATIO)"),
    ],
)
def test_a_bomb_is_bounded_by_bytes_and_by_ratio(
    tmp_path: Path, pack: object, limits: SourceLimits, rule: str, said: str
) -> None:
    (tmp_path / "source").write_bytes(pack(bytes(50_000_000)))  # type: ignore[operator]
    with pytest.raises(DropRefused) as refusal:
        unpacked(tmp_path / "source", limits)
    assert refusal.value.rule == rule
    assert said in str(refusal.value)
    assert list(tmp_path.iterdir()) == [tmp_path / "source"]


def test_a_bomb_takes_little_memory(tmp_path: Path) -> None:
    # Given a file of some kilobytes that becomes 1 GB
    packer = zstandard.ZstdCompressor().compressobj()
    with (tmp_path / "source").open("wb") as out:
        for _ in range(16):
            out.write(packer.compress(bytes(1 << 26)))
        out.write(packer.flush())
    program = """
import sys
from pathlib import Path
from headgate.adapters.engines.sources.unpack import unpacked
from headgate.domain.errors import DropRefused
from headgate.domain.source_limits import SourceLimits
try:
    unpacked(Path(sys.argv[1]), SourceLimits(max_ratio=10**9, max_bytes=500_000_000))
except DropRefused as refusal:
    peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
    print(refusal.rule, int(peak) // 1024)
"""
    # When a process of its own unpacks it
    command = [sys.executable, "-c", program, str(tmp_path / "source")]
    rule, megabytes = subprocess.check_output(command, text=True).split()
    # Then it stops at the limit, and never held much of it
    assert rule == "too_large"
    assert int(megabytes) < 150


def test_packed_sources_are_read(reading: Reading) -> None:
    for packed in (PACKED["gzip"], PACKED["zstd"]):
        assert len(reading.rows(packed, contract("csv", {"a": "INTEGER"}))) == 50_000


def test_nothing_inside_a_packed_file_is_refused(reading: Reading) -> None:
    assert reading.refused(zstandard.compress(b""), contract("csv", {"a": "INTEGER"})).rule == "empty_file"


def test_the_last_of_the_disk_is_left_to_others(tmp_path: Path) -> None:
    with pytest.raises(TooLargeHere, match="scratch disk"):
        check_disk(tmp_path, 1 << 60)


def test_plain_bytes_have_no_ratio(tmp_path: Path) -> None:
    write_bounded([bytes(5_000_000)], tmp_path / "out", SourceLimits(ratio_from_bytes=1))
    assert (tmp_path / "out").stat().st_size == 5_000_000


def test_unpacking_does_not_import_zstd_for_gzip(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(PACKED["gzip"])
    program = """
import sys
from pathlib import Path
from headgate.adapters.engines.sources.unpack import unpacked
from headgate.domain.source_limits import SourceLimits
unpacked(Path(sys.argv[1]), SourceLimits())
print("zstandard" in sys.modules, "duckdb" in sys.modules)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "source")]
    assert subprocess.check_output(command, text=True).split() == ["False", "False"]
