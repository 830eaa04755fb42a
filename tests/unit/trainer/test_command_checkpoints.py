"""A program of the product's own that is killed: its checkpoint files are kept, and there when it goes on."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.unit.trainer.fitting import Fitting, KeptCheckpoints, Killed
from tests.unit.trainer.small_runs import SmallRun

PROGRAM = """
import json, os, pathlib, time
task = json.loads(pathlib.Path(os.environ["HEADGATE_RUN_SPEC"]).read_bytes())
pathlib.Path(task["params"]["pids"]).write_text(str(os.getpid()))
kept = pathlib.Path(task["checkpoints"])
found = sorted(kept.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
done = json.loads(found[-1].read_text()) if found else []
while len(done) < 6:
    done.append(len(done))
    part = kept / "part"
    part.write_text(json.dumps(done))
    part.replace(kept / f"checkpoint-{len(done)}")
    print(json.dumps({"iteration": len(done), "iterations": 6, "metrics": {"loss": 0.5}}), flush=True)
    time.sleep(0.2)
(pathlib.Path(task["outputs"]) / "model.onnx").write_text(json.dumps(done))
"""


@pytest.fixture
def fitting(small_run: SmallRun, tmp_path: Path) -> Fitting:
    (tmp_path / "program.py").write_text(PROGRAM)
    made = Fitting(small_run, tmp_path / "scratch")
    command = ["python", str(tmp_path / "program.py")]
    made.prepare("command", params={"pids": str(tmp_path / "pid")}, command=command, checkpoint_minutes=1)
    return made


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_killed_program_goes_on_from_its_newest_checkpoint(fitting: Fitting, tmp_path: Path) -> None:
    broken = KeptCheckpoints(most=2)
    with pytest.raises(Killed):
        fitting.fit(broken)
    steps = broken.kept[-1].steps

    model = fitting.fit(KeptCheckpoints(kept=list(broken.kept)))

    assert 1 < steps < 6
    assert [done for done, _, _ in fitting.told] == list(range(steps + 1, 7))
    assert model.core().whole == b"[0, 1, 2, 3, 4, 5]"


def test_a_program_ends_with_the_run_that_started_it(fitting: Fitting, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        fitting.fit(KeptCheckpoints(most=1))

    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 5
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(pid)
