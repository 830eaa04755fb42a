"""A program of the product's own, run for real: scikit-learn to ONNX, and programs that go wrong."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.unit.trainer.small_runs import SmallRun


@pytest.fixture
def python(root: Path) -> Path:
    found = root / ".envs/trainer/bin/python"
    if not found.exists():
        pytest.skip(f"{found} does not exist; `make setup` makes it")
    return found


@pytest.fixture
def small_run(tmp_path: Path) -> SmallRun:
    made = SmallRun(tmp_path)
    made.document |= {"trainer": "command", "params": {}}
    return made


def run(python: Path, root: Path, small_run: SmallRun) -> tuple[int, list[dict[str, Any]]]:
    paths = os.pathsep.join([str(root / "infra/trainer"), str(root / "infra/products")])
    environment = {**os.environ, "PYTHONPATH": paths, "AWS_SECRET_ACCESS_KEY": "not for programs"}
    call = [str(python), "-m", "headgate_trainer", small_run.write()]
    done = subprocess.run(call, env=environment, capture_output=True, text=True, timeout=200)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_the_product_s_own_program_becomes_a_model(python: Path, root: Path, small_run: SmallRun) -> None:
    small_run.document |= {"command": ["python", "-m", "flights.trainers.logistic"], "params": {"C": 0.5}}

    status, lines = run(python, root, small_run)

    assert status == 0, lines
    manifest = json.loads((small_run.out / "manifest.json").read_bytes())
    assert manifest["metrics"]["auc"] > 0.7
    assert manifest["parity"]["max_abs_error"] < 1e-5
    assert manifest["parity"]["rows_beyond"] == 0
    assert [each["name"] for each in manifest["signature"]["outputs"]] == ["score"]
    card = json.loads((small_run.out / "card.json").read_bytes())
    assert (card["trainer"]["kind"], card["trainer"]["engine"]) == ("logistic regression", "scikit-learn")
    importance = {each["name"]: each["importance"] for each in card["features"]}
    assert importance["temp"] > 0.1
    assert importance["nothing"] == 0


def test_what_the_program_refuses_is_not_tried_again(python: Path, root: Path, small_run: SmallRun) -> None:
    small_run.document |= {
        "command": ["python", "-m", "flights.trainers.logistic"],
        "params": {"penalty": "l1"},
    }

    status, lines = run(python, root, small_run)

    assert status == 64
    assert "params: penalty cannot be set" in lines[-1]["reason"]


LEARNS = """
import json, os, pathlib, sys
import numpy as np, onnx, pyarrow as pa, pyarrow.parquet as pq
from onnx import TensorProto, helper
task = json.loads(pathlib.Path(os.environ["HEADGATE_RUN_SPEC"]).read_bytes())
outputs, state = pathlib.Path(task["outputs"]), pathlib.Path(task["state"])
"""
HONEST = """
if task["task"] == "train":
    table = pq.read_table(task["train"])
    assert table.column_names == ["shop", "temp", "people", "ratio", "nothing", "late"]
    shops = set(table.column("shop").to_pylist())
    assert shops == {"north", "south", "west", ""}, shops
    assert "AWS_SECRET_ACCESS_KEY" not in os.environ
    inputs = [helper.make_tensor_value_info(f["name"], TensorProto.STRING if f["kind"] == "categorical" else
              TensorProto.FLOAT, [None, 1]) for f in task["features"]]
    nodes = [helper.make_node("IsNaN", ["temp"], ["absent"]),
             helper.make_node("Where", ["absent", "cold", "temp"], ["known"]),
             helper.make_node("Mul", ["known", "weight"], ["logit"]),
             helper.make_node("Sigmoid", ["logit"], ["score"])]
    values = (("cold", 0.0), ("weight", WEIGHT))
    constants = [helper.make_tensor(name, TensorProto.FLOAT, [1], [value]) for name, value in values]
    output = [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])]
    graph = helper.make_graph(nodes, "g", inputs, output, initializer=constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    (outputs / "model.onnx").write_bytes(model.SerializeToString())
    print(json.dumps({"iteration": 1, "iterations": 1, "metrics": {"seen": table.num_rows}}))
else:
    table = pq.read_table(task["rows"])
    assert "late" not in table.column_names
    temp = np.nan_to_num(table.column("temp").to_numpy())
    pq.write_table(pa.table({"score": 1 / (1 + np.exp(0.15 * temp))}), task["scores"])
"""


def program(folder: Path, text: str) -> list[str]:
    path = folder / "program.py"
    path.write_text(textwrap.dedent(LEARNS + text))
    return ["python", str(path)]


def test_a_program_needs_nothing_but_the_contract(
    python: Path, root: Path, small_run: SmallRun, tmp_path: Path
) -> None:
    small_run.document["command"] = program(tmp_path, HONEST.replace("WEIGHT", "-0.15"))

    status, lines = run(python, root, small_run)

    assert status == 0, lines
    assert {"iteration": 1, "iterations": 1, "seen": 1400.0}.items() <= next(
        line for line in lines if line["event"] == "training"
    ).items()


@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        (HONEST.replace("WEIGHT", "-0.16"), 70, "differ by"),
        (
            HONEST.replace("WEIGHT", "-0.15").replace('"score", TensorProto', '"chance", TensorProto'),
            70,
            "ONNX",
        ),
        ('pathlib.Path(outputs / "model.onnx").write_bytes(b"no model")', 64, "no readable column score"),
        ("sys.exit('a mistake of mine')", 64, "a mistake of mine"),
        ("sys.exit(75)", 75, "ended with status 75"),
        ("os.kill(os.getpid(), 9)", 75, "status -9"),
        ("pass", 64, "left no model.onnx"),
        (
            "from headgate_trainer.program import refuse_unsound\n"
            "from sklearn.ensemble import HistGradientBoostingClassifier\n"
            "from sklearn.pipeline import make_pipeline\n"
            "refuse_unsound(make_pipeline(HistGradientBoostingClassifier(categorical_features=[0])))",
            64,
            "HistGradientBoostingClassifier with categorical_features converts to a wrong ONNX graph",
        ),
    ],
)
def test_a_program_that_goes_wrong_leaves_no_model(
    python: Path, root: Path, small_run: SmallRun, tmp_path: Path, text: str, status: int, reason: str
) -> None:
    small_run.document["command"] = program(tmp_path, text)

    found, lines = run(python, root, small_run)

    assert (found, lines[-1]["event"]) == (status, "run_ended")
    assert reason in lines[-1]["reason"]
    assert not (small_run.out / "manifest.json").exists()


def test_a_command_that_names_no_program_is_refused(python: Path, root: Path, small_run: SmallRun) -> None:
    status, lines = run(python, root, small_run)

    assert status == 64
    assert "`command` names no program" in lines[-1]["reason"]


def test_a_program_that_is_not_there_is_refused(python: Path, root: Path, small_run: SmallRun) -> None:
    small_run.document["command"] = ["/nowhere/train"]

    status, lines = run(python, root, small_run)

    assert status == 64
    assert "/nowhere/train cannot be started" in lines[-1]["reason"]
