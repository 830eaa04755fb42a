"""One run from spec to manifest: read, refuse, train, convert, compare, test again, measure, write. Owns the
order of these steps, and what a run that was killed or done before still has to do.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headgate_trainer.backtest import BacktestRun, Tested
from headgate_trainer.card import Evidence, card_document
from headgate_trainer.card_text import card_markdown
from headgate_trainer.checkpoints import BACKTEST, FIT, CheckpointFolder, KeptCheckpoints
from headgate_trainer.data import TrainingSet, read_training_set
from headgate_trainer.encoding import Encoding, learn_encoding
from headgate_trainer.environment import environment
from headgate_trainer.errors import BadSpec, OtherNode
from headgate_trainer.evaluation import Fitted, metrics_document
from headgate_trainer.journal import Journal
from headgate_trainer.known_run import known_manifest
from headgate_trainer.learning import Learning
from headgate_trainer.onnx_graph import build_graph, signature
from headgate_trainer.outputs import Outputs, holdout_scores, json_bytes, run_folder
from headgate_trainer.parity import Limits, Parity, check_parity
from headgate_trainer.reference import reference_statistics
from headgate_trainer.run_spec import RunSpec, parse_run_spec
from headgate_trainer.stopping import Stop
from headgate_trainer.storage import Storage
from headgate_trainer.trainers import Checkpoints, NoCheckpoints, Rows, TrainedModel, Trainer, trainer_named

_RUN_OF_URI = re.compile(r"/runs/([0-9a-f]{64})/spec\.json$")


@dataclass(frozen=True)
class _Made:
    """What there is to write once the model stands."""

    encoding: Encoding
    model: TrainedModel
    artifact: bytes
    parity: Parity
    fitted: Fitted


@dataclass
class TrainRun:
    """The use case. ``scratch`` must be empty and is the caller's to remove; ``clock`` gives seconds;
    ``attempt`` counts the times AWS Batch has started this job.
    """

    storage: Storage
    journal: Journal
    scratch: Path
    clock: Callable[[], float] = time.monotonic
    find_trainer: Callable[[str], Trainer] = trainer_named
    stop: Stop = field(default_factory=Stop)
    attempt: int = 1
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, spec_uri: str) -> dict[str, Any]:
        """Returns the held-out metrics. Raises BadSpec, ModelRefused or TryAgain; then there is no
        manifest. On a node that is not the main one it raises OtherNode when its part is done.
        """
        folder = run_folder(spec_uri)
        spec = self._timed("spec", lambda: self._spec(spec_uri))
        found = environment()
        kept = CheckpointFolder(
            self.storage, f"{folder}/checkpoints", spec.digest, found["digest"], self.scratch, self.journal
        )
        known = known_manifest(self.storage, f"{folder}/out", spec.digest, self.journal)
        if known is not None:
            self.journal.info("run_known", files=len(known["files"]))
        else:
            known = self._anew(spec, Outputs(self.storage, f"{folder}/out", self.scratch), kept, found)
        if spec.checkpoint_minutes > 0:
            kept.remove()
        return dict(known["metrics"])

    def _anew(
        self, spec: RunSpec, outputs: Outputs, kept: CheckpointFolder, found: dict[str, Any]
    ) -> dict[str, Any]:
        """Does the run, and returns its manifest."""
        trainer = self.find_trainer(spec.trainer)
        trainer.check(spec)
        data = self._timed("data", lambda: read_training_set(spec, self.storage, self.scratch))
        self.journal.info("data_read", train_rows=data.train.rows, holdout_rows=data.holdout.rows)
        fit, tests = (self._checkpoints(spec, kept, slot) for slot in (FIT, BACKTEST))
        backtest = BacktestRun(spec, trainer, self.journal, tests, self.clock)
        try:
            made = self._model(spec, trainer, data, fit)
        except OtherNode:
            backtest.join(data)
            raise
        windows: list[Tested] = self._timed("backtest", lambda: backtest.run(data))
        metrics = self._timed("measure", lambda: metrics_document(spec, data, made.fitted, windows))
        self._write(outputs, spec, data, made, metrics, found)
        resumed = fit.resumed_from if isinstance(fit, KeptCheckpoints) else None
        return outputs.finish(
            {
                "run": spec.digest,
                "model": spec.model,
                "signature": signature(made.encoding),
                "metrics": metrics["holdout"],
                "parity": made.parity.to_document(),
                "environment": found,
                "attempt": self.attempt,
                "resumed_from": resumed,
                "seconds": self.seconds,
            }
        )

    def _spec(self, uri: str) -> RunSpec:
        spec = parse_run_spec(self.storage.read(uri), uri)
        named = _RUN_OF_URI.search(uri)
        if named and named.group(1) != spec.digest:
            raise BadSpec(f"{uri} has the digest {spec.digest}: it is not the run its place says")
        self.journal.bind(run=spec.digest, product=spec.product, model=spec.model)
        self.journal.info(
            "run_started", trainer=spec.trainer, partitions=len(spec.partitions), attempt=self.attempt
        )
        return spec

    def _checkpoints(self, spec: RunSpec, kept: CheckpointFolder, slot: str) -> Checkpoints:
        if spec.checkpoint_minutes <= 0:
            return NoCheckpoints()
        return KeptCheckpoints(kept, slot, spec.checkpoint_minutes, self.stop, self.clock)

    def _model(self, spec: RunSpec, trainer: Trainer, data: TrainingSet, checkpoints: Checkpoints) -> _Made:
        """Fits, converts and compares. Raises ModelRefused where the artifact says something else."""
        encoding = learn_encoding(spec.features, data)
        model, fitted = self._timed("fit", lambda: self._fit(trainer, spec, encoding, data, checkpoints))
        artifact = self._timed("convert", lambda: build_graph(encoding, model.core(), spec.model))
        feeds = encoding.feeds(data.holdout, data.texts)
        parity = self._timed(
            "parity",
            lambda: check_parity(artifact, model, encoding, feeds, fitted.holdout, Limits.of(spec)),
        )
        self.journal.info("parity_checked", bytes=len(artifact), **parity.to_document())
        parity.require()
        return _Made(encoding, model, artifact, parity, fitted)

    def _fit(
        self,
        trainer: Trainer,
        spec: RunSpec,
        encoding: Encoding,
        data: TrainingSet,
        checkpoints: Checkpoints,
    ) -> tuple[TrainedModel, Fitted]:
        """The model and its scores of both windows."""
        train = Rows(encoding.matrix(data.train, data.texts), data.train.labels)
        holdout = Rows(encoding.matrix(data.holdout, data.texts), data.holdout.labels)
        if not isinstance(checkpoints, KeptCheckpoints):
            learning = Learning(self.journal, data.train.rows, [], self.clock, lambda: 0)
            model = trainer.fit(spec, encoding, train, holdout, learning, checkpoints)
        else:
            kept = checkpoints
            learning = Learning(
                self.journal, data.train.rows, kept.points, self.clock, lambda: kept.resumed_from or 0
            )
            with self.stop.waiting_for_a_checkpoint():
                model = trainer.fit(spec, encoding, train, holdout, learning, kept)
        return model, Fitted(model.score(train.matrix), model.score(holdout.matrix), learning.points)

    def _write(
        self,
        outputs: Outputs,
        spec: RunSpec,
        data: TrainingSet,
        made: _Made,
        metrics: dict[str, Any],
        found: dict[str, Any],
    ) -> None:
        started = self.clock()
        reference = reference_statistics(spec, data.train, data.texts)
        parity, importance, facts = made.parity.to_document(), made.model.importance(), made.model.facts()
        card = card_document(spec, data, Evidence(metrics, parity, reference, importance, facts, found))
        outputs.put("model.onnx", made.artifact)
        outputs.put("metrics.json", json_bytes(metrics))
        outputs.put("reference.json", json_bytes(reference))
        outputs.put("holdout_scores.parquet", holdout_scores(spec, data.holdout, made.fitted.holdout))
        outputs.put("card.json", json_bytes(card))
        outputs.put("card.md", card_markdown(card).encode())
        self.seconds["write"] = round(self.clock() - started, 3)

    def _timed(self, name: str, step: Callable[[], Any]) -> Any:
        started = self.clock()
        try:
            return step()
        finally:
            self.seconds[name] = round(self.clock() - started, 3)
