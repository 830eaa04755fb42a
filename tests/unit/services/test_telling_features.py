"""A model that is too good to be true: which of its features tells the label."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from headgate.adapters.engines.duckdb_evaluation import DuckDbEvaluationEngine
from headgate.adapters.engines.duckdb_session import Limits
from headgate.adapters.engines.numpy_statistics import NumpyStatistics
from headgate.adapters.memory import MemoryObjectStore
from headgate.domain.training import TrainingConfig
from headgate.ports import RowWindow
from headgate.services.models.evaluate_model import EvaluateModel
from headgate.services.models.telling_features import said, telling_features

from tests.support.small_product import bundle

KINDS = {"dep_delay": "numeric", "town": "categorical", "noise": "numeric", "nothing": "numeric"}


def rows(count: int) -> list[dict[str, Any]]:
    """Late is who left late: the delay tells it, falling here, and so does the town nearly."""
    return [
        {
            "id": n,
            "at": datetime(2024, 1, 1) + timedelta(hours=n),
            "late": n % 3 == 0,
            "dep_delay": None if n % 50 == 1 else (-40.0 if n % 3 == 0 else float(n % 7)),
            "town": "a" if n % 3 == 0 or n % 10 == 1 else "b",
            "noise": float("nan") if n % 11 == 0 else float(n * 7919 % 101),
            "nothing": None,
        }
        for n in range(count)
    ]


def test_the_features_that_tell_most_are_named_first(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(rows(400))
    path = tmp_path / "rows.parquet"
    pq.write_table(table.set_column(6, "nothing", pa.nulls(400, pa.float64())), path)
    document = bundle()["training"] | {"label": "late"}
    document["features"] = [{"name": name, "kind": kind} for name, kind in KINDS.items()]
    evaluation = EvaluateModel(
        MemoryObjectStore("lake", tmp_path),
        DuckDbEvaluationEngine(Limits(2**28, 1), tmp_path),
        NumpyStatistics(),
    )
    train, window = (
        RowWindow((str(path),), "at", ("id",), start, end)
        for start, end in (("2024-01-01", "2024-01-10"), ("2024-01-10", "2024-01-18"))
    )
    labels = [int(row["late"]) for row in rows(400) if datetime(2024, 1, 10) <= row["at"]]

    found = telling_features(evaluation, TrainingConfig.from_document(document), train, window, labels)

    assert [each["feature"] for each in found] == ["dep_delay", "town", "noise"]
    assert found[0]["auc"] > 0.97 > found[1]["auc"] > 0.9
    assert found[2]["auc"] < 0.7
    assert said(found).startswith("AUC of single features: dep_delay ")
