"""Gradient-boosted trees by XGBoost, for a binary label, on the processor or on one GPU.

The matrix is read in batches, and kept as quantiles alone. Chance is drawn from the seed and the round, so
that rounds learnt after a checkpoint are those of an unbroken run. On the processor equal runs give equal
bytes, whatever the number of threads; CUDA adds up in no fixed order, and does not.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from headgate_trainer.data import Floats
from headgate_trainer.encoding import Encoding, Matrix
from headgate_trainer.errors import BadSpec
from headgate_trainer.run_spec import RunSpec
from headgate_trainer.trainers import Checkpoint, Checkpoints, OnnxCore, Progress, Rows
from headgate_trainer.trainers.params import refuse_unknown, steps_between_checkpoints, whole
from headgate_trainer.trainers.threads import threads
from headgate_trainer.trainers.tree_onnx import xgboost_core
from headgate_trainer.trainers.xgboost_rows import BATCH_ROWS, known_or_missing, quantised, types_of

ROUNDS, MOST_ROUNDS = 200, 20_000
REPORTS = 10
# fmt: off
TUNABLE = frozenset(
    {
        "learning_rate", "max_depth", "max_leaves", "min_child_weight", "subsample", "sampling_method",
        "colsample_bytree", "colsample_bylevel", "colsample_bynode", "gamma", "reg_alpha", "reg_lambda",
        "max_bin", "grow_policy", "scale_pos_weight", "max_delta_step", "max_cat_to_onehot",
        "max_cat_threshold",
    }
)
# fmt: on
OWN = frozenset({"rounds", "checkpoint_rounds"})


class XgBoostTrainer:
    """See `headgate_trainer.trainers.Trainer`."""

    def check(self, spec: RunSpec) -> None:
        refuse_unsound(spec)
        refuse_unknown(spec, TUNABLE | OWN)
        steps_between_checkpoints(spec, _rounds(spec))
        if spec.compute_class == "gpu-multi-node":
            raise BadSpec("compute class gpu-multi-node: xgboost trains on one node here; use cpu or gpu")

    def fit(
        self,
        spec: RunSpec,
        encoding: Encoding,
        train: Rows,
        watched: Rows,
        progress: Progress,
        checkpoints: Checkpoints,
    ) -> "XgBoostModel":
        import xgboost as xgb

        try:
            learnt = quantised(train, encoding, spec, None)
            seen = quantised(watched, encoding, spec, learnt)
            content, device = _learn(spec, learnt, seen, progress, checkpoints)
        except xgb.core.XGBoostError as error:
            raise BadSpec(f"xgboost refuses these parameters or this data: {_first_line(error)}") from error
        booster = xgb.Booster({"nthread": threads()}, model_file=bytearray(content))
        return XgBoostModel(booster, encoding, device)


def refuse_unsound(spec: RunSpec) -> None:
    """Raises BadSpec for boosters that are no plain sum of trees: they have no right ONNX form."""
    booster = spec.params.get("booster", "gbtree")
    if booster != "gbtree":
        raise BadSpec(f"params: booster is {booster!r}: it has no right ONNX form; leave it out for gbtree")
    if spec.params.get("num_parallel_tree", 1) != 1:
        raise BadSpec("params: num_parallel_tree: forests of boosted trees are not converted; leave it out")


def settings(spec: RunSpec) -> dict[str, Any]:
    """What XGBoost is given: the spec's choices, and what makes a run repeatable."""
    chosen = {key: value for key, value in spec.params.items() if key in TUNABLE}
    return {
        **chosen,
        "objective": "binary:logistic",
        "tree_method": "hist",
        "device": "cuda" if spec.compute_class == "gpu" else "cpu",
        "seed": spec.seed,
        "seed_per_iteration": True,
        "nthread": threads(),
        "verbosity": 0,
    }


def _learn(
    spec: RunSpec, learnt: Any, seen: Any, progress: Progress, checkpoints: Checkpoints
) -> tuple[bytes, str]:
    """The model's bytes after all rounds, and the device that learnt.

    Where a checkpoint may be taken an unbroken run takes the model up from its bytes, too: sums that are
    carried along are not bit for bit those that are made anew.
    """
    import xgboost as xgb

    chosen = [*settings(spec).items(), ("eval_metric", "auc"), ("eval_metric", "logloss")]
    rounds = _rounds(spec)
    length = steps_between_checkpoints(spec, rounds)
    latest = checkpoints.latest()
    done, content = (latest.steps, latest.content) if latest is not None else (0, b"")
    device = ""
    while done < rounds:
        booster = xgb.Booster(chosen, [learnt, seen])
        if content:
            booster.load_model(bytearray(content))
            booster.set_param(chosen)
        until = min(done + length, rounds)
        for step in range(done, until):
            booster.update(learnt, step)
            _report(booster, seen, step, rounds, progress)
        done, content, device = until, bytes(booster.save_raw("ubj")), _device(booster)
        if done < rounds and checkpoints.due():
            checkpoints.save(Checkpoint(done, content))
    return content, device


def _device(booster: Any) -> str:
    """What it learnt on: XGBoost goes on without a GPU where it finds none."""
    device: str = json.loads(booster.save_config())["learner"]["generic_param"]["device"]
    return device.partition(":")[0]


def _report(booster: Any, seen: Any, step: int, rounds: int, progress: Progress) -> None:
    done = step + 1
    if done % max(1, rounds // REPORTS) and done != rounds:
        return
    measured = [each.rsplit(":", 1) for each in booster.eval_set([(seen, "holdout")], step).split()[1:]]
    progress(done, rounds, {name.replace("-", "_"): round(float(value), 6) for name, value in measured})


def _rounds(spec: RunSpec) -> int:
    return whole(spec, "rounds", ROUNDS, 1, MOST_ROUNDS)


def _first_line(error: Exception) -> str:
    """Of a message that goes on with a stack trace."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if "Stack trace" not in line), type(error).__name__)


@dataclass(frozen=True)
class XgBoostModel:
    """See `headgate_trainer.trainers.TrainedModel`."""

    booster: Any
    encoding: Encoding
    device: str

    def score(self, matrix: Matrix) -> Floats:
        import xgboost as xgb

        parts = []
        for start in range(0, len(matrix), BATCH_ROWS):
            rows = known_or_missing(matrix[start : start + BATCH_ROWS], self.encoding)
            data = xgb.DMatrix(
                rows, feature_types=types_of(self.encoding), enable_categorical=True, nthread=threads()
            )
            parts.append(self.booster.predict(data))
        return np.concatenate(parts).astype(np.float64)

    def core(self) -> OnnxCore:
        return xgboost_core(self.booster, len(self.encoding.features), self.encoding.categorical)

    def importance(self) -> dict[str, float]:
        gains = self.booster.get_score(importance_type="total_gain")
        found = {name: float(gains.get(f"f{i}", 0.0)) for i, name in enumerate(self.encoding.names)}
        total = sum(found.values()) or 1.0
        return {name: gain / total for name, gain in found.items()}

    def facts(self) -> dict[str, Any]:
        return {
            "kind": "gradient-boosted trees",
            "engine": "xgboost",
            "trees": self.booster.num_boosted_rounds(),
            "device": self.device,
        }
