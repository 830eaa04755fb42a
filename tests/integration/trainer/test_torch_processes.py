"""Learning in several processes: torchrun and gloo on the processor, as on several GPUs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.trainer.fitting import PARAMS
from tests.unit.trainer.small_runs import SmallRun


@pytest.fixture
def python(root: Path) -> Path:
    found = root / ".envs/trainer/bin/python"
    if not list(root.glob(".envs/trainer/lib/python3.*/site-packages/torch/version.py")):
        pytest.skip("torch is not in .envs/trainer; `make setup-torch` says why")
    return found


def run(python: Path, root: Path, small_run: SmallRun) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(root / "infra/trainer"), "HEADGATE_THREADS": "2"}
    call = [str(python), "-m", "headgate_trainer", small_run.write()]
    done = subprocess.run(call, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert any(line["event"] == "training" and line["holdout_auc"] > 0.5 for line in lines)
    card: dict[str, Any] = json.loads((small_run.out / "card.json").read_bytes())
    return card


def small(folder: Path, **params: Any) -> SmallRun:
    made = SmallRun(folder)
    made.document |= {"trainer": "torch", "params": {**PARAMS["torch"], "dropout": 0.0, **params}}
    return made


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(python: Path, root: Path, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()

    one = run(python, root, small(folders[0]))
    two = run(python, root, small(folders[1], processes=2))

    assert (one["trainer"]["processes"], two["trainer"]["processes"]) == (1, 2)
    auc = [card["metrics"]["holdout"]["auc"] for card in (one, two)]
    # The same batches in the same order: only the order of additions differs.
    assert auc[0] == pytest.approx(auc[1], abs=2e-3)
    assert two["parity"]["rows_beyond"] == 0


@pytest.mark.slow
def test_two_processes_make_equal_bytes_twice(python: Path, root: Path, tmp_path: Path) -> None:
    models = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        made = small(tmp_path / name, processes=2, dropout=0.2)
        run(python, root, made)
        models.append((made.out / "model.onnx").read_bytes())

    assert models[0] == models[1]
