"""Learning in several processes: torchrun, what its first process says, and how it ends."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import deque
from pathlib import Path
from typing import IO, Any

import numpy as np

from headgate_trainer.errors import TryAgain
from headgate_trainer.trainers import Checkpoint, Checkpoints, Progress
from headgate_trainer.trainers.torch_job import RESUME, WEIGHTS, write_job
from headgate_trainer.trainers.torch_loop import Job
from headgate_trainer.trainers.torch_nodes import Nodes

WORKER = "headgate_trainer.trainers.torch_worker"
SHOWN_LINES = 12


def learn_in_processes(
    job: Job, threads: int, processes: int, nodes: Nodes, progress: Progress, checkpoints: Checkpoints
) -> dict[str, Any]:
    """The weights; of a node that is not the main one, none.

    Raises TryAgain when a process ends early: a lost machine is the usual reason.
    """
    with tempfile.TemporaryDirectory(prefix="headgate-torch-") as name:
        folder = Path(name)
        path = write_job(job, threads, folder)
        if (latest := checkpoints.latest()) is not None:
            (folder / RESUME).write_bytes(latest.content)
        call = [sys.executable, "-m", "torch.distributed.run", *nodes.arguments(processes), "-m", WORKER]
        with (folder / "errors.log").open("w+") as errors:
            _follow([*call, str(path)], errors, folder, progress, checkpoints)
        if nodes.rank:
            return {}
        with np.load(folder / WEIGHTS) as found:
            return {name: found[name] for name in found.files}


def _follow(
    call: list[str], errors: IO[str], folder: Path, progress: Progress, checkpoints: Checkpoints
) -> None:
    environment = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8", "OMP_NUM_THREADS": "1", **os.environ}
    with subprocess.Popen(
        call, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            for text in process.stdout:
                line = _read(text)
                if "done" in line:
                    progress(line["done"], line["total"], line["metrics"])
                elif "checkpoint" in line and checkpoints.due():
                    content = (folder / line["checkpoint"]).read_bytes()
                    checkpoints.save(Checkpoint(line["steps"], content))
            status = process.wait()
        except BaseException:
            # Its own session, so that its workers end with it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    if status:
        errors.seek(0)
        last = "".join(deque(errors, SHOWN_LINES)).strip()
        raise TryAgain(f"torchrun ended with status {status}: {last}")


def _read(text: str) -> dict[str, Any]:
    """A line of the worker's; libraries may print others, which say nothing here."""
    try:
        line = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return line if isinstance(line, dict) else {}
