"""The GPU benchmark: its file on any machine, its numbers where there is a GPU."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

SMALL = ("--rows", "20000", "--features", "12", "--epochs", "2", "--batch-rows", "2048", "--rounds", "3")


@pytest.fixture
def python(root: Path) -> Path:
    if not list(root.glob(".envs/trainer/lib/python3.*/site-packages/torch/version.py")):
        pytest.skip("torch is not in .envs/trainer; `make setup-torch` says why")
    return root / ".envs/trainer/bin/python"


def bench(python: Path, root: Path, out: Path, *arguments: str) -> str:
    call = [str(python), str(root / "infra/trainer/bench_gpu.py"), "--out", str(out), *arguments]
    done = subprocess.run(call, env=dict(os.environ), capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    return done.stdout


def has_cuda(python: Path) -> bool:
    question = "import sys, torch; sys.exit(not torch.cuda.is_available())"
    return subprocess.run([str(python), "-c", question]).returncode == 0


def check(found: dict[str, Any], parts: set[str]) -> None:
    assert found["device"]
    assert found["date"].startswith("20")
    assert set(found["results"]) == parts
    for part in parts - {"xgboost"}:
        assert found["results"][part]["rows_per_second"] > 0
        assert found["results"][part]["seconds_per_epoch"] > 0
    assert 0 <= found["results"]["torch_streamed"]["waiting_share"] < 1
    assert found["results"]["xgboost"]["rows_per_second_a_round"] > 0


@pytest.mark.slow
def test_it_measures_on_the_processor_when_asked(python: Path, root: Path, tmp_path: Path) -> None:
    bench(python, root, tmp_path / "out.json", "--device", "cpu", *SMALL)

    check(json.loads((tmp_path / "out.json").read_bytes()), {"by_hand", "torch_streamed", "xgboost"})


def test_without_cuda_it_says_so_and_ends_well(python: Path, root: Path, tmp_path: Path) -> None:
    if has_cuda(python):
        pytest.skip("this machine has a CUDA device")

    said = bench(python, root, tmp_path / "out.json", *SMALL)

    assert said.startswith("skipped: PyTorch finds no CUDA device")
    assert not (tmp_path / "out.json").exists()


def test_it_measures_on_the_gpu(python: Path, root: Path, tmp_path: Path) -> None:
    if not has_cuda(python):
        pytest.skip("PyTorch finds no CUDA device on this machine")

    bench(python, root, tmp_path / "out.json", *SMALL)

    parts = {"by_hand", "torch_streamed", "torch_resident", "xgboost"}
    check(json.loads((tmp_path / "out.json").read_bytes()), parts)
