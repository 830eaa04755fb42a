"""Gradient-boosted trees by LightGBM, for a binary label.

Owns which parameters may be set, and the two things that make the artifact equal to the model: float32
thresholds, and refusing by name the kinds of model whose conversion is silently wrong.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from headgate_trainer.data import Floats
from headgate_trainer.encoding import Encoding, Matrix
from headgate_trainer.errors import BadSpec
from headgate_trainer.run_spec import RunSpec
from headgate_trainer.trainers import Checkpoints, OnnxCore, Progress, Rows
from headgate_trainer.trainers.lightgbm_onnx import tree_core

ROUNDS = 200
REPORTS = 10
# fmt: off
TUNABLE = frozenset(
    {
        "boosting", "data_sample_strategy", "objective", "learning_rate", "num_leaves", "max_depth",
        "min_data_in_leaf", "min_sum_hessian_in_leaf", "feature_fraction", "feature_fraction_bynode",
        "bagging_fraction", "bagging_freq", "lambda_l1", "lambda_l2", "min_gain_to_split", "max_bin",
        "min_data_in_bin", "cat_smooth", "cat_l2", "max_cat_threshold", "max_cat_to_onehot",
        "min_data_per_group", "path_smooth", "extra_trees", "top_rate", "other_rate", "drop_rate",
        "max_drop", "skip_drop", "uniform_drop", "scale_pos_weight", "is_unbalance", "device_type",
    }
)
# fmt: on
OWN = frozenset({"rounds"})
_BOOSTING = frozenset({"boosting", "boosting_type", "boost"})
_LINEAR = frozenset({"linear_tree", "linear_trees"})


class LightGbmTrainer:
    """See `headgate_trainer.trainers.Trainer`."""

    def check(self, spec: RunSpec) -> None:
        refuse_unsound(spec.params)
        unknown = sorted(set(spec.params) - TUNABLE - OWN)
        if unknown:
            known = ", ".join(sorted(TUNABLE | OWN))
            raise BadSpec(f"params: {', '.join(unknown)} cannot be set for lightgbm; known: {known}")
        if spec.params.get("objective", "binary") != "binary":
            raise BadSpec(
                f"params: objective is {spec.params['objective']!r}; this trainer learns binary labels only"
            )
        rounds = spec.params.get("rounds", ROUNDS)
        if not isinstance(rounds, int) or isinstance(rounds, bool) or not 1 <= rounds <= 20_000:
            raise BadSpec(f"params: rounds is {rounds!r}; a whole number from 1 to 20000 is needed")
        if spec.compute_class == "gpu-multi-node":
            raise BadSpec("compute class gpu-multi-node: lightgbm trains on one node here; use cpu or gpu")

    def fit(
        self,
        spec: RunSpec,
        encoding: Encoding,
        train: Rows,
        watched: Rows,
        progress: Progress,
        checkpoints: Checkpoints,  # noqa: ARG002 - none are taken yet
    ) -> "LightGbmModel":
        # Read when the library is loaded: threads that spin while they wait made a fit four times slower on
        # a busy machine of two cores.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        import lightgbm as lgb

        rounds = int(spec.params.get("rounds", ROUNDS))
        parameters = settings(spec)
        try:
            learnt = _dataset(train, encoding, parameters, None)
            booster = lgb.train(
                parameters,
                learnt,
                num_boost_round=rounds,
                valid_sets=[_dataset(watched, encoding, parameters, learnt)],
                valid_names=["holdout"],
                callbacks=[_reporter(progress, rounds)],
            )
        except lgb.basic.LightGBMError as error:
            raise BadSpec(f"lightgbm refuses these parameters or this data: {error}") from error
        model = with_float32_thresholds(booster.model_to_string())
        return LightGbmModel(lgb.Booster(model_str=model), encoding)


def refuse_unsound(params: Mapping[str, Any]) -> None:
    """By name, since their ONNX form was measured to be off by 1.4 (rf) and 5.1 (linear_tree) without any
    error.
    """
    for key in sorted(_BOOSTING & params.keys()):
        if str(params[key]).lower() in ("rf", "random_forest"):
            raise BadSpec(
                f"params: {key} is {params[key]!r}: random forests convert to a wrong ONNX graph; "
                "use gbdt, goss or dart"
            )
    for key in sorted(_LINEAR & params.keys()):
        if params[key] not in (False, "false", 0):
            raise BadSpec(f"params: {key}: linear trees convert to a wrong ONNX graph; leave it out")


def settings(spec: RunSpec) -> dict[str, Any]:
    """What LightGBM is given: the spec's choices, and what makes a run repeatable."""
    chosen = {key: value for key, value in spec.params.items() if key in TUNABLE}
    fixed = {
        "objective": "binary",
        "metric": ["auc", "binary_logloss"],
        "seed": spec.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": _threads(),
        "verbosity": -1,
    }
    device = {"device_type": "cuda"} if spec.compute_class == "gpu" else {}
    return {**device, **chosen, **fixed}


def _threads() -> int:
    """The cores this process may use; the result does not depend on their number."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
    )


def _reporter(progress: Progress, rounds: int) -> Any:
    every = max(1, rounds // REPORTS)

    def report(environment: Any) -> None:
        done = environment.iteration + 1
        if done % every == 0 or done == rounds:
            progress(
                done,
                rounds,
                {
                    f"{each[0]}_{each[1]}": round(float(each[2]), 6)
                    for each in environment.evaluation_result_list
                },
            )

    return report


_THRESHOLDS = re.compile(r"^threshold=(.*)$", re.MULTILINE)
_TREE_SIZES = re.compile(r"^tree_sizes=.*\n", re.MULTILINE)


def with_float32_thresholds(model: str) -> str:
    """The model's text with every threshold rounded down to float32.

    ONNX trees compare float32. A double threshold between two neighbouring floats would round up onto the
    upper one and send it the other way; rounded down, ``x <= threshold`` holds for the same float32 values
    as before. Categorical thresholds are small indices and stay as they are. The list of tree sizes (in
    bytes) goes: it would no longer be true.
    """

    def floored(found: re.Match[str]) -> str:
        values = np.array([float(text) for text in found.group(1).split()])
        narrow = values.astype(np.float32)
        narrow = np.where(
            narrow.astype(np.float64) > values, np.nextafter(narrow, np.float32(-np.inf)), narrow
        )
        return "threshold=" + " ".join(repr(float(value)) for value in narrow)

    return _THRESHOLDS.sub(floored, _TREE_SIZES.sub("", model))


@dataclass(frozen=True)
class LightGbmModel:
    """See `headgate_trainer.trainers.TrainedModel`."""

    booster: Any
    encoding: Encoding

    def score(self, matrix: Matrix) -> Floats:
        return np.asarray(self.booster.predict(matrix, num_threads=_threads()), dtype=np.float64)

    def core(self) -> OnnxCore:
        return tree_core(self.booster, len(self.encoding.features))

    def importance(self) -> dict[str, float]:
        gains = self.booster.feature_importance("gain")
        total = float(gains.sum()) or 1.0
        return {name: float(gain) / total for name, gain in zip(self.encoding.names, gains, strict=True)}

    def facts(self) -> dict[str, Any]:
        return {"kind": "gradient-boosted trees", "engine": "lightgbm", "trees": self.booster.num_trees()}
