"""Made-up training sets of any size: Parquet partitions and the run spec that names them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

NUMBERS, TEXTS = 24, 6
PARTITION_ROWS = 250_000
HELD_OUT = 0.1
START = np.datetime64("2024-01-01", "us")
DAYS = 100


def write(folder: Path, rows: int, trainer: str, **changes: Any) -> Path:
    """The spec's path. The last tenth of a hundred days is held out."""
    folder.mkdir(parents=True, exist_ok=True)
    partitions = [
        _partition(folder, at, min(PARTITION_ROWS, rows - at), rows) for at in range(0, rows, PARTITION_ROWS)
    ]
    content = json.dumps({**_document(partitions, trainer), **changes}, sort_keys=True, separators=(",", ":"))
    path = folder / "runs" / hashlib.sha256(content.encode()).hexdigest() / "spec.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def _partition(folder: Path, at: int, count: int, rows: int) -> dict[str, Any]:
    """The label depends on some numbers, on where they are null, and on one text."""
    path = folder / f"part-{at}-{count}-of-{rows}.parquet"
    if not path.exists():
        random = np.random.default_rng(at)
        numbers = random.normal(size=(count, NUMBERS)).astype(np.float32)
        absent = random.random((count, NUMBERS)) < 0.05
        codes = random.integers(0, 30, (count, TEXTS))
        logit = (
            numbers[:, 0] + 0.7 * numbers[:, 1] * numbers[:, 2] - 0.5 * absent[:, 3] + 0.4 * (codes[:, 0] % 3)
        )
        label = (logit + random.normal(size=count) > 0.6).astype(np.int8)
        days = (np.arange(at, at + count) / rows * DAYS * 86_400e6).astype("timedelta64[us]")
        columns: dict[str, Any] = {"id": np.arange(at, at + count), "at": START + days, "late": label}
        columns |= {f"n{i}": pa.array(numbers[:, i], mask=absent[:, i]) for i in range(NUMBERS)}
        texts = np.array([f"text {code}" for code in range(30)])
        columns |= {f"t{i}": pa.array(texts[codes[:, i]]).dictionary_encode() for i in range(TEXTS)}
        pq.write_table(pa.table(columns), path, compression="zstd", compression_level=1)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"uri": path.as_uri(), "sha256": digest, "rows": count, "name": path.stem}


def _document(partitions: list[dict[str, Any]], trainer: str) -> dict[str, Any]:
    numbers = [{"name": f"n{i}", "kind": "numeric"} for i in range(NUMBERS)]
    texts = [{"name": f"t{i}", "kind": "categorical"} for i in range(TEXTS)]
    until = str((START + np.timedelta64(round(DAYS * (1 - HELD_OUT)), "D")).astype("datetime64[D]"))
    return {
        "format": "headgate.runspec/2",
        "product": "bench",
        "model": "bench",
        "trainer": trainer,
        "params": {},
        "seed": 7,
        "compute_class": "cpu",
        "training_set": {
            "feature_set": "made",
            "partitions": partitions,
            "entity": ["id"],
            "event_time": "at",
            "label": "late",
            "features": [*numbers, *texts],
        },
        "split": {"train": ["2024-01-01", until], "holdout": [until, "2024-04-11"]},
        "baselines": [],
        "gates": {"max_parity_error": 1e-4},
        "code_digest": "c" * 64,
        "environment_digest": "e" * 64,
    }
