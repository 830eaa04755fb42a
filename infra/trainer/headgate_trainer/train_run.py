"""One run from spec to manifest: read, refuse, train, convert, compare, write. Owns the order of these
steps.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headgate_trainer import card as cards
from headgate_trainer.baselines import baseline_scores
from headgate_trainer.data import Floats, TrainingSet, read_training_set
from headgate_trainer.encoding import Encoding, learn_encoding
from headgate_trainer.errors import BadSpec
from headgate_trainer.journal import Journal
from headgate_trainer.metrics import calibration, measure
from headgate_trainer.onnx_graph import build_graph, signature
from headgate_trainer.outputs import Outputs, environment, holdout_scores, json_bytes, outputs_base
from headgate_trainer.parity import Limits, Parity, check_parity
from headgate_trainer.reference import reference_statistics
from headgate_trainer.run_spec import RunSpec, parse_run_spec
from headgate_trainer.storage import Storage
from headgate_trainer.trainers import NoCheckpoints, Rows, TrainedModel, Trainer, trainer_named

_RUN_OF_URI = re.compile(r"/runs/([0-9a-f]{64})/spec\.json$")


@dataclass
class TrainRun:
    """The use case. ``scratch`` must be empty and is the caller's to remove; ``clock`` gives seconds."""

    storage: Storage
    journal: Journal
    scratch: Path
    clock: Callable[[], float] = time.monotonic
    find_trainer: Callable[[str], Trainer] = trainer_named
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, spec_uri: str) -> dict[str, Any]:
        """Returns the held-out metrics. Raises BadSpec, ModelRefused or TryAgain; then there is no
        manifest.
        """
        outputs = Outputs(self.storage, outputs_base(spec_uri), self.scratch)
        spec = self._timed("spec", lambda: self._spec(spec_uri))
        trainer = self.find_trainer(spec.trainer)
        trainer.check(spec)
        data = self._timed("data", lambda: read_training_set(spec, self.storage, self.scratch))
        self.journal.info("data_read", train_rows=data.train.rows, holdout_rows=data.holdout.rows)
        encoding = learn_encoding(spec.features, data)
        model, scores = self._timed("fit", lambda: self._fit(trainer, spec, encoding, data))
        artifact = self._timed("convert", lambda: build_graph(encoding, model.core(), spec.model))
        feeds = encoding.feeds(data.holdout, data.texts)
        parity = self._timed(
            "parity",
            lambda: check_parity(artifact, model, encoding, feeds, scores["holdout"], Limits.of(spec)),
        )
        self.journal.info("parity_checked", bytes=len(artifact), **parity.to_document())
        parity.require()
        metrics = self._timed("measure", lambda: _metrics(spec, data, scores))
        self._write(outputs, spec, data, encoding, model, artifact, parity, metrics, scores["holdout"])
        return dict(metrics["holdout"])

    def _spec(self, uri: str) -> RunSpec:
        spec = parse_run_spec(self.storage.read(uri), uri)
        named = _RUN_OF_URI.search(uri)
        if named and named.group(1) != spec.digest:
            raise BadSpec(f"{uri} has the digest {spec.digest}: it is not the run its place says")
        self.journal.bind(run=spec.digest, product=spec.product, model=spec.model)
        self.journal.info("run_started", trainer=spec.trainer, partitions=len(spec.partitions))
        return spec

    def _fit(
        self, trainer: Trainer, spec: RunSpec, encoding: Encoding, data: TrainingSet
    ) -> tuple[TrainedModel, dict[str, Floats]]:
        """The model and its scores of both windows."""
        train = Rows(encoding.matrix(data.train, data.texts), data.train.labels)
        holdout = Rows(encoding.matrix(data.holdout, data.texts), data.holdout.labels)

        def progress(done: int, total: int, metrics: dict[str, float]) -> None:
            self.journal.info("training", iteration=done, iterations=total, **metrics)

        model = trainer.fit(spec, encoding, train, holdout, progress, NoCheckpoints())
        return model, {"train": model.score(train.matrix), "holdout": model.score(holdout.matrix)}

    def _write(
        self,
        outputs: Outputs,
        spec: RunSpec,
        data: TrainingSet,
        encoding: Encoding,
        model: TrainedModel,
        artifact: bytes,
        parity: Parity,
        metrics: dict[str, Any],
        scores: Floats,
    ) -> None:
        started = self.clock()
        reference = reference_statistics(spec, data.train, data.texts)
        evidence = cards.Evidence(
            metrics, parity.to_document(), reference, model.importance(), model.facts(), environment()
        )
        card = cards.card_document(spec, data, evidence)
        outputs.put("model.onnx", artifact)
        outputs.put("metrics.json", json_bytes(metrics))
        outputs.put("reference.json", json_bytes(reference))
        outputs.put("holdout_scores.parquet", holdout_scores(spec, data.holdout, scores))
        outputs.put("card.json", json_bytes(card))
        outputs.put("card.md", cards.card_markdown(card).encode())
        self.seconds["write"] = round(self.clock() - started, 3)
        outputs.finish(
            {
                "run": spec.digest,
                "model": spec.model,
                "signature": signature(encoding),
                "metrics": metrics["holdout"],
                "parity": parity.to_document(),
                "environment": environment(),
                "seconds": self.seconds,
            }
        )

    def _timed(self, name: str, step: Callable[[], Any]) -> Any:
        started = self.clock()
        try:
            return step()
        finally:
            self.seconds[name] = round(self.clock() - started, 3)


def _metrics(spec: RunSpec, data: TrainingSet, scores: dict[str, Floats]) -> dict[str, Any]:
    """What the model and the baselines reach on the holdout, and the model on what it learnt from."""
    labels = data.holdout.labels
    baselines = baseline_scores(data.train, data.holdout, spec.baselines)
    measured = {name: measure(labels, values) for name, values in baselines.items()}
    holdout = measure(labels, scores["holdout"])
    return {
        "holdout": {**holdout, "calibration": calibration(labels, scores["holdout"])},
        "train": measure(data.train.labels, scores["train"]),
        "baselines": measured,
        "lift_over_best_baseline": holdout["auc"] - max(each["auc"] for each in measured.values()),
        "rows": {"train": data.train.rows, "holdout": data.holdout.rows},
    }
