"""Fits in the trainer's environment: `python -m tests.bench.training.fit_process <spec> <rounds>`.

Prints ``{"rows", "trainer": [seconds…], "bare": [seconds…], "processor": {…}}``: this project's trainer and
the library called by hand on the same matrix, in turns. Of a program, ``bare`` is the program by hand, and
``library`` its fit alone.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from headgate_trainer.data import read_training_set
from headgate_trainer.encoding import learn_encoding
from headgate_trainer.run_spec import parse_run_spec
from headgate_trainer.storage import AnyStorage
from headgate_trainer.trainers import NoCheckpoints, Rows, trainer_named

from tests.bench.training import bare


def main(spec_path: Path, rounds: int) -> None:
    spec = parse_run_spec(spec_path.read_bytes())
    with tempfile.TemporaryDirectory() as name:
        data = read_training_set(spec, AnyStorage({}), Path(name))
        encoding = learn_encoding(spec.features, data)
        train = Rows(encoding.matrix(data.train, data.texts), data.train.labels)
        held_out = Rows(encoding.matrix(data.holdout, data.texts), data.holdout.labels)
        trainer = trainer_named(spec.trainer)
        by_hand = bare.prepared(spec, encoding, train)

        def ours() -> Any:
            return trainer.fit(spec, encoding, train, held_out, lambda *_: None, NoCheckpoints())

        ways: dict[str, Callable[[], Any]] = {"bare": by_hand, "trainer": ours}
        if spec.trainer == "command":
            ways["library"] = bare.library_alone(spec, encoding, train)
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        processor: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for way, act in ways.items():
                started, used = time.perf_counter(), _processor_seconds()
                act()
                seconds[way].append(time.perf_counter() - started)
                processor[way].append(_processor_seconds() - used)
    print(json.dumps({"rows": len(train.labels), **seconds, "processor": processor}))


def _processor_seconds() -> float:
    """Of this process and of those it started and waited for."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
