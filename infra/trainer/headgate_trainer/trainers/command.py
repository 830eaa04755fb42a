"""Bring your own: a program of the product's own learns, and leaves an ONNX model.

Owns running it, as `headgate_trainer.program` describes, and what its end means. It is asked twice: to learn
from the training rows, and then, as often as needed, for its own scores of rows without their labels. Its
graph is held to those scores like any other trainer's; it never sees a held-out label.
"""

import json
import shutil
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate_trainer.data import Floats
from headgate_trainer.encoding import Encoding, Matrix
from headgate_trainer.errors import BadSpec
from headgate_trainer.program import CHECKPOINT, FACTS, MODEL, SCORE, TASK_FORMAT, TRAIN
from headgate_trainer.run_spec import RunSpec
from headgate_trainer.trainers import Checkpoint, Checkpoints, OnnxCore, Progress, Rows
from headgate_trainer.trainers.command_process import run_program
from headgate_trainer.trainers.command_rows import read_scores, write_rows
from headgate_trainer.trainers.threads import threads


class CommandTrainer:
    """See `headgate_trainer.trainers.Trainer`. Every parameter is the program's own."""

    def check(self, spec: RunSpec) -> None:
        if not command_of(spec):
            raise BadSpec("trainer command: `command` names no program; give it and its arguments as a list")
        if spec.compute_class == "gpu-multi-node":
            raise BadSpec("compute class gpu-multi-node: a program runs on one node here; use cpu or gpu")

    def fit(
        self,
        spec: RunSpec,
        encoding: Encoding,
        train: Rows,
        watched: Rows,  # noqa: ARG002 - held-out rows are no business of the program's
        progress: Progress,
        checkpoints: Checkpoints,
    ) -> "CommandModel":
        folder = Path(tempfile.mkdtemp(prefix="headgate-command-"))
        model = CommandModel(spec, encoding, folder)
        weakref.finalize(model, shutil.rmtree, folder, ignore_errors=True)
        for name in ("outputs", "state", "checkpoints"):
            (folder / name).mkdir()
        if (latest := checkpoints.latest()) is not None:
            (folder / "checkpoints" / f"{CHECKPOINT}{latest.steps}").write_bytes(latest.content)
        write_rows(folder / "train.parquet", encoding, train.matrix, spec.label, train.labels)
        task = model.task(TRAIN, train=str(folder / "train.parquet"))
        run_program(command_of(spec), task, folder, progress, _saving(folder, checkpoints))
        (folder / "train.parquet").unlink()
        if not (folder / "outputs" / MODEL).exists():
            raise BadSpec(f"{' '.join(command_of(spec))} ended well and left no {MODEL} in its outputs")
        return model


def command_of(spec: RunSpec) -> tuple[str, ...]:
    return tuple(spec.document.get("command") or ())


def _saving(folder: Path, checkpoints: Checkpoints) -> Callable[[], None]:
    """Saves the newest checkpoint file of the program whenever one is due."""
    saved = _newest(folder)

    def save() -> None:
        nonlocal saved
        newest = _newest(folder)
        if newest > saved and checkpoints.due():
            content = (folder / "checkpoints" / f"{CHECKPOINT}{newest}").read_bytes()
            saved = newest
            checkpoints.save(Checkpoint(newest, content))

    return save


def _newest(folder: Path) -> int:
    """Steps of the newest checkpoint file, or -1."""
    names = [path.name.removeprefix(CHECKPOINT) for path in (folder / "checkpoints").glob(f"{CHECKPOINT}*")]
    return max((int(name) for name in names if name.isdigit()), default=-1)


@dataclass(frozen=True, eq=False)
class CommandModel:
    """See `headgate_trainer.trainers.TrainedModel`. ``folder`` goes with it."""

    spec: RunSpec
    encoding: Encoding
    folder: Path

    def task(self, name: str, **files: str) -> dict[str, Any]:
        """What the program is told."""
        return {
            "format": TASK_FORMAT,
            "task": name,
            "run": self.spec.digest,
            "params": dict(self.spec.params),
            "seed": self.spec.seed,
            "threads": threads(),
            "label": self.spec.label,
            "features": [{"name": each.name, "kind": each.kind} for each in self.encoding.features],
            "outputs": str(self.folder / "outputs"),
            "state": str(self.folder / "state"),
            "checkpoints": str(self.folder / "checkpoints"),
            **files,
        }

    def score(self, matrix: Matrix) -> Floats:
        rows, scores = self.folder / "rows.parquet", self.folder / "scores.parquet"
        write_rows(rows, self.encoding, matrix)
        task = self.task(SCORE, rows=str(rows), scores=str(scores))
        run_program(command_of(self.spec), task, self.folder, _silent, lambda: None)
        try:
            return read_scores(scores, len(matrix))
        finally:
            rows.unlink()
            scores.unlink(missing_ok=True)

    def core(self) -> OnnxCore:
        return OnnxCore([], [], "", SCORE, whole=(self.folder / "outputs" / MODEL).read_bytes())

    def importance(self) -> dict[str, float]:
        """As the program tells it; equal shares where it tells none."""
        told = self._told().get("importance") or dict.fromkeys(self.encoding.names, 1.0)
        try:
            found = {name: max(0.0, float(told.get(name, 0.0))) for name in self.encoding.names}
        except (AttributeError, TypeError, ValueError) as error:
            raise BadSpec(f"{FACTS}: importance must be a number by feature: {error}") from error
        total = sum(found.values()) or 1.0
        return {name: value / total for name, value in found.items()}

    def facts(self) -> dict[str, Any]:
        usual = {"kind": "model of the product's own", "engine": command_of(self.spec)[-1]}
        told = {key: value for key, value in self._told().items() if key != "importance"}
        return {**usual, **told, "command": list(command_of(self.spec))}

    def _told(self) -> dict[str, Any]:
        path = self.folder / "outputs" / FACTS
        if not path.exists():
            return {}
        try:
            told = json.loads(path.read_bytes())
        except ValueError as error:
            raise BadSpec(f"{FACTS} is not JSON: {error}") from error
        if not isinstance(told, dict):
            raise BadSpec(f"{FACTS} must be an object")
        return told


def _silent(done: int, total: int, metrics: dict[str, float]) -> None:
    """Scoring tells of no progress."""
