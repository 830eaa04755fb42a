"""What a program of the trainer `command` reads and writes. For such programs to import; it needs the
standard library alone, and none of it is needed to keep the contract.

The variable HEADGATE_RUN_SPEC names a JSON file. Its ``task`` is one of two:

``train``   ``train`` is a Parquet file: a column a feature, then the label. Numbers are float32 with NaN for
            null, texts have '' for null. Leave ``outputs``/model.onnx: one input a feature (FP32 [N, 1] for
            a number, STRING [N, 1] for a text) and one output ``score``, FP32 [N, 1]. Leave in ``state``
            whatever scoring needs. ``outputs``/facts.json may tell ``kind``, ``engine`` and ``importance``
            by feature.
``score``   ``rows`` is a Parquet file of features. Write ``scores``: a Parquet file with one column
            ``score``, of the trained model itself (not of the graph), a row for each row.

``params``, ``seed`` and ``threads`` are the run's. A line of JSON on standard output with ``iteration``,
``iterations`` and ``metrics`` tells progress. A file ``checkpoints``/checkpoint-<steps>, moved there whole,
is kept when one is due, and is there again when the run was killed and goes on. Exit status: 0 done, 64 the
parameters or the data are wrong, 70 the model cannot be had, 75 try again.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VARIABLE = "HEADGATE_RUN_SPEC"
TASK_FORMAT = "headgate.command/1"
TRAIN, SCORE = "train", "score"
MODEL, FACTS, CHECKPOINT = "model.onnx", "facts.json", "checkpoint-"
REFUSED = 64


@dataclass(frozen=True)
class Task:
    """``document`` as it is; the rest is read from it."""

    document: Mapping[str, Any]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Task":
        document = json.loads(Path(environment[VARIABLE]).read_bytes())
        if document.get("format") != TASK_FORMAT:
            raise SystemExit(f"{VARIABLE} names no {TASK_FORMAT} document")
        return cls(document)

    @property
    def is_training(self) -> bool:
        return bool(self.document["task"] == TRAIN)

    @property
    def numeric(self) -> list[str]:
        return [each["name"] for each in self.document["features"] if each["kind"] == "numeric"]

    @property
    def categorical(self) -> list[str]:
        return [each["name"] for each in self.document["features"] if each["kind"] == "categorical"]

    def file(self, name: str) -> Path:
        """A path of the document: ``train``, ``rows``, ``scores``, or a folder."""
        return Path(self.document[name])


def unsound(estimator: Any) -> str | None:
    """Why an estimator of scikit-learn's kind, or one inside it, has no right ONNX form, as far as is known.

    By name, since the conversion was measured to be off (by 1.4, 5.1 and 6.5) without any error.
    """
    for each in _inside(estimator):
        name = type(each).__name__
        settings = each.get_params(deep=False)
        if name.startswith("HistGradientBoosting"):
            coded = settings.get("categorical_features")
            if coded is not None and not isinstance(coded, str):
                return (
                    f"{name} with categorical_features converts to a wrong ONNX graph; encode them before it"
                )
        if name.startswith("LGBM"):
            if settings.get("boosting_type") in ("rf", "random_forest"):
                return f"{name} with boosting_type rf converts to a wrong ONNX graph"
            if settings.get("linear_tree"):
                return f"{name} with linear_tree converts to a wrong ONNX graph"
    return None


def refuse_unsound(estimator: Any) -> None:
    """Ends the program with status 64 and the reason."""
    if (reason := unsound(estimator)) is not None:
        print(reason, file=sys.stderr)
        raise SystemExit(REFUSED)


def _inside(estimator: Any) -> Iterator[Any]:
    if hasattr(estimator, "get_params"):
        yield estimator
        for value in estimator.get_params(deep=True).values():
            if hasattr(value, "get_params"):
                yield value
