"""One training table in a process of its own: `python -m tests.bench.features.join_process <way> <data>
<out>`.

Prints ``{"seconds", "join_seconds", "cpu_seconds", "peak_mb"}`` and leaves Parquet files below ``out``.

The ways: ``labels`` are the reader's own, joined with views that are stored, as the client does;
``hand`` is SQL that somebody wrote, to one file; ``hand_ordered`` the same in the order that ours
has; ``ours`` is a whole build: views made one row a key, sorted and stored by months, joined month by month,
described, hashed and put in the store. All have the same threads and memory.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from headgate.adapters.engines.duckdb_features import DuckDbFeatureEngine, DuckDbFeatureSession
from headgate.adapters.engines.duckdb_session import Limits
from headgate.bootstrap import MEMORY_SHARE
from headgate.client.labels import join_labels
from headgate.ports import BuiltJoin, JoinTask

from tests.bench.features import label_set
from tests.bench.features.label_data import Labels, by_hand
from tests.bench.measuring import peak_megabytes, seconds_of
from tests.support.local_features import build_locally

THREADS = 2
FUNCTION_MEGABYTES = 3008
"""MemorySize of BuildFeaturesFunction in template.yaml."""
LIMITS = Limits(int(FUNCTION_MEGABYTES * 1024**2 * MEMORY_SHARE), THREADS)


@dataclass(frozen=True)
class TimedEngine(DuckDbFeatureEngine):
    """The product's engine, which notes the seconds of each join."""

    joins: list[float] = field(default_factory=list)

    @contextmanager
    def session(
        self, readable: Sequence[str], scratch: Path, seed: int = 0, repeatable: bool = False
    ) -> Iterator[DuckDbFeatureSession]:
        with super().session(readable, scratch, seed, repeatable) as session:
            yield _TimedSession(session.connection, self.joins)


@dataclass(frozen=True)
class _TimedSession(DuckDbFeatureSession):
    joins: list[float]

    def join(self, task: JoinTask, target: Path) -> BuiltJoin:
        began = time.perf_counter()
        try:
            return super().join(task, target)
        finally:
            self.joins.append(time.perf_counter() - began)


def hand(data: Labels, out: Path, ordered: bool = False) -> Callable[[], float | None]:
    connection = duckdb.connect(config={"threads": THREADS})
    connection.execute(f"SET memory_limit = '{LIMITS.memory_bytes // 1024**2}MiB'")
    connection.execute(f"SET temp_directory = '{out / 'spill'}'")
    connection.execute("SET enable_progress_bar = false")
    copy = f"COPY ({by_hand(data, ordered)}) TO '{out / 'all.parquet'}' (FORMAT parquet, COMPRESSION zstd)"

    def act() -> None:
        connection.execute(copy)

    return act


def ours(data: Labels, out: Path) -> Callable[[], float | None]:
    folder = out / "build"
    engine = TimedEngine(LIMITS, folder / "sql")
    feature_set, inputs = label_set.feature_set(), label_set.inputs(data)

    def act() -> float:
        built = build_locally(feature_set, inputs, folder, engine=engine)
        for path in built.paths:
            (out / path.name).hardlink_to(path)
        return sum(engine.joins)

    return act


def labels(data: Labels, out: Path, keep_order: bool = False) -> Callable[[], float | None]:
    """The labels are the reader's own, and the views are stored: `headgate dataset training-set --labels`."""
    folder, given = out / "build", out / "given"
    engine = DuckDbFeatureEngine(LIMITS, folder)
    built = build_locally(label_set.feature_set(), label_set.inputs_for_views(data), folder, engine=engine)
    told, views = label_set.handed_out(built)
    given.mkdir()
    one = given / "labels.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (FROM {data.read('labels')}) TO '{one}' (FORMAT parquet)")

    def act() -> None:
        join_labels(told, views, one, out, None, None, keep_order)

    return act


WAYS: dict[str, Callable[[Labels, Path], Callable[[], float | None]]] = {
    "hand": hand,
    "hand_ordered": lambda data, out: hand(data, out, ordered=True),
    "ours": ours,
    "labels": labels,
    "labels_ordered": lambda data, out: labels(data, out, keep_order=True),
}


def main(way: str, data: Path, out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    act = WAYS[way](Labels(data), out)
    joins: list[float | None] = []
    cpu = time.process_time()
    seconds = seconds_of(lambda: joins.append(act()))
    cpu = time.process_time() - cpu
    found: dict[str, Any] = {"seconds": seconds, "join_seconds": joins[0], "cpu_seconds": cpu}
    print(json.dumps(found | {"peak_mb": peak_megabytes()}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
