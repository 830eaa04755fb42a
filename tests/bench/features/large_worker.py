"""A worker of a large build: `… large_worker <data> <lake> <stage> <index> <size>`.

Makes its share of one stage as the features job does, and prints ``{"seconds", "peak_mb", "steps"}``. The
stage after the last of the views is the training table.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

from headgate.adapters.engines.duckdb_features import DuckDbFeatureEngine
from headgate.adapters.engines.duckdb_session import Limits
from headgate.ports import ObjectStore
from headgate.services.features.feature_memo import FeatureMemo
from headgate.services.features.feature_work import FeatureWork

from tests.bench.features import event_data
from tests.bench.features.folder_store import FolderStore
from tests.bench.measuring import peak_megabytes, seconds_of

LIMITS = Limits(600_000_000, 1, spill_bytes=20 << 30)
PREFIX = "bench/features/spending"


def work(data: Path, lake: Path, scratch: Path) -> FeatureWork:
    store = cast(ObjectStore, FolderStore(lake))
    return FeatureWork(
        feature_set=event_data.feature_set(),
        engine=DuckDbFeatureEngine(LIMITS, scratch / "sql"),
        lake=store,
        memo=FeatureMemo(store, PREFIX, None, {}),
        prefix=PREFIX,
        inputs=event_data.planned(data),
        directory=scratch,
    )


def make(work: FeatureWork, stage: int, index: int, size: int) -> int:
    """The number of steps of the share."""
    stages = work.stages()
    for views in stages[:stage]:
        work.settle(work.plan(views))
    if stage < len(stages):
        return work.make_view_share(work.plan(stages[stage]), index, size)
    return work.make_join_share(index, size)


def main(data: Path, lake: Path, stage: int, index: int, size: int) -> None:
    scratch = Path(tempfile.mkdtemp(dir=lake.parent))
    made: list[int] = []
    try:
        share = work(data, lake, scratch)
        seconds = seconds_of(lambda: made.append(make(share, stage, index, size)))
    finally:
        shutil.rmtree(scratch)
    found: dict[str, Any] = {"seconds": seconds, "peak_mb": peak_megabytes(), "steps": made[0]}
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:6]))
