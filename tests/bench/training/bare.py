"""The library called by hand on a matrix in memory: what a trainer is measured beside. Each way gets its rows
ready beforehand, and learns what the trainer learns, without looking at held-out rows.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from headgate_trainer.encoding import Encoding
from headgate_trainer.run_spec import RunSpec
from headgate_trainer.trainers import Rows
from headgate_trainer.trainers.threads import threads


def prepared(spec: RunSpec, encoding: Encoding, train: Rows) -> Callable[[], Any]:
    matrix, labels = np.array(train.matrix), np.array(train.labels)
    ways = {"lightgbm": _lightgbm, "xgboost": _xgboost, "torch": _torch, "command": _program}
    return ways[spec.trainer](spec, encoding, matrix, labels)


def _lightgbm(spec: RunSpec, encoding: Encoding, matrix: Any, labels: Any) -> Callable[[], Any]:
    import lightgbm as lgb
    from headgate_trainer.trainers.lightgbm_settings import settings

    def fit() -> Any:
        data = lgb.Dataset(
            matrix, label=labels, categorical_feature=encoding.categorical, params=settings(spec)
        )
        return lgb.train(settings(spec), data, num_boost_round=spec.params["rounds"])

    return fit


def _xgboost(spec: RunSpec, encoding: Encoding, matrix: Any, labels: Any) -> Callable[[], Any]:
    import xgboost as xgb
    from headgate_trainer.trainers.xgboost import settings
    from headgate_trainer.trainers.xgboost_rows import types_of

    def fit() -> Any:
        data = xgb.QuantileDMatrix(
            matrix, label=labels, feature_types=types_of(encoding), enable_categorical=True, nthread=threads()
        )
        return xgb.train(settings(spec), data, num_boost_round=spec.params["rounds"])

    return fit


def _torch(spec: RunSpec, encoding: Encoding, matrix: Any, labels: Any) -> Callable[[], Any]:
    import torch
    from headgate_trainer.trainers.torch_inputs import learn_inputs
    from headgate_trainer.trainers.torch_network import Network
    from headgate_trainer.trainers.torch_settings import settings

    chosen, inputs = settings(spec), learn_inputs(matrix, encoding)
    rows, truth = torch.from_numpy(matrix), torch.from_numpy(labels.astype(np.float32))
    steps = math.ceil(len(rows) / chosen.batch_rows)

    def fit() -> Any:
        torch.set_num_threads(threads())
        network = Network(inputs, chosen.hidden, chosen.embedding, 0.0)
        optimizer = torch.optim.AdamW(network.parameters(), lr=chosen.learning_rate)
        for _ in range(chosen.epochs):
            order = torch.randperm(len(rows))
            for step in range(steps):
                places = order[step * chosen.batch_rows : (step + 1) * chosen.batch_rows]
                optimizer.zero_grad(set_to_none=True)
                logits = network(rows[places])
                torch.nn.functional.binary_cross_entropy_with_logits(logits, truth[places]).backward()
                optimizer.step()
        return network

    return fit


def _program(spec: RunSpec, encoding: Encoding, matrix: Any, labels: Any) -> Callable[[], Any]:
    """The same program started by hand, on a Parquet file that is there."""
    import subprocess
    import sys
    import tempfile
    from pathlib import Path

    from headgate_trainer.program import TRAIN, VARIABLE
    from headgate_trainer.trainers.command import CommandModel, command_of
    from headgate_trainer.trainers.command_rows import write_rows

    folder = Path(tempfile.mkdtemp())
    for name in ("outputs", "state"):
        (folder / name).mkdir()
    write_rows(folder / "train.parquet", encoding, matrix, spec.label, labels)
    task = CommandModel(spec, encoding, folder).task(TRAIN, train=str(folder / "train.parquet"))
    (folder / "task.json").write_text(json.dumps(task))
    environment = {**os.environ, VARIABLE: str(folder / "task.json")}
    call = [sys.executable, *command_of(spec)[1:]]
    return lambda: subprocess.run(call, env=environment, check=True)


def library_alone(spec: RunSpec, encoding: Encoding, train: Rows) -> Callable[[], Any]:
    """What the example program asks scikit-learn for, in this process, on its own form of the rows."""
    from flights.trainers.logistic import pipeline, rows
    from headgate_trainer.program import Task
    from headgate_trainer.trainers.command_rows import table_of

    features = [{"name": each.name, "kind": each.kind} for each in encoding.features]
    task = Task({"features": features, "params": dict(spec.params), "seed": spec.seed})
    ready = rows(task, table_of(encoding, train.matrix))
    return lambda: pipeline(task).fit(ready, train.labels)
