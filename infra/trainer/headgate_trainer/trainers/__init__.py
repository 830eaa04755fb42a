"""Trainers: from rows to a model and its ONNX core. Owns what every trainer must offer, and which there
are.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from headgate_trainer.data import Floats
from headgate_trainer.encoding import Encoding, Matrix
from headgate_trainer.errors import BadSpec
from headgate_trainer.metrics import Labels
from headgate_trainer.run_spec import RunSpec

Progress = Callable[[int, int, dict[str, float]], None]
"""Called now and then with (iterations done, iterations in all, metrics by name)."""


@dataclass(frozen=True)
class OnnxCore:
    """Nodes from the float32 tensor ``input`` [N, features] to the float32 tensor ``output`` [N, 1].

    ``whole`` is a graph from another hand, that takes the features themselves: then it is all there is.
    """

    nodes: list[Any]
    initializers: list[Any]
    input: str
    output: str
    whole: bytes | None = None


@dataclass(frozen=True)
class Checkpoint:
    """``steps`` of the run were done when ``content`` was taken; the content is the trainer's own."""

    steps: int
    content: bytes


class Checkpoints(Protocol):
    """Where a trainer keeps how far it is, and finds it again after it was killed.

    What a resumed run makes must equal what an uninterrupted one makes: take a checkpoint only at steps that
    an uninterrupted run passes in the same state, and let nothing depend on when one was taken.
    """

    def latest(self) -> Checkpoint | None:
        """The newest whole one of this very run, or None."""
        ...

    def due(self) -> bool:
        """Whether the declared minutes have passed since the newest one; never true where none are kept."""
        ...

    def save(self, checkpoint: Checkpoint) -> None: ...


@dataclass(frozen=True)
class NoCheckpoints:
    """For fits that are never resumed, such as a backtest's."""

    def latest(self) -> Checkpoint | None:
        return None

    def due(self) -> bool:
        return False

    def save(self, checkpoint: Checkpoint) -> None: ...


@dataclass(frozen=True)
class Rows:
    """A matrix as `Encoding` makes it, and its labels."""

    matrix: Matrix
    labels: Labels


class TrainedModel(Protocol):
    """A source model. ``score`` is the truth that the ONNX artifact is held to."""

    def score(self, matrix: Matrix) -> Floats: ...

    def core(self) -> OnnxCore: ...

    def importance(self) -> dict[str, float]:
        """Each feature's share of what the model gained; they sum to 1 unless nothing was learnt."""
        ...

    def facts(self) -> dict[str, Any]:
        """What the card tells of the model itself."""
        ...


class Trainer(Protocol):
    """Raises BadSpec for what it cannot honour; `check` does so before any data is read."""

    def check(self, spec: RunSpec) -> None: ...

    def fit(
        self,
        spec: RunSpec,
        encoding: Encoding,
        train: Rows,
        watched: Rows,
        progress: Progress,
        checkpoints: Checkpoints,
    ) -> TrainedModel:
        """``watched`` is reported on while training, never learnt or chosen from. Begins at the latest
        checkpoint, where there is one.
        """
        ...


TRAINERS = {
    "lightgbm": "LightGbmTrainer",
    "xgboost": "XgBoostTrainer",
    "torch": "TorchTrainer",
    "command": "CommandTrainer",
}


def trainer_named(name: str) -> Trainer:
    """Engines are imported only when they are asked for."""
    if name not in TRAINERS:
        raise BadSpec(f"trainer {name!r} is not known; known: {', '.join(TRAINERS)}")
    module = importlib.import_module(f"headgate_trainer.trainers.{name}")
    trainer: Trainer = getattr(module, TRAINERS[name])()
    return trainer
