"""Each trainer beside the library it calls, on the same matrix."""

from __future__ import annotations

import os
import shutil
from typing import Any

from tests.bench.measuring import ROOT, WORK, in_own_process, say
from tests.bench.results import Row, not_measured
from tests.bench.training.made_rows import write

PYTHON = ROOT / ".envs/trainer/bin/python"
PATHS = (ROOT / "infra/trainer", ROOT / "infra/products")
ROUNDS = 3
MOST_RATIO = 1 / 0.85
MOST_SECONDS = 240.0
RUNS: dict[str, tuple[int, dict[str, Any]]] = {
    "lightgbm": (400_000, {"params": {"rounds": 50, "num_leaves": 63}}),
    "xgboost": (400_000, {"params": {"rounds": 50, "max_depth": 6}}),
    "torch": (400_000, {"params": {"epochs": 2, "hidden": [128, 64]}}),
    "command": (400_000, {"params": {}, "command": ["python", "-m", "flights.trainers.logistic"]}),
}


def rows() -> list[Row]:
    folder = WORK / "training"
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, PATHS))
    try:
        return [_beside_library(trainer, folder) for trainer in RUNS]
    finally:
        del os.environ["PYTHONPATH"]
        shutil.rmtree(folder, ignore_errors=True)


def _beside_library(trainer: str, folder: Any) -> Row:
    count, changes = RUNS[trainer]
    name = f"{trainer}: a fit of {count / 1e3:.0f}k rows x 30"
    if trainer == "torch" and not list(
        ROOT.glob(".envs/trainer/lib/python3.*/site-packages/torch/version.py")
    ):
        return not_measured(name, "s", "torch is not in .envs/trainer; `make setup-torch` says why")
    say(f"{trainer}, {ROUNDS} times beside the library")
    spec = write(folder, count, trainer, **changes)
    module = "tests.bench.training.fit_process"
    found = in_own_process(module, str(spec), str(ROUNDS), python=PYTHON, most_seconds=MOST_SECONDS)
    # The best of each: what else the machine does can only add to them.
    ours, theirs = min(found["trainer"]), min(found["bare"])
    passes = changes["params"].get("rounds") or changes["params"].get("epochs") or 1
    speed = [found["rows"] * passes / seconds for seconds in (ours, theirs)]
    note = (
        f"{speed[0]:,.0f} rows/s a pass, bare {speed[1]:,.0f}: {speed[0] / speed[1]:.0%} (at least 85% is "
        f"meant); the best of {ROUNDS} each, taken in turns; processor time "
        f"{min(found['processor']['trainer']) / min(found['processor']['bare']):.2f}x"
    )
    if "library" in found:
        alone = min(found["library"])
        note += (
            f"; bare is the program by hand on a file that is there: of its time, {alone:.1f} s are the "
            "library's fit, and the rest its start, reading and converting"
        )
    return Row(name, ours, "s", theirs, "bare", MOST_RATIO, "ratio", note)
