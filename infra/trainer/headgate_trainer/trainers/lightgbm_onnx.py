"""A LightGBM booster as one ONNX tree ensemble. Owns nothing but the conversion; parity is checked
elsewhere.
"""

import sys
from typing import Any

from headgate_trainer.trainers import OnnxCore

MATRIX = "__matrix"
SCORE = "score"
_RECURSION = 20_000


def tree_core(booster: Any, features: int) -> OnnxCore:
    """The ensemble node of the converted model, and the column of the positive class."""
    import numpy as np
    from onnx import helper, numpy_helper

    ensemble = _ensemble_node(booster, features)
    ensemble.input[0] = MATRIX
    ensemble.output[:] = ["__label", "__probabilities"]
    ensemble.name = "trees"
    positive = numpy_helper.from_array(np.array([1], dtype=np.int64), "__positive")
    pick = helper.make_node(
        "Gather", ["__probabilities", "__positive"], [SCORE], name="pick_positive", axis=1
    )
    return OnnxCore([ensemble, pick], [positive], MATRIX, SCORE)


def _ensemble_node(booster: Any, features: int) -> Any:
    """onnxmltools walks categorical splits recursively, one level a category: the limit is lifted while it
    does.
    """
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _RECURSION))
    try:
        converted = convert_lightgbm(
            booster,
            name="trees",
            initial_types=[("x", FloatTensorType([None, features]))],
            zipmap=False,
            target_opset=15,
        )
    finally:
        sys.setrecursionlimit(before)
    return next(node for node in converted.graph.node if node.op_type == "TreeEnsembleClassifier")
