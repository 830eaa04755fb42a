"""The second half of a reproduction: its training run has ended, and is compared with the recorded one."""

import hashlib
import json
import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headgate.domain.errors import Corrupted, NotFound
from headgate.domain.model import ModelVersion
from headgate.domain.reproduction import Rebuilt, Reproduction
from headgate.domain.reproduction_elements import (
    TRAINING_SEED,
    config_elements,
    hardware_elements,
    library_elements,
)
from headgate.domain.reproduction_verdict import ARTIFACT, Evidence, ScoreDifference, verdict
from headgate.domain.run import RunRecord
from headgate.domain.trainer_manifest import read_trainer_manifest
from headgate.domain.validation import Tolerance
from headgate.ports import EvaluationEngine, ModelCatalog, ObjectStore, RowWindow, Scratch
from headgate.services.reproduction.conclude_reproduction import ConcludeReproduction
from headgate.services.reproduction.recorded_config import recorded_spec
from headgate.services.training.trainer_outputs import HOLDOUT_SCORES, REFERENCE, output_key

TRIGGER = "reproduction"
"""What a run says that is part of one."""
COMPARED = (ARTIFACT, HOLDOUT_SCORES, REFERENCE)


@dataclass(frozen=True)
class _Side:
    """One of the two runs: its spec, and its trainer's manifest as a document."""

    run: str
    spec: dict[str, Any]
    manifest: dict[str, Any]

    @property
    def files(self) -> dict[str, str]:
        return {name: entry["sha256"] for name, entry in self.manifest["files"].items() if name in COMPARED}


@dataclass(frozen=True)
class _HeldOut:
    """Scores in the order of the rows, 8 bytes each, and a digest of what the rows are called."""

    names: str
    scores: Sequence[float]


@dataclass(frozen=True)
class JudgeReproduction:
    """The use case of the function that takes finished runs."""

    models: ModelCatalog
    artifacts: ObjectStore
    engine: EvaluationEngine
    conclude: ConcludeReproduction
    scratch: Scratch

    def failed(self, run: RunRecord, problem: str) -> Reproduction:
        """The fresh run left no model."""
        asked = self._asked(run)
        if asked.done:
            return self.conclude.told_again(asked)
        return self.conclude.failed(asked, f"the training run failed: {problem}")

    def judge(self, run: RunRecord) -> Reproduction:
        """The fresh run has ended well. Raises NotFound or Corrupted when its outputs are not there or not
        what they should be, Retryable.
        """
        asked = self._asked(run)
        rebuilt = self.conclude.documents.rebuilt(asked)
        if asked.done or rebuilt is None:
            return self.conclude.told_again(asked)
        model = self.models.model_version(asked.model, asked.version)
        old, new = self._side(asked.product, model.run), self._side(asked.product, run.digest)
        recorded, fresh = _evidence(rebuilt.recorded, old), _evidence(rebuilt.found, new)
        recorded = replace(recorded, outputs={**recorded.outputs, **_registered(model)})
        scores, unknown = self._scores(asked, rebuilt, old, new, recorded, fresh)
        found = verdict(recorded, fresh, scores, unknown)
        # A run whose submission was never noted is this one.
        return self.conclude.judged(replace(asked, run=run.digest), found, recorded, fresh)

    def _asked(self, run: RunRecord) -> Reproduction:
        reproduces = recorded_spec(self.artifacts, run.product, run.digest).get("reproduces") or {}
        return self.conclude.reproductions.reproduction(run.product, str(reproduces.get("request")))

    def _side(self, product: str, run: str) -> _Side:
        body = self.artifacts.get(output_key(product, run, "manifest.json"))
        read_trainer_manifest(body, run)
        return _Side(run, recorded_spec(self.artifacts, product, run), json.loads(body))

    def _scores(
        self,
        asked: Reproduction,
        rebuilt: Rebuilt,
        old: _Side,
        new: _Side,
        recorded: Evidence,
        fresh: Evidence,
    ) -> tuple[ScoreDifference | None, tuple[str, ...]]:
        """How far apart the two models are on the rows they were held out from; why that is not known."""
        if recorded.outputs[ARTIFACT] == fresh.outputs.get(ARTIFACT):
            return None, ()
        tolerance = Tolerance.from_document(old.spec["tolerance"])
        try:
            with self.scratch.directory() as directory:
                before = _held(self._rows(asked, rebuilt, old, directory / "recorded.parquet"))
                after = _held(self._rows(asked, rebuilt, new, directory / "fresh.parquet"))
            if before.names != after.names:
                told = f"{len(before.scores)} then, {len(after.scores)} now"
                return None, (f"how far the scores are apart: the runs held out other rows ({told})",)
            return ScoreDifference.between(before.scores, after.scores, tolerance), ()
        except (Corrupted, NotFound) as problem:
            return None, (f"how far the scores are apart: {problem}",)

    def _rows(
        self, asked: Reproduction, rebuilt: Rebuilt, side: _Side, path: Path
    ) -> Iterator[tuple[tuple[Any, ...], float | None]]:
        """(what names the row, its score), in one order whatever the file has."""
        found = self.artifacts.download(output_key(asked.product, side.run, HOLDOUT_SCORES), path)
        if found != side.files.get(HOLDOUT_SCORES):
            raise Corrupted(f"{HOLDOUT_SCORES} of run {side.run[:12]} is not what its trainer wrote")
        start, end = side.spec["split"]["holdout"]
        window = RowWindow((str(path),), rebuilt.event_time, rebuilt.entity, start, end)
        names = [*rebuilt.entity, rebuilt.event_time]
        for batch in self.engine.rows(window, [*names, "score"]):
            keys = zip(*(batch[name] for name in names), strict=True)
            yield from zip(keys, batch["score"], strict=True)


def _held(rows: Iterator[tuple[tuple[Any, ...], float | None]]) -> _HeldOut:
    names, scores = hashlib.sha256(), array("d")
    for name, score in rows:
        names.update(repr(name).encode("utf-8"))
        scores.append(math.nan if score is None else score)
    return _HeldOut(names.hexdigest(), scores)


def _registered(model: ModelVersion) -> dict[str, str]:
    """The artifact as it was registered, whatever its trainer's manifest says."""
    return {ARTIFACT: model.artifact_sha256} if model.artifact_sha256 else {}


def _evidence(features: Any, side: _Side) -> Evidence:
    environment = side.manifest.get("environment") or {}
    known = {**features, "seeds": {**features["seeds"], TRAINING_SEED: side.spec["seed"]}}
    return Evidence(
        **known,
        config=config_elements(side.spec),
        libraries=library_elements(environment),
        image=side.spec["environment_digest"],
        hardware=hardware_elements(environment),
        outputs=side.files,
    )
