"""Made-up rows for `bench_gpu`, in mapped files as a run's are, and the run spec that names them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from headgate_trainer.columns import GrowingColumn, new_matrix
from headgate_trainer.encoding import Encoding
from headgate_trainer.run_spec import Feature, parse_run_spec
from headgate_trainer.trainers import Rows

TEXTS, KNOWN = 5, 40
CHUNK = 1 << 20
WATCHED = 50_000


@dataclass(frozen=True)
class Made:
    """Rows of a made-up task, in mapped files."""

    encoding: Encoding
    train: Rows
    watched: Rows


def made(rows: int, features: int, folder: Path) -> Made:
    """Numbers with some nulls, and codes of texts; the label depends on three of them."""
    texts = min(TEXTS, features // 2)
    names = [f"n{i}" for i in range(features - texts)] + [f"t{i}" for i in range(texts)]
    kinds = ["numeric"] * (features - texts) + ["categorical"] * texts
    columns = tuple(Feature(name, kind) for name, kind in zip(names, kinds, strict=True))  # type: ignore[arg-type]
    known = tuple(f"{i:02}" for i in range(KNOWN))
    encoding = Encoding(columns, dict.fromkeys(names[features - texts :], known))
    matrix, labels = new_matrix((rows, features), folder), GrowingColumn(folder, np.int8)
    for start in range(0, rows, CHUNK):
        random = np.random.default_rng([1, start])
        count = min(CHUNK, rows - start)
        part = random.standard_normal((count, features), dtype=np.float32)
        part[:, features - texts :] = random.integers(-1, KNOWN, (count, texts))
        logit = part[:, 0] - part[:, 1] * part[:, 2] + 0.1 * (part[:, -1] % 7)
        part[:, 3 : features - texts][random.random((count, max(0, features - texts - 3))) < 0.05] = np.nan
        matrix[start : start + count] = part
        labels.append(logit + random.standard_normal(count, dtype=np.float32) > 0.3)
    truth = labels.mapped()
    count = min(WATCHED, rows)
    return Made(encoding, Rows(matrix, truth), Rows(np.array(matrix[:count]), np.array(truth[:count])))


def spec_for(made_rows: Made, trainer: str, params: dict[str, Any], compute_class: str) -> Any:
    """A run spec of these rows; its partitions are never read."""
    document = {
        "format": "headgate.runspec/2",
        **{"product": "bench", "model": "bench", "trainer": trainer, "params": params, "seed": 7},
        "compute_class": compute_class,
        "training_set": {
            "partitions": [{"uri": "file:///none", "sha256": "0" * 64, "rows": 1, "name": "none"}],
            **{"feature_set": "made", "entity": ["id"], "event_time": "at", "label": "late"},
            "features": [{"name": each.name, "kind": each.kind} for each in made_rows.encoding.features],
        },
        "split": {"train": ["2024-01-01", "2024-02-01"], "holdout": ["2024-02-01", "2024-03-01"]},
        **{"baselines": [], "gates": {}},
    }
    return parse_run_spec(json.dumps(document).encode())
