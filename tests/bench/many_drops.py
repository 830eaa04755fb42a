"""A thousand small drops, one after the other: does the last cost what the first did?

Beside it DVC and pyiceberg take the same files in the same run: an append each, with their defaults.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from headgate.domain.dataset import Drop
from headgate.services.ingestion.ingest_drops import IngestDrops

from tests.bench import csv_file
from tests.bench.measuring import ROOT, WORK, in_own_process, say, seconds_of
from tests.bench.on_emulator import OnEmulator
from tests.bench.results import Row, not_measured
from tests.support.memory_platform import MemoryPlatform

DROPS = 1000
WINDOW = 100
ROWS_A_DROP = 626
"""50 KB."""
PEER_SECONDS = 60
"""A peer grows no longer than this, and then appends the last files: the note says how many."""
MOST_RATIO = 1.1
PEERS = {"DVC": "dvc", "pyiceberg": "pyiceberg"}


def rows(drops: int = DROPS) -> list[Row]:
    folder = WORK / "drops"
    say(f"{drops} drops: making the files")
    files = csv_file.write_many(folder, drops, ROWS_A_DROP)
    try:
        return [*_in_memory(files), *_on_emulator(files)]
    finally:
        shutil.rmtree(folder)


def _in_memory(files: Sequence[Path]) -> list[Row]:
    root = WORK / "memory"
    platform = MemoryPlatform(root)
    platform.apply_product(csv_file.bundle())
    try:
        say(f"{len(files)} drops of {files[0].stat().st_size / 1e3:.0f} KB, adapters in memory")
        row = _last_over_first(files, Drops(platform.ingest, platform.drop), "in-memory adapters")
    finally:
        shutil.rmtree(root)
    return [row, *(_beside(peer, row) for peer in PEERS)]


def _on_emulator(files: Sequence[Path]) -> list[Row]:
    with OnEmulator.started() as emulator:
        say(f"{len(files)} drops, adapters of AWS on the emulator")
        emulator.apply(csv_file.bundle())
        drops = Drops(emulator.ingest(), emulator.drop)
        return [_last_over_first(files, drops, "the emulator's S3, DynamoDB and EventBridge")]


@dataclass(frozen=True)
class Drops:
    """Drops files, and takes each in alone: a commit a drop."""

    ingest: IngestDrops
    drop: Callable[[str, bytes], Drop]

    def seconds(self, dataset: str, file: Path) -> float:
        """Of taking one file in; dropping it is no part of that."""
        notified = self.drop(f"{csv_file.PRODUCT}/{dataset}/{file.name}", file.read_bytes())
        return seconds_of(lambda: _committed(self.ingest, notified))


def _last_over_first(files: Sequence[Path], drops: Drops, where: str) -> Row:
    """The first drops are measured on a twin, in turns with the last: a machine's mood changes."""
    for number, file in enumerate(files[:-WINDOW], start=1):
        took = drops.seconds(csv_file.DATASET, file)
        if number % 250 == 0:
            say(f"  {number} drops, {took * 1e3:.0f} ms the last")
    last, first = [], []
    for young, old in zip(files, files[-WINDOW:], strict=False):
        first.append(drops.seconds(csv_file.TWIN, young))
        last.append(drops.seconds(csv_file.DATASET, old))
    return Row(
        f"{len(files)} drops of 50 KB: last {WINDOW} over first {WINDOW}, {where}",
        sum(last) / sum(first),
        "x",
        target=MOST_RATIO,
        note=f"IngestDrops, a commit a drop, {sum(last) / WINDOW * 1e3:.0f} ms each at the end; the first "
        f"{WINDOW} of a twin dataset were taken in turns with the last",
    )


def _committed(ingest: IngestDrops, drop: Drop) -> None:
    report = ingest.ingest([drop])
    if len(report.committed) != 1:
        raise RuntimeError(f"{drop.key} was not taken in: {report.quarantined or report.failed}")


def _beside(peer: str, ours: Row) -> Row:
    name = f"the same, beside {peer}"
    python = ROOT / ".envs" / "bench" / "bin" / "python"
    if not python.exists():
        return not_measured(name, "x", f"{python.relative_to(ROOT)} does not exist; `make bench` makes it")
    say(f"the same drops by {peer}, {PEER_SECONDS} s to grow")
    folders = (str(WORK / "drops"), str(WORK / "peer"))
    found = in_own_process("tests.bench.peers", PEERS[peer], *folders, str(PEER_SECONDS), python=python)
    took, appends = found["last"] / WINDOW * 1e3, found["appends"]
    note = f"{peer} {found['version']} on local disk, {appends} appends, {took:.0f} ms each at the end"
    return Row(name, ours.value, "x", found["last"] / found["first"], peer, note=note)
