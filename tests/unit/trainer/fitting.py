"""One fit of any trainer over small rows, with checkpoints in memory and as bytes of the artifact."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headgate_trainer.data import TrainingSet, read_training_set
from headgate_trainer.encoding import Encoding, learn_encoding
from headgate_trainer.onnx_graph import build_graph
from headgate_trainer.parity import Limits, Parity, check_parity
from headgate_trainer.run_spec import RunSpec, canonical_json, parse_run_spec
from headgate_trainer.storage import AnyStorage
from headgate_trainer.trainers import Checkpoint, NoCheckpoints, Rows, TrainedModel, trainer_named

from tests.unit.trainer.small_runs import SmallRun

PARAMS: dict[str, dict[str, Any]] = {
    "command": {},
    "lightgbm": {
        "rounds": 12,
        "num_leaves": 7,
        "min_data_in_leaf": 10,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "feature_fraction": 0.6,
    },
    "xgboost": {"rounds": 12, "max_depth": 3, "subsample": 0.7, "colsample_bytree": 0.6},
    "torch": {
        "epochs": 6,
        "batch_rows": 128,
        "hidden": [16, 8],
        "dropout": 0.2,
        "embedding": 3,
        "learning_rate": 0.02,
        "checkpoint_steps": 5,
    },
}


class Killed(Exception):
    """The machine is gone."""


@dataclass
class KeptCheckpoints:
    """Keeps every checkpoint it is offered, and ends the run after ``most`` of them."""

    most: int = 1_000
    kept: list[Checkpoint] = field(default_factory=list)

    def latest(self) -> Checkpoint | None:
        return self.kept[-1] if self.kept else None

    def due(self) -> bool:
        return True

    def save(self, checkpoint: Checkpoint) -> None:
        self.kept.append(checkpoint)
        if len(self.kept) >= self.most:
            raise Killed


@dataclass
class Fitting:
    """What a trainer is given, read from a small run's files."""

    small_run: SmallRun
    scratch: Path
    told: list[tuple[int, int, dict[str, float]]] = field(default_factory=list)

    def prepare(self, trainer: str, **changes: Any) -> None:
        self.small_run.document |= {"trainer": trainer, "params": dict(PARAMS[trainer])}
        self.small_run.document["params"] |= changes.pop("params", {})
        self.small_run.document |= changes
        self.small_run.write()
        self.scratch.mkdir(exist_ok=True)
        self.spec: RunSpec = parse_run_spec(canonical_json(self.small_run.document))
        self.data: TrainingSet = read_training_set(self.spec, AnyStorage({}), self.scratch)
        self.encoding: Encoding = learn_encoding(self.spec.features, self.data)
        self.train = Rows(self.encoding.matrix(self.data.train, self.data.texts), self.data.train.labels)
        self.holdout = Rows(
            self.encoding.matrix(self.data.holdout, self.data.texts), self.data.holdout.labels
        )

    def fit(self, checkpoints: Any = None) -> TrainedModel:
        trainer = trainer_named(self.spec.trainer)
        trainer.check(self.spec)
        self.told.clear()

        def progress(done: int, total: int, metrics: dict[str, float]) -> None:
            self.told.append((done, total, metrics))

        return trainer.fit(
            self.spec, self.encoding, self.train, self.holdout, progress, checkpoints or NoCheckpoints()
        )

    def artifact(self, checkpoints: Any = None) -> bytes:
        return build_graph(self.encoding, self.fit(checkpoints).core(), "m")

    def parity(self, model: TrainedModel, artifact: bytes) -> Parity:
        feeds = self.encoding.feeds(self.data.holdout, self.data.texts)
        scores = model.score(self.holdout.matrix)
        return check_parity(artifact, model, self.encoding, feeds, scores, Limits.of(self.spec))
