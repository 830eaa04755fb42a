"""Gradient-boosted trees by LightGBM, for a binary label.

Rounds are learnt in stretches that end where a checkpoint may be taken, each from the scores of those before,
so that a run which was killed goes on as if it had not been. Without checkpoints there is one stretch.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headgate_trainer.data import Floats
from headgate_trainer.encoding import Encoding, Matrix
from headgate_trainer.errors import BadSpec
from headgate_trainer.run_spec import RunSpec
from headgate_trainer.trainers import Checkpoint, Checkpoints, OnnxCore, Progress, Rows
from headgate_trainer.trainers.lightgbm_settings import TUNABLE, refuse_unsound, settings
from headgate_trainer.trainers.lightgbm_text import joined, with_float32_thresholds
from headgate_trainer.trainers.params import (
    keeps_checkpoints,
    refuse_unknown,
    steps_between_checkpoints,
    whole,
)
from headgate_trainer.trainers.threads import threads
from headgate_trainer.trainers.tree_onnx import lightgbm_core

ROUNDS, MOST_ROUNDS = 200, 20_000
REPORTS = 10
OWN = frozenset({"rounds", "checkpoint_rounds"})


class LightGbmTrainer:
    """See `headgate_trainer.trainers.Trainer`."""

    def check(self, spec: RunSpec) -> None:
        refuse_unsound(spec.params)
        refuse_unknown(spec, TUNABLE | OWN)
        if spec.params.get("objective", "binary") != "binary":
            raise BadSpec(
                f"params: objective is {spec.params['objective']!r}; this trainer learns binary labels only"
            )
        steps_between_checkpoints(spec, _rounds(spec))
        if spec.params.get("boosting") == "dart" and keeps_checkpoints(spec):
            raise BadSpec(
                "checkpoint_minutes: dart changes trees it made before, so that it cannot go on from a "
                "checkpoint; use gbdt, or 0 minutes"
            )
        if spec.compute_class == "gpu-multi-node":
            raise BadSpec("compute class gpu-multi-node: lightgbm trains on one node here; use cpu or gpu")

    def fit(
        self,
        spec: RunSpec,
        encoding: Encoding,
        train: Rows,
        watched: Rows,
        progress: Progress,
        checkpoints: Checkpoints,
    ) -> "LightGbmModel":
        # Read when the library is loaded: threads that spin while they wait made a fit four times slower on
        # a busy machine of two cores.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        import lightgbm as lgb

        try:
            stretches = _Stretches(spec, encoding, train, watched, progress)
            stretches.learn(checkpoints)
        except lgb.basic.LightGBMError as error:
            raise BadSpec(f"lightgbm refuses these parameters or this data: {error}") from error
        model = with_float32_thresholds(joined(stretches.models))
        return LightGbmModel(lgb.Booster(model_str=model), encoding)


class _Stretches:
    """The rounds of a run, stretch by stretch; ``models`` are the texts of those that are done."""

    def __init__(
        self, spec: RunSpec, encoding: Encoding, train: Rows, watched: Rows, progress: Progress
    ) -> None:
        self.spec, self.progress = spec, progress
        self.rounds = _rounds(spec)
        self.length = steps_between_checkpoints(spec, self.rounds)
        self.models: list[str] = []
        self.matrices = (train.matrix, watched.matrix)
        self.learnt = _dataset(train, encoding, settings(spec), None)
        self.seen = _dataset(watched, encoding, settings(spec), self.learnt)

    def learn(self, checkpoints: Checkpoints) -> None:
        """All that is left to do after the latest checkpoint."""
        done = 0
        if (latest := checkpoints.latest()) is not None:
            self.models, done = json.loads(latest.content), latest.steps
        scores = _sums(self.models, self.matrices)
        while done < self.rounds:
            if done:
                self.learnt.set_init_score(scores[0])
                self.seen.set_init_score(scores[1])
            until = min(done + self.length, self.rounds)
            self.models.append(self._stretch(done, until))
            done = until
            if done < self.rounds:
                for total, added in zip(scores, _raw_scores(self.models[-1], self.matrices), strict=True):
                    total += added
                if checkpoints.due():
                    checkpoints.save(Checkpoint(done, json.dumps(self.models).encode()))

    def _stretch(self, first: int, until: int) -> str:
        import lightgbm as lgb

        booster = lgb.Booster(settings(self.spec, first), self.learnt)
        booster.add_valid(self.seen, "holdout")
        every = max(1, self.rounds // REPORTS)
        for done in range(first + 1, until + 1):
            booster.update()
            if done % every == 0 or done == self.rounds:
                measured = booster.eval_valid()
                self.progress(
                    done, self.rounds, {f"{each[0]}_{each[1]}": round(float(each[2]), 6) for each in measured}
                )
        text: str = booster.model_to_string()
        return text


def _rounds(spec: RunSpec) -> int:
    return whole(spec, "rounds", ROUNDS, 1, MOST_ROUNDS)


def _sums(models: Sequence[str], matrices: Sequence[Matrix]) -> list[Floats]:
    """The raw scores of all models together, added in the order in which an unbroken run adds them."""
    sums = [np.zeros(len(matrix)) for matrix in matrices]
    for model in models:
        for total, added in zip(sums, _raw_scores(model, matrices), strict=True):
            total += added
    return sums


def _raw_scores(model: str, matrices: Sequence[Matrix]) -> list[Floats]:
    import lightgbm as lgb

    booster = lgb.Booster(model_str=model)
    return [booster.predict(matrix, raw_score=True, num_threads=threads()) for matrix in matrices]


def _dataset(rows: Rows, encoding: Encoding, parameters: dict[str, Any], reference: Any) -> Any:
    import lightgbm as lgb

    return lgb.Dataset(
        rows.matrix,
        label=rows.labels,
        reference=reference,
        feature_name=[f"f{i}" for i in range(len(encoding.names))],
        categorical_feature=encoding.categorical,
        params=parameters,
        free_raw_data=True,
    ).construct()


@dataclass(frozen=True)
class LightGbmModel:
    """See `headgate_trainer.trainers.TrainedModel`."""

    booster: Any
    encoding: Encoding

    def score(self, matrix: Matrix) -> Floats:
        return np.asarray(self.booster.predict(matrix, num_threads=threads()), dtype=np.float64)

    def core(self) -> OnnxCore:
        return lightgbm_core(self.booster, len(self.encoding.features))

    def importance(self) -> dict[str, float]:
        gains = self.booster.feature_importance("gain")
        total = float(gains.sum()) or 1.0
        return {name: float(gain) / total for name, gain in zip(self.encoding.names, gains, strict=True)}

    def facts(self) -> dict[str, Any]:
        return {"kind": "gradient-boosted trees", "engine": "lightgbm", "trees": self.booster.num_trees()}
