"""Checkpoints of a run, beside its outputs: ``…/runs/<digest>/checkpoints/<slot>.0``, ``.1`` and ``.json``.

Owns their being whole. Contents alternate between two names; the pointer ``<slot>.json`` is written after
the content it names, with its sha256. So at every moment a whole checkpoint is named, whatever is cut short,
and never more than two are kept. One that is torn, of another run or made by other libraries is not used.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from headgate_trainer.errors import Absent, TrainerError
from headgate_trainer.journal import Journal
from headgate_trainer.stopping import Stop
from headgate_trainer.storage import Storage
from headgate_trainer.trainers import Checkpoint

FORMAT = "headgate.checkpoint/1"
FIT, BACKTEST = "fit", "backtest"
SLOTS = (FIT, BACKTEST)
Points = list[dict[str, Any]]


@dataclass(frozen=True)
class _Entry:
    """One checkpoint as the pointer names it."""

    name: str
    steps: int
    bytes: int
    sha256: str
    points: Points


@dataclass(frozen=True)
class CheckpointFolder:
    """Where a run's checkpoints lie, and whose they must be: of this run, made by these libraries."""

    storage: Storage
    base: str
    run: str
    environment: str
    scratch: Path
    journal: Journal

    def uri(self, slot: str, name: str) -> str:
        return f"{self.base}/{slot}.{name}"

    def remove(self) -> None:
        """To be called when the run has its manifest. What cannot be removed is told, and harms nothing."""
        for slot in SLOTS:
            for name in ("json", "0", "1"):
                try:
                    self.storage.delete(self.uri(slot, name))
                except TrainerError as trouble:
                    self.journal.error("checkpoint_left", slot=slot, reason=str(trouble))
                    return


@dataclass
class KeptCheckpoints:
    """See `headgate_trainer.trainers.Checkpoints`. ``clock`` gives seconds and never goes back."""

    folder: CheckpointFolder
    slot: str
    minutes: float
    stop: Stop = field(default_factory=Stop)
    clock: Callable[[], float] = time.monotonic
    points: Points = field(default_factory=list)
    """The learning curve so far: saved with each checkpoint, and had back from the one resumed from."""
    resumed_from: int | None = None
    _newest: _Entry | None = None
    _since: float = field(init=False)

    def __post_init__(self) -> None:
        self._since = self.clock()

    def latest(self) -> Checkpoint | None:
        for entry in self._pointer():
            content = self._whole(entry)
            if content is None:
                continue
            self._newest, self.resumed_from, self._since = entry, entry.steps, self.clock()
            self.points[:] = entry.points
            self._tell("resumed", steps=entry.steps)
            return Checkpoint(entry.steps, content)
        return None

    def due(self) -> bool:
        return self.stop.asked or self.clock() - self._since >= self.minutes * 60

    def save(self, checkpoint: Checkpoint) -> None:
        """A checkpoint that cannot be written is told, and the run goes on: it only has further to go back.

        Raises Terminated when the run was told to stop.
        """
        started = self.clock()
        try:
            self._write(checkpoint)
        except TrainerError as trouble:
            self._tell("checkpoint_failed", steps=checkpoint.steps, reason=str(trouble))
        else:
            spent = round(self.clock() - started, 3)
            self._tell(
                "checkpoint_saved", steps=checkpoint.steps, bytes=len(checkpoint.content), seconds=spent
            )
            self.stop.saved(checkpoint.steps)
        self._since = self.clock()

    def _write(self, checkpoint: Checkpoint) -> None:
        older = self._newest
        entry = _Entry(
            name="1" if older is not None and older.name == "0" else "0",
            steps=checkpoint.steps,
            bytes=len(checkpoint.content),
            sha256=hashlib.sha256(checkpoint.content).hexdigest(),
            points=list(self.points),
        )
        self._put(entry.name, checkpoint.content)
        named = [asdict(each) for each in (entry, older) if each is not None]
        self._put("json", json.dumps({**self._whose(), "checkpoints": named}, sort_keys=True).encode())
        self._newest = entry

    def _whose(self) -> dict[str, str]:
        return {"format": FORMAT, "run": self.folder.run, "environment": self.folder.environment}

    def _put(self, name: str, content: bytes) -> None:
        path = self.folder.scratch / f"checkpoint-{self.slot}.{name}"
        path.write_bytes(content)
        try:
            self.folder.storage.write(self.folder.uri(self.slot, name), path)
        finally:
            path.unlink()

    def _pointer(self) -> list[_Entry]:
        try:
            document = json.loads(self.folder.storage.read(self.folder.uri(self.slot, "json")))
            found = {key: document.get(key) for key in self._whose()}
            entries = [_Entry(**entry) for entry in document["checkpoints"]]
        except Absent:
            return []
        except (ValueError, KeyError, TypeError, AttributeError):
            self._tell("checkpoint_ignored", reason="its pointer is damaged")
            return []
        for key, needed in self._whose().items():
            if found[key] != needed:
                self._tell("checkpoint_ignored", reason=f"its {key} is {found[key]}, not {needed}")
                return []
        return entries

    def _whole(self, entry: _Entry) -> bytes | None:
        try:
            content = self.folder.storage.read(self.folder.uri(self.slot, entry.name))
        except Absent:
            content = b""
        if hashlib.sha256(content).hexdigest() == entry.sha256:
            return content
        self._tell("checkpoint_ignored", steps=entry.steps, reason="its content is torn or gone")
        return None

    def _tell(self, event: str, **keys: Any) -> None:
        self.folder.journal.info(event, slot=self.slot, **keys)
