"""What a run refuses, by name, before or instead of writing a manifest."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pytest
from headgate_trainer.errors import BadSpec, ModelRefused
from headgate_trainer.trainers import OnnxCore, TrainedModel, Trainer, trainer_named

from tests.unit.trainer.small_runs import SmallRun

Spoil = Callable[[dict[str, Any]], Any]


def without(*path: str) -> Spoil:
    def spoil(document: dict[str, Any]) -> None:
        for key in path[:-1]:
            document = document[key]
        del document[path[-1]]

    return spoil


def with_value(value: Any, *path: str) -> Spoil:
    def spoil(document: dict[str, Any]) -> None:
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = value

    return spoil


def with_feature(**feature: Any) -> Spoil:
    return lambda document: document["training_set"]["features"].append(feature)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (with_value("rf", "params", "boosting"), "random forests convert to a wrong ONNX graph"),
        (with_value("random_forest", "params", "boosting_type"), "random forests convert"),
        (with_value(True, "params", "linear_tree"), "linear trees convert to a wrong ONNX graph"),
        (with_value(5, "params", "leaves"), "leaves cannot be set for lightgbm"),
        (with_value(3, "params", "num_threads"), "num_threads cannot be set"),
        (with_value("regression", "params", "objective"), "binary labels only"),
        (with_value(0, "params", "rounds"), "rounds is 0"),
        (with_value(-1, "params", "num_leaves"), "lightgbm refuses"),
        (with_value("gpu-multi-node", "compute_class"), "one node"),
        (with_value("forest", "trainer"), "trainer 'forest' is not known"),
        (with_value("headgate.runspec/9", "format"), "no headgate.runspec/2"),
        (without("seed"), "'seed' is missing"),
        (without("training_set", "label"), "'label' is missing"),
        (with_value(["2024-01-01", "yesterday"], "split", "train"), "yesterday"),
        (with_value(["2024-02-01", "2024-04-01"], "split", "holdout"), "end before the holdout starts"),
        (with_value([], "training_set", "features"), "no features"),
        (with_feature(name="late", kind="numeric"), "the label or the event time"),
        (with_feature(name="shop", kind="numeric"), "'shop' is declared twice"),
        (with_feature(name="score", kind="numeric"), "taken by the model's own graph"),
        (with_feature(name="people2", kind="ordinal"), "kind is 'ordinal'"),
        (with_feature(name="absent", kind="numeric"), "lacks the column(s) absent"),
        (with_feature(name="visit", kind="numeric"), "visit is string: a number is needed"),
        (with_value([{"name": "b", "mean_by": ["shop"], "median": 1}], "baselines"), "mean_by names columns"),
        (with_value([{"name": "b", "mean_by": ["late"]}], "baselines"), "reads the label"),
    ],
)
def test_a_spec_that_cannot_be_honoured_is_refused(small_run: SmallRun, spoil: Spoil, reason: str) -> None:
    small_run.write_partitions()
    spoil(small_run.document)

    with pytest.raises(BadSpec) as refused:
        small_run.run()

    assert reason in str(refused.value)
    assert not small_run.out.exists()


def replaced(column: str, values: Callable[[int], Any]) -> Callable[[pa.Table], pa.Table]:
    def spoil(table: pa.Table) -> pa.Table:
        position = table.schema.get_field_index(column)
        return table.set_column(position, column, values(table.num_rows))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (replaced("late", lambda n: pa.array([0] * n)), "labels are 0: there is nothing to tell apart"),
        (replaced("late", lambda n: pa.array([None, *[0, 1] * (n // 2)][:n])), "labels in late are null"),
        (replaced("late", lambda n: pa.array([0, 2] * (n // 2))), "other values than 0 and 1"),
        (replaced("temp", lambda n: pa.array(np.full(n, np.inf))), "infinite"),
        (replaced("shop", lambda n: pa.array(np.full(n, 0.5))), "fractions are no categories"),
        (replaced("at", lambda n: pa.array(["2024-01-01"] * n)), "at must be a timestamp"),
        (lambda table: table.drop_columns(["people"]), "lacks the column(s) people"),
    ],
)
def test_data_that_cannot_be_trained_on_is_refused(
    small_run: SmallRun, spoil: Callable[[pa.Table], pa.Table], reason: str
) -> None:
    small_run.spoil_rows = spoil

    with pytest.raises(BadSpec) as refused:
        small_run.run()

    assert reason in str(refused.value)
    assert not small_run.out.exists()


def test_a_holdout_of_one_class_is_refused(small_run: SmallRun) -> None:
    def spoil(table: pa.Table) -> pa.Table:
        march = table["visit"][0].as_py().startswith("2024-03")
        return replaced("late", lambda n: pa.array([1] * n))(table) if march else table

    small_run.spoil_rows = spoil

    with pytest.raises(BadSpec, match="all 700 holdout labels are 1"):
        small_run.run()


def test_a_window_without_rows_is_refused(small_run: SmallRun) -> None:
    small_run.document["split"]["holdout"] = ["2025-01-01", "2025-02-01"]

    with pytest.raises(BadSpec, match="no holdout rows between 2025-01-01 and 2025-02-01"):
        small_run.run()


def test_a_partition_that_was_changed_is_refused(small_run: SmallRun) -> None:
    small_run.write_partitions()
    path = small_run.partition_file("2024-02")
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)

    with pytest.raises(BadSpec, match="replaced or damaged"):
        small_run.run()


def test_a_partition_with_other_rows_than_the_spec_says_is_refused(small_run: SmallRun) -> None:
    small_run.write_partitions()
    small_run.training_set["partitions"][1]["rows"] = 3

    with pytest.raises(BadSpec, match="700 rows, the spec says 3"):
        small_run.run()


def test_a_partition_that_is_gone_is_refused(small_run: SmallRun) -> None:
    small_run.write_partitions()
    small_run.partition_file("2024-01").unlink()

    with pytest.raises(BadSpec, match="cannot be read"):
        small_run.run()


def test_a_spec_in_another_run_s_place_is_refused(small_run: SmallRun) -> None:
    small_run.write()
    spec = small_run.out.parent / "spec.json"
    spec.write_text(json.dumps({**small_run.document, "seed": 8}))

    with pytest.raises(BadSpec, match="it is not the run its place says"):
        small_run.run_at(spec.as_uri())


class TamperingTrainer:
    """Trains honestly, and then hands over a graph with one attribute changed."""

    def __init__(self, honest: Trainer, attribute: str, change: Callable[[float], float]) -> None:
        self.honest, self.attribute, self.change = honest, attribute, change

    def check(self, spec: Any) -> None:
        self.honest.check(spec)

    def fit(self, *arguments: Any) -> TrainedModel:
        return TamperedModel(self.honest.fit(*arguments), self.attribute, self.change)


class TamperedModel:
    def __init__(self, honest: TrainedModel, attribute: str, change: Callable[[float], float]) -> None:
        self.honest, self.attribute, self.change = honest, attribute, change
        self.score, self.importance, self.facts = honest.score, honest.importance, honest.facts

    def core(self) -> OnnxCore:
        core = self.honest.core()
        (trees,) = (node for node in core.nodes if node.op_type.startswith("TreeEnsemble"))
        (found,) = (each for each in trees.attribute if each.name == self.attribute)
        values = list(found.floats) or list(found.ints)
        kept = [each for each in trees.attribute if each.name != self.attribute]
        del trees.attribute[:]
        changed = [self.change(value) for value in values]
        trees.attribute.extend([*kept, onnx.helper.make_attribute(self.attribute, changed)])
        return core


@pytest.mark.parametrize(
    ("attribute", "change"),
    [
        ("class_weights", lambda weight: weight * 1.001),
        ("nodes_values", lambda threshold: threshold + 0.5),
        # The held-out rows alone might not show this one: only nulls go another way.
        ("nodes_missing_value_tracks_true", lambda flag: 1 - int(flag)),
    ],
)
def test_a_graph_that_says_something_else_is_refused(
    small_run: SmallRun, attribute: str, change: Callable[[float], float]
) -> None:
    honest = trainer_named("lightgbm")

    with pytest.raises(ModelRefused, match="differ by"):
        small_run.run(find_trainer=lambda _: TamperingTrainer(honest, attribute, change))

    assert not small_run.out.exists()


def test_the_spec_says_how_much_may_differ(small_run: SmallRun) -> None:
    small_run.document["gates"]["max_parity_error"] = 0.5
    small_run.document["tolerance"] = {"absolute": 0.01, "relative": 0.0}
    honest = trainer_named("lightgbm")
    tampering = TamperingTrainer(honest, "class_weights", lambda weight: weight * 1.001)

    small_run.run(find_trainer=lambda _: tampering)

    manifest = json.loads((small_run.out / "manifest.json").read_bytes())
    assert 1e-5 < manifest["parity"]["max_abs_error"] < 0.5
    assert manifest["parity"]["max_rel_error"] > 0
    assert manifest["parity"]["rows_beyond"] == 0


@pytest.mark.parametrize(
    ("tolerance", "refused"),
    [
        ({"absolute": 0.0, "relative": 0.05}, False),
        ({"absolute": 0.0, "relative": 1e-6}, True),
        ({"absolute": 1e-7, "relative": 0.0}, True),
    ],
)
def test_every_row_is_held_to_the_declared_tolerance(
    small_run: SmallRun, tolerance: dict[str, float], refused: bool
) -> None:
    """Beside the gate on the largest error, which is wide open here."""
    small_run.document["gates"]["max_parity_error"] = 1.0
    small_run.document["tolerance"] = tolerance
    honest = trainer_named("lightgbm")
    tampering = TamperingTrainer(honest, "class_weights", lambda weight: weight * 1.001)

    if refused:
        with pytest.raises(ModelRefused, match="of 700 held-out rows"):
            small_run.run(find_trainer=lambda _: tampering)
    else:
        small_run.run(find_trainer=lambda _: tampering)

    assert small_run.out.exists() is not refused
