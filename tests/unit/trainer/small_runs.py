"""Small training runs on disk: generated rows, a spec that fits them, and ways to spoil either."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from headgate_trainer.journal import Journal
from headgate_trainer.run_spec import canonical_json
from headgate_trainer.storage import AnyStorage, Storage
from headgate_trainer.train_run import TrainRun

MONTHS = ("2024-01", "2024-02", "2024-03")
ROWS = 700
SEEN = ("north", "south", "west")


def month_of_rows(month: str, seed: int) -> pa.Table:
    """Visits to shops: late more often in the south and when it is cold. March has a shop nobody has seen."""
    random = np.random.default_rng(seed)
    start = np.datetime64(f"{month}-01", "us")
    at = start + np.sort(random.integers(0, 27 * 86_400, ROWS)).astype("timedelta64[s]")
    shop = random.choice([*SEEN, "east"] if month == "2024-03" else SEEN, ROWS)
    temp = random.normal(10, 8, ROWS).round(1)
    chance = 1 / (1 + np.exp(-(-0.5 + 1.2 * (shop == "south") - 0.15 * (temp - 10))))
    return pa.table(
        {
            "visit": [f"{month}-{i}" for i in range(ROWS)],
            "at": pa.array(at, pa.timestamp("us")),
            "shop": pa.array([None if i % 50 == 0 else s for i, s in enumerate(shop)], pa.string()),
            "temp": pa.array(temp, mask=random.random(ROWS) < 0.1),
            "people": pa.array(random.integers(0, 40, ROWS), pa.int32()),
            "ratio": pa.array(random.integers(0, 10, ROWS) / 10),
            "nothing": pa.nulls(ROWS, pa.float64()),
            "late": pa.array((random.random(ROWS) < chance).astype(np.int32)),
        }
    )


def spec_document() -> dict[str, Any]:
    """A spec without its partitions."""
    return {
        "format": "headgate.runspec/2",
        "product": "shops",
        "model": "shop_late",
        "trainer": "lightgbm",
        "params": {"rounds": 20, "num_leaves": 7, "min_data_in_leaf": 10},
        "seed": 7,
        "compute_class": "cpu",
        "training_set": {
            "feature_set": "visits",
            "partitions": [],
            "entity": ["visit"],
            "event_time": "at",
            "label": "late",
            "features": [
                {"name": "shop", "kind": "categorical"},
                {"name": "temp", "kind": "numeric"},
                {"name": "people", "kind": "numeric"},
                {"name": "ratio", "kind": "numeric"},
                {"name": "nothing", "kind": "numeric"},
            ],
        },
        "split": {"train": ["2024-01-01", "2024-03-01"], "holdout": ["2024-03-01", "2024-04-01"]},
        "baselines": [{"name": "by_shop", "mean_by": ["shop"]}],
        "gates": {"max_parity_error": 1e-5},
        "code_digest": "c" * 64,
        "environment_digest": "e" * 64,
    }


@dataclass
class SmallRun:
    """``spoil_rows`` changes every month's table before it is written; ``document`` may be changed freely."""

    folder: Path
    document: dict[str, Any] = field(default_factory=spec_document)
    spoil_rows: Callable[[pa.Table], pa.Table] = lambda table: table
    log: io.StringIO = field(default_factory=io.StringIO)

    @property
    def training_set(self) -> dict[str, Any]:
        return self.document["training_set"]  # type: ignore[no-any-return]

    @property
    def out(self) -> Path:
        return next((self.folder / "shops/runs").iterdir()) / "out"

    def partition_file(self, month: str) -> Path:
        return self.folder / f"{month}.parquet"

    def write_partitions(self) -> None:
        self.training_set["partitions"] = [self._partition(month, seed) for seed, month in enumerate(MONTHS)]

    def write(self) -> str:
        """Writes partitions (unless that was done) and spec; returns the spec's URI."""
        if not self.training_set["partitions"]:
            self.write_partitions()
        content = canonical_json(self.document)
        spec = self.folder / "shops/runs" / hashlib.sha256(content).hexdigest() / "spec.json"
        spec.parent.mkdir(parents=True, exist_ok=True)
        spec.write_bytes(content)
        return spec.as_uri()

    def run(self, storage: Storage | None = None, **options: Any) -> dict[str, Any]:
        """Does the run, whether or not it was done before."""
        uri = self.write()
        (self.out / "manifest.json").unlink(missing_ok=True)
        return self.run_at(uri, storage, **options)

    def run_at(self, uri: str, storage: Storage | None = None, **options: Any) -> dict[str, Any]:
        scratch = self.folder / f"scratch-{len(list(self.folder.glob('scratch-*')))}"
        scratch.mkdir()
        journal = Journal(self.log, clock=lambda: "now")
        return TrainRun(storage or AnyStorage({}), journal, scratch, **options).run(uri)

    def _partition(self, month: str, seed: int) -> dict[str, Any]:
        table = self.spoil_rows(month_of_rows(month, seed))
        path = self.partition_file(month)
        pq.write_table(table, path, compression="zstd")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return {"uri": path.as_uri(), "sha256": digest, "rows": table.num_rows, "name": month}
