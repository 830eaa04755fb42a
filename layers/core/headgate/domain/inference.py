"""Open Inference Protocol v2: requests and responses as data, and what makes a request bad.

https://github.com/open-inference/open-inference-protocol. Beside tensors by feature name, a request may carry
entity rows: the same tensors named after the product's request columns, with ``parameters: {"input":
"entity"}``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from headgate.domain.errors import InvalidRequest

NUMERIC_DATATYPES = frozenset(
    ["BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64"]
)
DATATYPES = NUMERIC_DATATYPES | {"BYTES"}
MAX_ROWS = 5000
MAX_ENTITY_ROWS = 200
_INTEGER_PREFIXES = ("INT", "UINT")


@dataclass(frozen=True)
class InferRequest:
    """``columns`` maps input name to one value a row (None for null); ``by_entity`` says which kind of input
    it is.
    """

    id: str | None
    columns: Mapping[str, Sequence[Any]]
    rows: int
    by_entity: bool


def parse_request(document: Any) -> InferRequest:
    """Raises InvalidRequest saying which field is wrong, why, and what is expected."""
    if not isinstance(document, dict):
        raise InvalidRequest("the body must be a JSON object with an inputs array")
    _refuse_unknown("the request", document, {"id", "parameters", "inputs", "outputs"})
    request_id = document.get("id")
    if request_id is not None and (not isinstance(request_id, str) or not 1 <= len(request_id) <= 128):
        raise InvalidRequest("id must be a string of 1 to 128 characters")
    inputs = document.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise InvalidRequest("inputs must be an array of at least one tensor")
    _check_outputs(document.get("outputs"))
    by_entity = _by_entity(document.get("parameters"))
    columns: dict[str, list[Any]] = {}
    for position, tensor in enumerate(inputs):
        name, values = _tensor(position, tensor)
        if name in columns:
            raise InvalidRequest(f"inputs[{position}]: the name {name!r} stands twice")
        columns[name] = values
    lengths = {len(v) for v in columns.values()}
    if len(lengths) != 1:
        raise InvalidRequest(f"inputs have different numbers of rows: {', '.join(map(str, sorted(lengths)))}")
    rows = lengths.pop()
    most = MAX_ENTITY_ROWS if by_entity else MAX_ROWS
    if not 1 <= rows <= most:
        raise InvalidRequest(f"{rows} rows; one request takes 1 to {most}")
    return InferRequest(request_id, columns, rows, by_entity)


def _by_entity(parameters: Any) -> bool:
    if parameters is None:
        return False
    if not isinstance(parameters, dict):
        raise InvalidRequest("parameters must be a JSON object")
    kind = parameters.get("input", "tensor")
    if kind not in ("tensor", "entity"):
        raise InvalidRequest(f"parameters.input is {kind!r}; known: tensor, entity")
    return bool(kind == "entity")


def _check_outputs(outputs: Any) -> None:
    if outputs is None:
        return
    if not isinstance(outputs, list) or any(
        not isinstance(o, dict) or o.get("name") != "score" for o in outputs
    ):
        raise InvalidRequest("outputs may only ask for the tensor named 'score'")


def _tensor(position: int, tensor: Any) -> tuple[str, list[Any]]:
    where = f"inputs[{position}]"
    if not isinstance(tensor, dict):
        raise InvalidRequest(f"{where} must be a JSON object")
    _refuse_unknown(where, tensor, {"name", "shape", "datatype", "parameters", "data"})
    name = tensor.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidRequest(f"{where}.name must be a non-empty string")
    where = f"input {name!r}"
    datatype = tensor.get("datatype")
    if datatype not in DATATYPES:
        raise InvalidRequest(f"{where}: datatype is {datatype!r}; known: {', '.join(sorted(DATATYPES))}")
    shape = tensor.get("shape")
    if not _is_shape(shape):
        raise InvalidRequest(f"{where}: shape must be [rows] or [rows, 1], found {shape!r}")
    data = tensor.get("data")
    if not isinstance(data, list):
        raise InvalidRequest(f"{where}: data must be an array")
    values = [v[0] if isinstance(v, list) and len(v) == 1 else v for v in data]
    if len(values) != shape[0]:
        raise InvalidRequest(f"{where}: shape says {shape[0]} rows, data has {len(values)}")
    for row, value in enumerate(values):
        _check_value(where, datatype, row, value)
    return name, values


def _is_shape(shape: Any) -> TypeGuard[list[int]]:
    if not isinstance(shape, list) or not all(
        isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in shape
    ):
        return False
    return len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)


def _check_value(where: str, datatype: str, row: int, value: Any) -> None:
    if value is None:
        return
    if datatype == "BYTES":
        fits = isinstance(value, str)
    elif datatype == "BOOL":
        fits = isinstance(value, bool)
    elif datatype.startswith(_INTEGER_PREFIXES):
        fits = isinstance(value, int) and not isinstance(value, bool)
    else:
        fits = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not fits:
        raise InvalidRequest(f"{where}, row {row}: {value!r} is no {datatype}")


def _refuse_unknown(where: str, document: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(document) - known)
    if unknown:
        raise InvalidRequest(
            f"{where} has unknown field(s) {', '.join(unknown)}; known: {', '.join(sorted(known))}"
        )


def response(
    *, model: str, version: int, prediction: str, scores: Sequence[float], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """The protocol's answer: one FP32 tensor ``score`` of shape [rows, 1]."""
    return {
        "model_name": model,
        "model_version": str(version),
        "id": prediction,
        "parameters": dict(parameters),
        "outputs": [{"name": "score", "shape": [len(scores), 1], "datatype": "FP32", "data": list(scores)}],
    }


def server_metadata(version: str) -> dict[str, Any]:
    """The protocol's server metadata; ``version`` is the platform's."""
    return {"name": "headgate", "version": version, "extensions": []}
