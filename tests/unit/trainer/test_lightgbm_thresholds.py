"""Float32 thresholds: the trained model must decide on float32 values exactly as its ONNX form does."""

from __future__ import annotations

import re

import numpy as np
import pytest
from headgate_trainer.data import Table, TrainingSet
from headgate_trainer.encoding import learn_encoding
from headgate_trainer.onnx_graph import build_graph
from headgate_trainer.parity import Limits, check_parity
from headgate_trainer.run_spec import Feature, RunSpec, parse_run_spec
from headgate_trainer.trainers import NoCheckpoints, Rows
from headgate_trainer.trainers.lightgbm import LightGbmTrainer
from headgate_trainer.trainers.lightgbm_text import with_float32_thresholds

from tests.unit.trainer.small_runs import SmallRun, canonical_json


def test_thresholds_are_rounded_down_to_float32_and_nothing_else_changes() -> None:
    kept = "cat_threshold=5 9\nleaf_value=0.1 0.2\n"
    text = f"tree\ntree_sizes=10 20\nthreshold=0.1 -0.3 2 16777217.5 1e-40\n{kept}"

    changed = with_float32_thresholds(text)

    (found,) = re.findall(r"^threshold=(.*)$", changed, re.MULTILINE)
    for before, after in zip([0.1, -0.3, 2.0, 16777217.5, 1e-40], map(float, found.split()), strict=True):
        assert after <= before
        assert float(np.float32(after)) == after
        assert float(np.nextafter(np.float32(after), np.float32(np.inf))) > before
    assert "tree_sizes" not in changed
    assert changed.endswith(kept)


@pytest.fixture
def spec(small_run: SmallRun) -> RunSpec:
    small_run.write()
    small_run.document["params"] = {"rounds": 3, "num_leaves": 4, "min_data_in_leaf": 1, "min_data_in_bin": 1}
    return parse_run_spec(canonical_json(small_run.document))


def table_of(values: np.ndarray, labels: np.ndarray) -> Table:
    return Table(len(values), labels, {"x": values}, {}, None, np.zeros(len(values), dtype=np.int64))


def test_neighbouring_floats_stay_apart_in_the_artifact(spec: RunSpec) -> None:
    """The best split lies between two values with no float32 between them: its double threshold would round
    up.
    """
    low = np.float32(1 / 3)
    high = np.nextafter(low, np.float32(1))
    values = np.tile(np.array([low, high], dtype=np.float64), 500)
    labels = np.tile(np.array([0, 1], dtype=np.int8), 500)
    table = table_of(values, labels)
    data = TrainingSet(table, table, {})
    encoding = learn_encoding((Feature("x", "numeric"),), data)
    rows = Rows(encoding.matrix(table, {}), labels)

    model = LightGbmTrainer().fit(spec, encoding, rows, rows, lambda *_: None, NoCheckpoints())

    scores = model.score(rows.matrix)
    assert scores[0] < scores[1]
    artifact = build_graph(encoding, model.core(), "m")
    parity = check_parity(artifact, model, encoding, encoding.feeds(table, {}), scores, Limits(1e-6))
    parity.require()
