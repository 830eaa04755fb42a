"""A job as AWS Batch starts it: how long until it learns, and how much memory its data takes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from statistics import median

from tests.bench.measuring import WORK, in_own_process, say, seconds_of
from tests.bench.results import Row
from tests.bench.training.fits import PATHS, PYTHON
from tests.bench.training.made_rows import write

STARTS = 3
FEW, MANY = 750_000, 3_000_000
MOST_OF_DATA, MOST_GROWTH = 0.5, 1.5
ENGINES = "import numpy, pyarrow.parquet, lightgbm, onnx, onnxmltools, onnxruntime"


def rows() -> list[Row]:
    folder = WORK / "jobs"
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, PATHS))
    try:
        return [_start(folder / "start"), *_memory(folder)]
    finally:
        del os.environ["PYTHONPATH"]
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path) -> Row:
    say("a job's start")
    spec = write(folder, 20_000, "lightgbm", params={"rounds": 20})
    found = [_seconds_to_first_rounds(spec) for _ in range(STARTS)]
    first, whole = (median(each[part] for each in found) for part in (0, 1))
    imports = [
        seconds_of(lambda: subprocess.run([str(PYTHON), "-c", ENGINES], check=True)) for _ in range(STARTS)
    ]
    return Row(
        "a job: from its start to its first rounds",
        first,
        "s",
        median(imports),
        "imports",
        note=f"20k rows x 30 by lightgbm; the whole job {whole:.2f} s; beside an interpreter that imports "
        "the same libraries",
    )


def _seconds_to_first_rounds(spec: Path) -> tuple[float, float]:
    shutil.rmtree(spec.parent / "out", ignore_errors=True)  # a run that is known ends at once
    started, first = time.perf_counter(), 0.0
    call = [str(PYTHON), "-m", "headgate_trainer", spec.as_uri()]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if not first and json.loads(line)["event"] == "training":
                first = time.perf_counter() - started
    if process.returncode or not first:
        raise RuntimeError(f"the job ended with status {process.returncode}")
    return first, time.perf_counter() - started


def _memory(folder: Path) -> list[Row]:
    say(f"{MANY:,} rows read")
    module = "tests.bench.training.read_process"
    few, many = (
        in_own_process(module, str(write(folder / str(count), count, "lightgbm")), python=PYTHON)
        for count in (FEW, MANY)
    )
    speed = many["rows"] / many["seconds"]
    return [
        Row(
            f"{MANY / 1e6:.0f}M rows x 30 read, encoded: own memory",
            many["own_mb"],
            "MB",
            many["data_mb"],
            "data",
            MOST_OF_DATA,
            "ratio",
            f"{speed:,.0f} rows/s; with mapped pages, which the system can take, {many['peak_mb']:.0f} MB",
        ),
        Row(
            f"the same, beside {FEW / 1e6:.1f}M rows",
            many["own_mb"],
            "MB",
            few["own_mb"],
            "few rows",
            MOST_GROWTH,
            "ratio",
            f"{MANY / FEW:.0f} times the rows",
        ),
    ]
