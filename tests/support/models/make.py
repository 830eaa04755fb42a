"""Writes the models of this folder. Needs `onnx`: run it with the trainer's environment."""

from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

HERE = Path(__file__).parent


def constant(name: str, value: float) -> Any:
    return helper.make_tensor(name, TensorProto.FLOAT, [1], [value])


def tiny() -> Any:
    nodes = [
        helper.make_node("IsNaN", ["size"], ["missing"]),
        helper.make_node("Where", ["missing", "two", "size"], ["filled"]),
        helper.make_node("Mul", ["filled", "half"], ["weighed"]),
        helper.make_node(
            "LabelEncoder",
            ["colour"],
            ["warmth"],
            domain="ai.onnx.ml",
            keys_strings=["red", "", "true", "5"],
            values_floats=[1.0, -1.0, 2.0, 3.0],
            default_float=0.0,
        ),
        helper.make_node("Add", ["weighed", "warmth"], ["total"]),
        helper.make_node("Sigmoid", ["total"], ["score"]),
    ]
    inputs = [
        helper.make_tensor_value_info("size", TensorProto.FLOAT, [None, 1]),
        helper.make_tensor_value_info("colour", TensorProto.STRING, [None, 1]),
    ]
    output = helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])
    return helper.make_graph(nodes, "tiny", inputs, [output], [constant("two", 2.0), constant("half", 0.5)])


def single(kind: int, output: str) -> Any:
    return helper.make_graph(
        [helper.make_node("Identity", ["size"], [output])],
        "single",
        [helper.make_tensor_value_info("size", kind, [None, 1])],
        [helper.make_tensor_value_info(output, kind, [None, 1])],
    )


def write(name: str, graph: Any) -> None:
    opsets = [helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="headgate")
    onnx.checker.check_model(model)
    (HERE / name).write_bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    write("tiny.onnx", tiny())
    write("double.onnx", single(TensorProto.DOUBLE, "score"))
    write("unnamed.onnx", single(TensorProto.FLOAT, "answer"))
