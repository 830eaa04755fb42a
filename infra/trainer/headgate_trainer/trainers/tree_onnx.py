"""Boosted trees as one ONNX tree ensemble. Owns nothing but the conversion; parity is checked elsewhere."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from headgate_trainer.encoding import UNKNOWN
from headgate_trainer.trainers import OnnxCore

MATRIX = "__matrix"
KNOWN = "__known"
SCORE = "score"
_RECURSION = 20_000
_OPSET = 15


def lightgbm_core(booster: Any, features: int) -> OnnxCore:
    """The converted model. The code of an unknown text belongs to no category of a split, as in LightGBM."""
    from onnxmltools import convert_lightgbm

    with _deep_recursion():
        converted = convert_lightgbm(
            booster, name="trees", initial_types=_inputs(features), zipmap=False, target_opset=_OPSET
        )
    return _core(converted, MATRIX, [], [])


def xgboost_core(booster: Any, features: int, categorical: Sequence[int]) -> OnnxCore:
    """The converted model. XGBoost knows no code for an unknown text: it is missing, in the graph as in
    training.
    """
    from onnxmltools import convert_xgboost

    with _deep_recursion():
        converted = convert_xgboost(booster, initial_types=_inputs(features), target_opset=_OPSET)
    if not categorical:
        return _core(converted, MATRIX, [], [])
    nodes, initializers = _unknown_as_missing(features, categorical)
    return _core(converted, KNOWN, nodes, initializers)


def _core(converted: Any, taken: str, before: list[Any], initializers: list[Any]) -> OnnxCore:
    """The ensemble's node over the tensor ``taken``, and the column of the positive class."""
    import numpy as np
    from onnx import helper, numpy_helper

    ensemble = next(node for node in converted.graph.node if node.op_type == "TreeEnsembleClassifier")
    ensemble.input[0] = taken
    ensemble.output[:] = ["__label", "__probabilities"]
    ensemble.name = "trees"
    positive = numpy_helper.from_array(np.array([1], dtype=np.int64), "__positive")
    pick = helper.make_node(
        "Gather", ["__probabilities", "__positive"], [SCORE], name="pick_positive", axis=1
    )
    return OnnxCore([*before, ensemble, pick], [*initializers, positive], MATRIX, SCORE)


def _unknown_as_missing(features: int, categorical: Sequence[int]) -> tuple[list[Any], list[Any]]:
    import numpy as np
    from onnx import helper, numpy_helper

    coded = np.zeros((1, features), dtype=bool)
    coded[0, list(categorical)] = True
    initializers = [
        numpy_helper.from_array(coded, "__coded"),
        numpy_helper.from_array(np.array(UNKNOWN, dtype=np.float32), "__unknown"),
        numpy_helper.from_array(np.array(np.nan, dtype=np.float32), "__missing"),
    ]
    nodes = [
        helper.make_node("Equal", [MATRIX, "__unknown"], ["__is_unknown"], name="is_unknown"),
        helper.make_node("And", ["__is_unknown", "__coded"], ["__is_absent"], name="is_absent"),
        helper.make_node("Where", ["__is_absent", "__missing", MATRIX], [KNOWN], name="as_missing"),
    ]
    return nodes, initializers


def _inputs(features: int) -> list[Any]:
    from onnxmltools.convert.common.data_types import FloatTensorType

    return [("x", FloatTensorType([None, features]))]


@contextmanager
def _deep_recursion() -> Iterator[None]:
    """onnxmltools walks categorical splits recursively, one level a category: the limit is lifted while it
    does.
    """
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _RECURSION))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
