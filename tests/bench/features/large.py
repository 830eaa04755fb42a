"""Ten gigabytes of events made into features by workers of one gigabyte each."""

from __future__ import annotations

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.features import event_data
from tests.bench.features.large_worker import make, work
from tests.bench.measuring import WORK, in_own_process, say, seconds_of
from tests.bench.results import Row

BYTES = 10_000_000_000
MOST_MEGABYTES = 1000.0
SHARES = 12
AT_ONCE = 2
Measured = dict[str, Any]


@dataclass(frozen=True)
class Stage:
    name: str
    seconds: float
    workers: list[Measured]

    @property
    def peak(self) -> float:
        return float(max(worker["peak_mb"] for worker in self.workers))


def rows(size: int = BYTES) -> list[Row]:
    folder = WORK / "large"
    try:
        return _rows(folder, size)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _rows(folder: Path, size: int) -> list[Row]:
    data, lake = folder / "data", folder / "lake"
    lake.mkdir(parents=True)
    say(f"{size / 1e9:.0f} GB of events: made in {seconds_of(lambda: event_data.write(data, size)):.0f} s")
    say(f"planned in {seconds_of(lambda: event_data.plan(data)):.0f} s")
    files = list((data / "events").iterdir())
    held = sum(file.stat().st_size for file in files)
    if held < size:
        raise RuntimeError(f"{held:,} bytes of events were written, {size:,} are wanted")
    stages = [_stage(name, data, lake, number) for number, name in enumerate(("views", "training table"))]
    partitions, labels = _checked(data, lake)
    what = f"{held / 1e9:.1f} GB of events, {len(files)} files"
    note = f"{partitions} partitions, {labels:,} labels joined, none lost; every worker ended well"
    return [
        Row(
            f"{what}: peak memory of a worker",
            max(s.peak for s in stages),
            "MB",
            target=MOST_MEGABYTES,
            note=note,
        ),
        *(_row(stage, held) for stage in stages),
    ]


def _row(stage: Stage, held: int) -> Row:
    steps = sum(worker["steps"] for worker in stage.workers)
    note = f"{steps} steps in {len(stage.workers)} workers, {AT_ONCE} at once, one thread each; "
    note += f"peak {stage.peak:.0f} MB"
    note += f", {held / stage.seconds / 1e6:.0f} MB/s" if stage.name == "views" else ""
    return Row(f"the {stage.name}", stage.seconds, "s", note=note)


def _stage(name: str, data: Path, lake: Path, number: int) -> Stage:
    def share(index: int) -> Measured:
        arguments = map(str, (data, lake, number, index, SHARES))
        found = in_own_process("tests.bench.features.large_worker", *arguments)
        numbers = (found["steps"], found["seconds"], found["peak_mb"])
        say("{}, share {}: {} steps, {:.1f} s, {:.0f} MB".format(name, index, *numbers))
        return found

    workers: list[Measured] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        seconds = seconds_of(lambda: workers.extend(pool.map(share, range(SHARES))))
    return Stage(name, seconds, workers)


def _checked(data: Path, lake: Path) -> tuple[int, int]:
    """Partitions of everything, and joined labels. Raises RuntimeError for a step or a label lost."""
    with tempfile.TemporaryDirectory(dir=lake.parent) as scratch:
        done = work(data, lake, Path(scratch))
        for number in range(len(done.stages()) + 1):
            make(done, number, 0, 1)
        if done.made:
            raise RuntimeError(f"{len(done.made)} steps were left by the workers")
        joins = done.memo.find([step.id for step in done.join_steps()])
        joined = sum(p.rows for made in joins.values() for p in made.partitions)
        labels = done.built["labelled"].rows
        views = sum(len(view.partitions) for view in done.built.values())
    if joined != labels:
        raise RuntimeError(f"{labels} labels became {joined} rows")
    return views + len(joins), labels
