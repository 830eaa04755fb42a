"""The same training table by others: `python -m tests.bench.features.peer_joins <peer> <data> <out> <bytes>`.

Runs in the environment `.envs/bench`, and imports the standard library, and a peer where it is measured.
``bytes`` is the most data the process may have, 0 for no limit. Prints ``{"version", "seconds", "peak_mb"}``
and leaves a Parquet file below ``out``.

polars and pandas are given one row a key, made by their own means; Feast finds its own way with the twins.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

from tests.bench.features.label_data import VIEWS, Labels

THREADS = 2
Act = Callable[[], object]


def by_polars(data: Labels, out: Path) -> Act:
    import polars as pl  # type: ignore[import-not-found]

    def act() -> object:
        table = pl.read_parquet(data.files("labels")).sort("event_time")
        for view in VIEWS:
            rows = pl.read_parquet(data.files(view.dataset)).sort("entity_id", "event_time", *view.numbers)
            rows = rows.unique(["entity_id", "event_time"], keep="first").sort("event_time")
            age = None if view.max_age_days is None else timedelta(days=view.max_age_days)
            table = table.join_asof(
                rows,
                on="event_time",
                by="entity_id",
                strategy="backward",
                tolerance=age,
                check_sortedness=False,
            )
        return table.write_parquet(out / "all.parquet", compression="zstd")

    return act


def by_pandas(data: Labels, out: Path) -> Act:
    import pandas as pd  # type: ignore[import-untyped]

    def act() -> object:
        table = pd.concat(map(pd.read_parquet, data.files("labels"))).sort_values("event_time")
        for view in VIEWS:
            key = ["entity_id", "event_time"]
            rows = pd.concat(map(pd.read_parquet, data.files(view.dataset)))
            rows = rows.sort_values([*key, *view.numbers]).drop_duplicates(key).sort_values("event_time")
            age = None if view.max_age_days is None else pd.Timedelta(days=view.max_age_days)
            table = pd.merge_asof(table, rows, on="event_time", by="entity_id", tolerance=age)
        return table.to_parquet(out / "all.parquet", compression="zstd", index=False)

    return act


def by_feast(data: Labels, out: Path) -> Act:
    """A file offline store as `feast init` makes it; setting it up and registering views is not measured."""
    import pandas as pd
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType  # type: ignore[import-not-found]
    from feast.types import Float64  # type: ignore[import-not-found]

    home = out / "repo"
    home.mkdir()
    config = RepoConfig(
        project="bench",
        provider="local",
        registry=str(home / "registry.db"),
        online_store={"type": "sqlite", "path": str(home / "online.db")},
        offline_store={"type": "file"},
        entity_key_serialization_version=3,
    )
    store = FeatureStore(repo_path=str(home), config=config)
    entity = Entity(name="entity", join_keys=["entity_id"], value_type=ValueType.INT64)
    views = [
        FeatureView(
            name=view.name,
            entities=[entity],
            ttl=timedelta(days=view.max_age_days or 0),
            schema=[Field(name=n, dtype=Float64) for n in view.numbers],
            source=FileSource(
                name=view.dataset, path=str(data.folder / view.dataset), timestamp_field="event_time"
            ),
        )
        for view in VIEWS
    ]
    store.apply([entity, *views])
    features = [f"{view.name}:{n}" for view in VIEWS for n in view.numbers]

    def act() -> object:
        labels = pd.concat(map(pd.read_parquet, data.files("labels")))
        labels = labels.rename(columns={"event_time": "event_timestamp"})
        found = store.get_historical_features(entity_df=labels, features=features).to_df()
        found = found.rename(columns={"event_timestamp": "event_time"})
        return found.to_parquet(out / "all.parquet", compression="zstd", index=False)

    return act


PEERS: dict[str, Callable[[Labels, Path], Act]] = {
    "polars": by_polars,
    "pandas": by_pandas,
    "feast": by_feast,
}


def main(peer: str, data: Path, out: Path, most_bytes: int) -> None:
    os.environ["POLARS_MAX_THREADS"] = str(THREADS)
    os.environ["FEAST_USAGE"] = "False"
    if most_bytes:
        resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, most_bytes))
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    act = PEERS[peer](Labels(data.resolve()), out.resolve())
    began = time.perf_counter()
    act()
    seconds = time.perf_counter() - began
    found: dict[str, Any] = {
        "version": metadata.version(peer),
        "seconds": seconds,
        "peak_mb": _peak_megabytes(),
    }
    print(json.dumps(found))


def _peak_megabytes() -> float:
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found.group(1)) * 1024 / 1e6 if found else 0.0


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
