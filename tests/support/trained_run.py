"""A training job without a trainer: what one would leave behind, made of the very rows it was given."""

import hashlib
import io
import json
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from headgate.adapters.memory import LogisticModel
from headgate.domain.job import Job
from headgate.domain.run import RunRecord, run_prefix

from tests.support.memory_platform import MemoryPlatform
from tests.support.small_product import sensor_csv, visits_csv

GOOD = LogisticModel(-51.0, {"double_size": 1.0, "warmth": 0.0})
"""Knows what visitors do: AUC 1."""
FAIR = LogisticModel(-51.0, {"double_size": 1.0, "warmth": 3.0})
"""Distracted by the warmth, but better than guessing."""
BLIND = LogisticModel(0.0, {"double_size": 0.0, "warmth": 0.1})
"""Looks at the warmth alone."""


def take_in(platform: MemoryPlatform, *months: int, product: str = "shops") -> None:
    """Whole months of both inputs, as versions; every month has its last day."""
    for month in months:
        days = monthrange(2024, month)[1]
        report = platform.ingest_now(
            platform.drop(f"{product}/visits/{month}.csv", visits_csv(month, days)),
            platform.drop(f"{product}/sensor/{month}.csv", sensor_csv(month, days)),
        )
        assert len(report.committed) == 2


def build(platform: MemoryPlatform, product: str = "shops") -> None:
    platform.build.on_dataset_version(product, "visits")


@dataclass
class TrainedRun:
    """The outputs of one run; change what it says before `write`."""

    platform: MemoryPlatform
    run: RunRecord
    model: LogisticModel = GOOD
    claimed: LogisticModel | None = None
    """The source model, when the artifact is to say something else."""
    files: dict[str, bytes] = field(default_factory=dict)
    manifest: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.files = {
            "model.onnx": self.model.to_bytes(),
            "holdout_scores.parquet": self._holdout_scores(self.claimed or self.model),
            "reference.json": json.dumps(reference_of(*self.model.weights)).encode(),
        }
        self.manifest = {
            "format": "headgate.model/1",
            "run": self.run.digest,
            "model": self.run.model,
            "files": {name: described(body) for name, body in self.files.items()},
            "signature": {
                "inputs": [
                    {"name": name, "datatype": "FP32", "shape": [-1, 1]} for name in self.model.weights
                ],
                "outputs": [{"name": "score", "datatype": "FP32", "shape": [-1, 1]}],
            },
            "metrics": {"auc": 0.999},
        }

    def write(self) -> "TrainedRun":
        prefix = f"{run_prefix(self.run.product, self.run.digest)}/out"
        for name, body in self.files.items():
            self.platform.models.put(f"{prefix}/{name}", body)
        self.platform.models.put(f"{prefix}/manifest.json", json.dumps(self.manifest).encode())
        self.platform.faults.clear()
        return self

    def replace_file(self, name: str, body: bytes) -> "TrainedRun":
        """Another file, named truly in the manifest."""
        self.files[name] = body
        self.manifest["files"][name] = described(body)
        return self

    def holdout(self) -> pa.Table:
        """The held-out rows, as the run's own spec names them."""
        spec = json.loads(
            self.platform.models.get(f"{run_prefix(self.run.product, self.run.digest)}/spec.json")
        )
        tables = [pq.read_table(p["uri"]) for p in spec["training_set"]["partitions"]]
        start, end = (pa.scalar(t).cast(pa.timestamp("us")) for t in spec["split"]["holdout"])
        rows = pa.concat_tables(tables)
        times = rows["visited_at"]
        kept = pa.compute.and_(pa.compute.greater_equal(times, start), pa.compute.less(times, end))
        return rows.filter(kept)

    def _holdout_scores(self, model: LogisticModel) -> bytes:
        rows = self.holdout()
        scores = model.score({name: rows[name].to_pylist() for name in model.weights})
        table = rows.select(["visit_id", "visited_at", "bought"]).append_column("score", pa.array(scores))
        sink = io.BytesIO()
        pq.write_table(table, sink)
        return sink.getvalue()


def described(body: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}


REFERENCE: Mapping[str, Any] = {
    "format": "headgate.reference/1",
    "rows": 124,
    "positives": 58,
    "features": {
        "double_size": {
            "kind": "numeric",
            "edges": [24.0, 50.0, 74.0],
            "counts": [31, 31, 31, 31],
            "nulls": 0,
        },
        "warmth": {"kind": "numeric", "edges": [8.0, 16.0, 24.0], "counts": [30, 30, 30, 30], "nulls": 4},
    },
}


def reference_of(*features: str) -> dict[str, Any]:
    """What the training rows looked like; of a feature nobody described, that it was there."""
    plain = {"kind": "numeric", "edges": [], "counts": [124], "nulls": 0}
    return {**REFERENCE, "features": {name: REFERENCE["features"].get(name, plain) for name in features}}


def spec_uri(run: RunRecord) -> str:
    """The spec's address as the job has it."""
    return f"s3://models/{run_prefix(run.product, run.digest)}/spec.json"


def job(run: RunRecord, state: str = "SUCCEEDED", seconds: int = 36, **changes: Any) -> Job:
    """The run's job, ended; its times are the job's own, in milliseconds."""
    started = 1_893_456_000_000
    fields: dict[str, Any] = {
        "id": run.job_id or "job-0001",
        "name": "shops-buys",
        "state": state,
        "reason": None if state == "SUCCEEDED" else "Essential container in task exited",
        "exit_code": 0 if state == "SUCCEEDED" else 1,
        "started_at": started,
        "stopped_at": started + seconds * 1000,
        "log_stream": "trainer/default/1",
    }
    return Job(**{**fields, **changes})
