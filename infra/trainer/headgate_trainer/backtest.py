"""Rolling windows inside the training interval: each is fitted anew, with an encoding of its own, and
measured on the days after what it learnt.

Owns what such windows are made of, and that a killed run keeps those it had.
"""

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from headgate_trainer.data import Floats, Table, TrainingSet
from headgate_trainer.encoding import learn_encoding
from headgate_trainer.errors import OtherNode
from headgate_trainer.journal import Journal
from headgate_trainer.metrics import Labels, measure
from headgate_trainer.run_spec import RunSpec
from headgate_trainer.trainers import Checkpoint, Checkpoints, NoCheckpoints, Rows, Trainer
from headgate_trainer.windows import Fold, Window, folds

MEASURES = ("auc", "average_precision", "log_loss", "brier")


@dataclass(frozen=True)
class Tested:
    """One window: its record as metrics.json has it, and the labels and scores of its test rows.

    A window whose rows tell nothing apart has a reason in ``record["skipped"]``, and no scores.
    """

    record: dict[str, Any]
    labels: Labels
    scores: Floats


@dataclass(frozen=True)
class BacktestRun:
    """``checkpoints`` keep the windows that are done; ``clock`` gives seconds."""

    spec: RunSpec
    trainer: Trainer
    journal: Journal
    checkpoints: Checkpoints
    clock: Callable[[], float]

    def run(self, data: TrainingSet) -> list[Tested]:
        """Oldest first; empty where the spec declares no backtest."""
        kept = self._kept()
        done, left = kept, self._folds()[len(kept) :]
        for fold in left:
            started = self.clock()
            done = [*done, self._window(fold, data)]
            seconds = round(self.clock() - started, 3)
            self._tell(len(done), seconds, done[-1].record)
            if fold is not left[-1] and self.spec.checkpoint_minutes > 0:
                self.checkpoints.save(Checkpoint(len(done), _content(done)))
        return done

    def join(self, data: TrainingSet) -> None:
        """On a node that is not the main one: helps to fit each window that is left, and keeps none."""
        for fold in self._folds()[len(self._kept()) :]:
            with contextlib.suppress(OtherNode):
                self._window(fold, data)

    def _folds(self) -> list[Fold]:
        return [] if self.spec.backtest is None else folds(self.spec.train, self.spec.backtest)

    def _kept(self) -> list[Tested]:
        found = self.checkpoints.latest() if self.spec.backtest is not None else None
        return _restored(found.content) if found else []

    def _tell(self, window: int, seconds: float, record: dict[str, Any]) -> None:
        windows = len(self._folds())
        self.journal.info("backtest", window=window, windows=windows, seconds=seconds, **record)

    def _window(self, fold: Fold, data: TrainingSet) -> Tested:
        train = data.train.where(_inside(data.train.times, fold.train))
        test = data.train.where(_inside(data.train.times, fold.test))
        record = {
            "train": _bounds(fold.train),
            "test": _bounds(fold.test),
            "rows": {"train": train.rows, "test": test.rows},
        }
        for what, table in (("train", train), ("test", test)):
            if reason := _tells_nothing(table):
                record = {**record, "skipped": f"the {what} rows: {reason}"}
                return Tested(record, np.array([], dtype=np.int8), np.array([]))
        scores = self._scores(train, test, data.texts)
        return Tested({**record, **measure(test.labels, scores)}, test.labels, scores)

    def _scores(self, train: Table, test: Table, texts: dict[str, tuple[str, ...]]) -> Floats:
        encoding = learn_encoding(self.spec.features, TrainingSet(train, test, texts))
        learnt = Rows(encoding.matrix(train, texts), train.labels)
        tested = Rows(encoding.matrix(test, texts), test.labels)
        model = self.trainer.fit(self.spec, encoding, learnt, tested, _silent, NoCheckpoints())
        return model.score(tested.matrix)


def backtest_document(windows: list[Tested]) -> dict[str, Any] | None:
    """Mean and spread (the standard deviation) are over the windows that could be measured, each counting
    once; null where none could.
    """
    if not windows:
        return None
    measured = [each.record for each in windows if "skipped" not in each.record]
    return {
        "windows": [each.record for each in windows],
        "mean": _over(measured, np.mean),
        "spread": _over(measured, np.std),
    }


def _over(records: list[dict[str, Any]], reduce: Callable[[list[float]], Any]) -> dict[str, float] | None:
    if not records:
        return None
    return {name: float(reduce([record[name] for record in records])) for name in MEASURES}


def pooled(windows: list[Tested]) -> tuple[Labels, Floats] | None:
    """Labels and scores of all test rows, or None where no window was measured."""
    parts = [each for each in windows if len(each.labels)]
    if not parts:
        return None
    return np.concatenate([p.labels for p in parts]), np.concatenate([p.scores for p in parts])


def _inside(times: npt.NDArray[np.int64], window: Window) -> npt.NDArray[np.bool_]:
    return np.asarray((times >= _micros(window.start)) & (times < _micros(window.end)))


def _bounds(window: Window) -> dict[str, str]:
    return {"from": window.start, "to": window.end}


def _micros(instant: str) -> int:
    return int(np.datetime64(datetime.fromisoformat(instant), "us").astype(np.int64))


def _tells_nothing(table: Table) -> str | None:
    if table.rows == 0:
        return "there are none"
    if table.labels.min() == table.labels.max():
        return f"all {table.rows} labels are {table.labels[0]}"
    return None


def _silent(done: int, total: int, metrics: dict[str, float]) -> None:
    """A window tells of itself when it is done; its iterations would be taken for the model's."""


def _content(done: list[Tested]) -> bytes:
    sink = io.BytesIO()
    records = json.dumps([each.record for each in done]).encode()
    arrays: dict[str, Any] = {"records": np.frombuffer(records, dtype=np.uint8)}
    for number, each in enumerate(done):
        arrays |= {f"labels{number}": each.labels, f"scores{number}": each.scores}
    np.savez(sink, **arrays)
    return sink.getvalue()


def _restored(content: bytes) -> list[Tested]:
    with np.load(io.BytesIO(content), allow_pickle=False) as found:
        records = json.loads(found["records"].tobytes())
        return [Tested(r, found[f"labels{i}"], found[f"scores{i}"]) for i, r in enumerate(records)]
