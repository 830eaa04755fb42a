"""A year of the demo's features in a process of its own: `… incremental_process <way> <drops> <scratch>`.

Prints ``{"seconds", "peak_mb", "made", "partitions"}``: ``made`` counts the steps that were carried out, and
``partitions`` maps the name of each to its sha256. The ways: ``full`` is the year into an empty store,
``added`` the year into a store that already has what January to November make.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from headgate.adapters.engines.duckdb_features import DuckDbFeatureEngine
from headgate.adapters.memory import MemoryObjectStore

from tests.bench.features.flights_year import FlightsYear
from tests.bench.features.join_process import LIMITS
from tests.bench.measuring import peak_megabytes, seconds_of
from tests.support.local_features import LocalBuild, build_locally


def main(way: str, drops: Path, scratch: Path) -> None:
    shutil.rmtree(scratch, ignore_errors=True)
    year = FlightsYear.typed(drops, scratch / "typed", LIMITS)
    store = MemoryObjectStore("lake", scratch / "lake")
    engine = DuckDbFeatureEngine(LIMITS, scratch / "sql")
    builds: list[LocalBuild] = []

    def build(months: int) -> None:
        folder = scratch / f"of-{months}"
        builds.append(build_locally(year.feature_set, inputs[months], folder, engine=engine, store=store))

    inputs = {months: year.inputs(months) for months in (11, 12)}
    if way == "added":
        build(11)
    seconds = seconds_of(lambda: build(12))
    built = builds[-1]
    found = {"training": built.partitions, **{n: v.partitions for n, v in built.work.built.items()}}
    partitions = {f"{name} {p.name}": p.sha256 for name, each in found.items() for p in each}
    print(
        json.dumps(
            {
                "seconds": seconds,
                "peak_mb": peak_megabytes(),
                "made": len(built.work.made),
                "rows": sum(p.rows for p in built.partitions),
                "partitions": partitions,
            }
        )
    )
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
