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
def test_two_processes_learn_what_one_learns_and_repeat_themselves(
    python: Path, root: Path, tmp_path: Path
) -> None:
    cards, models = [], []
    for number, processes in enumerate((1, 2, 2)):
        folder = tmp_path / str(number)
        folder.mkdir()
        made = small(folder, processes=processes)
        cards.append(run(python, root, made))
        models.append((made.out / "model.onnx").read_bytes())

    assert [card["trainer"]["processes"] for card in cards] == [1, 2, 2]
    # The same batches in the same order: only the order of additions differs between one process and two.
    one, two, again = (card["metrics"]["holdout"]["auc"] for card in cards)
    assert one == pytest.approx(two, abs=2e-3)
    assert models[1] == models[2]
    assert again == two
    assert cards[1]["parity"]["rows_beyond"] == 0
