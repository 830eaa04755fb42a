"""The artifact's graph: one named input a feature, encoding inside, one output ``score``.

Numeric inputs are FP32 [N, 1], NaN for null. Categorical ones are STRING [N, 1]; '' is null, and a text
that training did not see gets the unknown code. Equal models give equal bytes: no time, no random name, no
producer's version.
"""

from typing import Any

from headgate_trainer.encoding import UNKNOWN, Encoding
from headgate_trainer.errors import ModelRefused
from headgate_trainer.trainers import OnnxCore

IR_VERSION = 8
OPSET = 15
ML_OPSET = 3
OUTPUT = "score"


def build_graph(encoding: Encoding, core: OnnxCore, name: str) -> bytes:
    """The serialised model.

    Raises ``onnx.checker.ValidationError`` when it is no valid ONNX (a bug here), and ModelRefused when a
    graph from another hand does not take and give what it must.
    """
    import onnx
    from onnx import TensorProto, helper

    if core.whole is not None:
        return adopted(encoding, core.whole)

    inputs, nodes = _features(encoding, core.input)
    graph = helper.make_graph(
        [*nodes, *core.nodes],
        name,
        inputs,
        [helper.make_tensor_value_info(core.output, TensorProto.FLOAT, [None, 1])],
        initializer=core.initializers,
    )
    versions = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=IR_VERSION, producer_name="headgate")
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _features(encoding: Encoding, matrix: str) -> tuple[list[Any], list[Any]]:
    """The inputs, and the nodes that make the tensor ``matrix`` of them."""
    from onnx import TensorProto, helper

    inputs, nodes, columns = [], [], []
    for feature in encoding.features:
        if feature.kind == "numeric":
            inputs.append(helper.make_tensor_value_info(feature.name, TensorProto.FLOAT, [None, 1]))
            columns.append(feature.name)
            continue
        inputs.append(helper.make_tensor_value_info(feature.name, TensorProto.STRING, [None, 1]))
        columns.append(f"__code_{feature.name}")
        nodes.append(_codes(feature.name, columns[-1], encoding.vocabulary[feature.name]))
    nodes.append(helper.make_node("Concat", columns, [matrix], name="columns", axis=1))
    return inputs, nodes


def _codes(source: str, target: str, texts: tuple[str, ...]) -> Any:
    from onnx import helper

    return helper.make_node(
        "LabelEncoder",
        [source],
        [target],
        name=f"encode_{source}",
        domain="ai.onnx.ml",
        keys_strings=list(texts),
        values_floats=[float(code) for code in range(len(texts))],
        default_float=UNKNOWN,
    )


def adopted(encoding: Encoding, content: bytes) -> bytes:
    """A graph that a program of the product's own made, as it is."""
    import onnx
    from onnx import TensorProto

    try:
        model = onnx.load_model_from_string(content)
        onnx.checker.check_model(model)
    except Exception as error:
        raise ModelRefused(f"the program's model.onnx is no valid ONNX: {error}") from error
    graph = model.graph
    if any(each.external_data for each in graph.initializer):
        raise ModelRefused("the program's model.onnx keeps weights in other files; it must hold them itself")
    kinds = {"numeric": TensorProto.FLOAT, "categorical": TensorProto.STRING}
    constants = {each.name for each in graph.initializer}
    taken = {each.name: _column(each) for each in graph.input if each.name not in constants}
    given = {each.name: _column(each) for each in graph.output}
    needed = {feature.name: kinds[feature.kind] for feature in encoding.features}
    for what, found, wanted in (("takes", taken, needed), ("gives", given, {OUTPUT: TensorProto.FLOAT})):
        if found != wanted:
            raise ModelRefused(
                f"the program's model.onnx {what} {_said(found)}; one column each is needed: {_said(wanted)}"
            )
    return content


def _column(value: Any) -> int | None:
    """The element type of a tensor [N, 1], and None for anything else."""
    tensor = value.type.tensor_type
    sizes = [each.dim_value if each.HasField("dim_value") else None for each in tensor.shape.dim]
    return int(tensor.elem_type) if len(sizes) == 2 and sizes[1] == 1 and sizes[0] is None else None


def _said(columns: dict[str, int | None]) -> str:
    from onnx import TensorProto

    names = {None: "no [N, 1]", TensorProto.FLOAT: "FLOAT", TensorProto.STRING: "STRING"}
    return ", ".join(f"{name} {names.get(kind, 'another type')}" for name, kind in sorted(columns.items()))


def signature(encoding: Encoding) -> dict[str, list[dict[str, Any]]]:
    """Inputs and outputs in the words of the Open Inference Protocol."""
    kinds = {"numeric": "FP32", "categorical": "BYTES"}
    return {
        "inputs": [{"name": f.name, "datatype": kinds[f.kind], "shape": [-1, 1]} for f in encoding.features],
        "outputs": [{"name": OUTPUT, "datatype": "FP32", "shape": [-1, 1]}],
    }
