"""The program as a process in the trainer's own environment: exit codes, signals, nothing half-done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
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
def environment(root: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(root / "infra/trainer")}


@pytest.fixture
def small_run(tmp_path: Path) -> SmallRun:
    return SmallRun(tmp_path)


def command(python: Path, *arguments: str) -> list[str]:
    return [str(python), "-m", "headgate_trainer", *arguments]


def events(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_a_run_ends_with_0_and_a_manifest(
    small_run: SmallRun, python: Path, environment: dict[str, str]
) -> None:
    done = subprocess.run(command(python, small_run.write()), env=environment, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert events(done.stdout)[-1]["event"] == "run_finished"
    assert (small_run.out / "manifest.json").exists()


def test_the_number_of_cores_does_not_change_the_model(
    small_run: SmallRun, python: Path, environment: dict[str, str]
) -> None:
    models = []
    for cores in (sorted(os.sched_getaffinity(0))[:1], sorted(os.sched_getaffinity(0))):
        script = (
            f"import os, runpy; os.sched_setaffinity(0, {cores});"
            "runpy.run_module('headgate_trainer', run_name='__main__')"
        )
        call = [str(python), "-c", script, small_run.write()]
        subprocess.run(call, env=environment, check=True, capture_output=True)
        models.append((small_run.out / "model.onnx").read_bytes())
        # A run that is known would not be done again.
        (small_run.out / "manifest.json").unlink()

    assert models[0] == models[1]


def test_a_refused_kind_of_model_ends_with_64(
    small_run: SmallRun, python: Path, environment: dict[str, str]
) -> None:
    small_run.document["params"] = {"boosting": "rf"}

    done = subprocess.run(command(python, small_run.write()), env=environment, capture_output=True, text=True)

    assert done.returncode == 64
    assert "random forests" in events(done.stdout)[-1]["reason"]


@pytest.fixture
def endless(
    small_run: SmallRun, python: Path, environment: dict[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """A run that is in the middle of its training."""
    small_run.document["params"] |= {"rounds": 2_000, "num_leaves": 200, "min_data_in_leaf": 2}
    call = command(python, small_run.write())
    with subprocess.Popen(call, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["event"] == "training":
                break
        yield process
        process.kill()


def test_a_run_that_is_told_to_stop_ends_with_75_and_leaves_nothing(
    small_run: SmallRun, endless: subprocess.Popen[str]
) -> None:
    endless.send_signal(signal.SIGTERM)

    output, _ = endless.communicate(timeout=30)

    assert endless.returncode == 75
    assert events(output)[-1]["kind"] == "Terminated"
    assert not small_run.out.exists()
