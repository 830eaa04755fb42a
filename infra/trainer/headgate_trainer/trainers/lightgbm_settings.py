"""Which parameters LightGBM is given: those that may be set, and those that make a run repeatable.

Owns refusing by name the kinds of model whose conversion to ONNX is silently wrong.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from headgate_trainer.errors import BadSpec
from headgate_trainer.run_spec import RunSpec
from headgate_trainer.trainers.params import SEEDS
from headgate_trainer.trainers.threads import threads

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
_BOOSTING = frozenset({"boosting", "boosting_type", "boost"})
_LINEAR = frozenset({"linear_tree", "linear_trees"})
_SEEDS = ("bagging_seed", "feature_fraction_seed", "extra_seed", "drop_seed", "objective_seed")


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


def settings(spec: RunSpec, first_round: int = 0) -> dict[str, Any]:
    """What LightGBM is given for the rounds from ``first_round`` on.

    Rounds after a boundary draw their chances anew, from the seed and the round they begin at: where they
    were drawn from until then is in no model's text.
    """
    chosen = {key: value for key, value in spec.params.items() if key in TUNABLE}
    fixed = {
        "objective": "binary",
        "metric": ["auc", "binary_logloss"],
        "seed": spec.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": threads(),
        "verbosity": -1,
    }
    device = {"device_type": "cuda"} if spec.compute_class == "gpu" else {}
    return {**device, **chosen, **fixed, **(_seeds(spec.seed, first_round) if first_round else {})}


def _seeds(seed: int, first_round: int) -> dict[str, int]:
    return {
        name: int(hashlib.sha256(f"{seed}:{first_round}:{name}".encode()).hexdigest(), 16) % SEEDS
        for name in _SEEDS
    }
