"""A ModelRuntime in pure Python: the artifact is a JSON document of a logistic model, enough to run every
path around a model.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.domain.errors import Corrupted, InvalidRequest


@dataclass(frozen=True)
class LogisticModel:
    """score = 1 / (1 + exp(-(bias + sum of weight x value))); a missing value counts as 0, a string as its
    length.
    """

    bias: float
    weights: Mapping[str, float]

    def to_bytes(self) -> bytes:
        return json.dumps({"bias": self.bias, "weights": dict(self.weights)}).encode()

    def signature(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        shape = [-1, 1]
        return {
            "inputs": [{"name": name, "datatype": "FP32", "shape": shape} for name in self.weights],
            "outputs": [{"name": "score", "datatype": "FP32", "shape": shape}],
        }

    def score(self, columns: Mapping[str, Sequence[Any]]) -> list[float]:
        if set(columns) != set(self.weights):
            raise InvalidRequest(f"model inputs: {sorted(self.weights)} are needed, found {sorted(columns)}")
        rows = zip(*(columns[name] for name in self.weights), strict=True)
        return [self._one(row) for row in rows]

    def _one(self, row: Sequence[Any]) -> float:
        total = self.bias
        for weight, value in zip(self.weights.values(), row, strict=True):
            number = len(value) if isinstance(value, str) else float(value or 0)
            total += weight * number
        odds = math.exp(-abs(total))
        return 1 / (1 + odds) if total >= 0 else odds / (1 + odds)


class MemoryModelRuntime:
    """The ModelRuntime port."""

    def load(self, artifact: Path) -> LogisticModel:
        try:
            document = json.loads(artifact.read_bytes())
            return LogisticModel(float(document["bias"]), dict(document["weights"]))
        except (ValueError, KeyError, TypeError) as error:
            raise Corrupted(f"{artifact.name} is no model of this runtime: {error}") from error
