"""The network as ONNX nodes, written out by hand: nothing is left to an exporter, so that equal weights are
equal bytes.
"""

from typing import Any

import numpy as np

from headgate_trainer.trainers import OnnxCore
from headgate_trainer.trainers.torch_inputs import FURTHEST, Inputs

MATRIX = "__matrix"
SCORE = "score"


class _Graph:
    """Nodes and constants under construction."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def constant(self, name: str, values: Any) -> str:
        from onnx import numpy_helper

        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), f"__{name}"))
        return f"__{name}"

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        made = output if output == SCORE else f"__{output}"
        self.nodes.append(helper.make_node(kind, inputs, [made], name=output, **attributes))
        return made


def network_core(inputs: Inputs, weights: dict[str, Any], layers: int) -> OnnxCore:
    """``weights`` are numpy arrays by their names in the network's state."""
    graph = _Graph()
    parts = [*_numbers(graph, inputs), *_categories(graph, inputs, weights)]
    values = graph.node("Concat", parts, "first", axis=1)
    for number in range(layers):
        values = _layer(graph, values, weights, f"layers.{number}")
        values = graph.node("Relu", [values], f"relu_{number}")
    values = _layer(graph, values, weights, "last")
    graph.node("Sigmoid", [values], SCORE)
    return OnnxCore(graph.nodes, graph.initializers, MATRIX, SCORE)


def _numbers(graph: _Graph, inputs: Inputs) -> list[str]:
    if not inputs.numeric:
        return []
    columns = graph.constant("numeric", np.array(inputs.numeric, dtype=np.int64))
    mean, scale = graph.constant("mean", inputs.mean), graph.constant("scale", inputs.scale)
    numbers = graph.node("Gather", [MATRIX, columns], "numbers", axis=1)
    absent = graph.node("IsNaN", [numbers], "absent")
    filled = graph.node("Where", [absent, mean, numbers], "filled")
    centred = graph.node("Sub", [filled, mean], "centred")
    scaled = graph.node("Div", [centred, scale], "scaled")
    low = graph.constant("low", np.array(-FURTHEST, dtype=np.float32))
    high = graph.constant("high", np.array(FURTHEST, dtype=np.float32))
    parts = [graph.node("Clip", [scaled, low, high], "clipped")]
    if inputs.flagged:
        from onnx import TensorProto

        flagged = graph.constant("flagged", np.array(inputs.flagged, dtype=np.int64))
        flags = graph.node("Cast", [absent], "absent_numbers", to=TensorProto.FLOAT)
        parts.append(graph.node("Gather", [flags, flagged], "flags", axis=1))
    return parts


def _categories(graph: _Graph, inputs: Inputs, weights: dict[str, Any]) -> list[str]:
    from onnx import TensorProto

    if not inputs.categorical:
        return []
    table = weights["table.weight"]
    columns = graph.constant("categorical", np.array(inputs.categorical, dtype=np.int64))
    offsets = graph.constant("offsets", np.array(inputs.offsets, dtype=np.float32) + 1)
    codes = graph.node("Gather", [MATRIX, columns], "codes", axis=1)
    places = graph.node(
        "Cast", [graph.node("Add", [codes, offsets], "shifted")], "places", to=TensorProto.INT64
    )
    embedded = graph.node("Gather", [graph.constant("table", table), places], "embedded", axis=0)
    width = np.array([-1, len(inputs.categorical) * table.shape[1]], dtype=np.int64)
    return [graph.node("Reshape", [embedded, graph.constant("width", width)], "embeddings")]


def _layer(graph: _Graph, values: str, weights: dict[str, Any], name: str) -> str:
    weight = graph.constant(f"{name}.weight", weights[f"{name}.weight"])
    bias = graph.constant(f"{name}.bias", weights[f"{name}.bias"])
    return graph.node("Gemm", [values, weight, bias], name, transB=1)
