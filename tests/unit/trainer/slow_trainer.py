"""A trainer that learns one line a step and can be stopped between any two: for runs that are killed.

Its model is a logistic regression over the numeric features, by gradient descent in a fixed order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from headgate_trainer.data import Floats
from headgate_trainer.encoding import Encoding, Matrix
from headgate_trainer.trainers import Checkpoint, Checkpoints, OnnxCore, Progress, Rows
from onnx import helper, numpy_helper


@dataclass
class SlowTrainer:
    """``before`` is called before each step with its number; ``done`` are the steps that were taken."""

    steps: int = 12
    before: Callable[[int], None] = lambda _step: None
    done: list[int] = field(default_factory=list)
    fits: int = 0

    def check(self, spec: Any) -> None: ...

    def fit(
        self,
        spec: Any,
        encoding: Encoding,
        train: Rows,
        watched: Rows,
        progress: Progress,
        checkpoints: Checkpoints,
    ) -> SlowModel:
        self.fits += 1
        found = checkpoints.latest()
        weights = np.frombuffer(found.content).copy() if found else np.zeros(len(encoding.features) + 1)
        rows, labels = _filled(train.matrix), train.labels
        for step in range(found.steps if found else 0, self.steps):
            self.before(step)
            said = _chance(rows @ weights)
            weights -= 0.002 * rows.T @ (said - labels) / len(labels)
            self.done.append(step)
            loss = float(np.mean((_chance(_filled(watched.matrix) @ weights) - watched.labels) ** 2))
            progress(step + 1, self.steps, {"watched_brier": loss})
            if checkpoints.due():
                checkpoints.save(Checkpoint(step + 1, weights.tobytes()))
        return SlowModel(weights, encoding)


@dataclass
class SlowModel:
    weights: Floats
    encoding: Encoding

    def score(self, matrix: Matrix) -> Floats:
        return np.asarray(_chance(_filled(matrix) @ self.weights))

    def core(self) -> OnnxCore:
        weights = self.weights.astype(np.float32)
        constants = {"zero": np.float32(0), "slopes": weights[:-1].reshape(-1, 1), "offset": weights[-1:]}
        nodes = [
            helper.make_node("IsNaN", ["in"], ["missing"]),
            helper.make_node("Where", ["missing", "zero", "in"], ["filled"]),
            helper.make_node("MatMul", ["filled", "slopes"], ["line"]),
            helper.make_node("Add", ["line", "offset"], ["odds"]),
            helper.make_node("Sigmoid", ["odds"], ["score"]),
        ]
        initializers = [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()]
        return OnnxCore(nodes, initializers, "in", "score")

    def importance(self) -> dict[str, float]:
        sizes = np.abs(self.weights[:-1])
        shares = sizes / (float(sizes.sum()) or 1.0)
        return {name: float(share) for name, share in zip(self.encoding.names, shares, strict=True)}

    def facts(self) -> dict[str, Any]:
        return {"kind": "logistic regression", "engine": "numpy", "parameters": len(self.weights)}


def _filled(matrix: Matrix) -> Floats:
    return np.column_stack([np.nan_to_num(matrix.astype(np.float64)), np.ones(len(matrix))])


def _chance(odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-odds)))
