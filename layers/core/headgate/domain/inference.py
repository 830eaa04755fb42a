"""Open Inference Protocol v2: requests and responses as data, and what makes a request bad.

https://github.com/open-inference/open-inference-protocol. Beside tensors by feature name, a request may carry
entity rows: the same tensors named after the product's request columns, with ``parameters: {"input":
"entity"}``. What is said of a bad request names fields and kinds, never the values a caller sent.
"""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from headgate.domain.errors import InvalidRequest

_INTEGERS = {
    **{f"INT{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
}
_FLOATS = {"FP16": 65504.0, "FP32": (2 - 2**-23) * 2.0**127, "FP64": sys.float_info.max}
DATATYPES = frozenset([*_INTEGERS, *_FLOATS, "BOOL", "BYTES"])
MAX_ROWS = 5000
MAX_ENTITY_ROWS = 200
MAX_ID = 128
MAX_TEXT = 4096
"""Most characters of one text value: rows are logged, and a log message is small."""
_KINDS = (
    (bool, "a boolean"),
    (int | float, "a number"),
    (str, "a text"),
    (list, "an array"),
    (dict, "an object"),
)
_NAMED = 5


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
    if request_id is not None and (not isinstance(request_id, str) or not 1 <= len(request_id) <= MAX_ID):
        raise InvalidRequest(f"id must be a string of 1 to {MAX_ID} characters")
    inputs = document.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise InvalidRequest("inputs must be an array of at least one tensor")
    _check_outputs(document.get("outputs"))
    by_entity = _by_entity(document.get("parameters"))
    columns: dict[str, list[Any]] = {}
    for position, tensor in enumerate(inputs):
        name, values = _tensor(position, tensor)
        if name in columns:
            raise InvalidRequest(f"inputs[{position}]: the name {shown(name)} stands twice")
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
        raise InvalidRequest("parameters.input is not known; known: tensor, entity")
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
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_ID:
        raise InvalidRequest(f"{where}.name must be a string of 1 to {MAX_ID} characters")
    where = f"input {shown(name)}"
    datatype = tensor.get("datatype")
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        raise InvalidRequest(f"{where}: datatype is not known; known: {', '.join(sorted(DATATYPES))}")
    shape = tensor.get("shape")
    if not _is_shape(shape):
        raise InvalidRequest(f"{where}: shape must be [rows] or [rows, 1]")
    data = tensor.get("data")
    if not isinstance(data, list):
        raise InvalidRequest(f"{where}: data must be an array")
    values = [v[0] if isinstance(v, list) and len(v) == 1 else v for v in data]
    if len(values) != shape[0]:
        raise InvalidRequest(f"{where}: shape says {shown(shape[0])} rows, data has {len(values)}")
    for row, value in enumerate(values):
        if value is not None and (problem := _problem(datatype, value)) is not None:
            raise InvalidRequest(f"{where}, row {row}: {problem}")
    return name, values


def _is_shape(shape: Any) -> TypeGuard[list[int]]:
    if not isinstance(shape, list) or not all(
        isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in shape
    ):
        return False
    return len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)


def _problem(datatype: str, value: Any) -> str | None:
    """Why ``value`` is none of ``datatype``, or None."""
    if datatype == "BYTES":
        if isinstance(value, str) and len(value) > MAX_TEXT:
            return f"a text has at most {MAX_TEXT} characters, found {len(value)}"
        return None if isinstance(value, str) else _misfit(datatype, value)
    if datatype == "BOOL":
        return None if isinstance(value, bool) else _misfit(datatype, value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _misfit(datatype, value)
    if datatype in _INTEGERS:
        low, high = _INTEGERS[datatype]
        if not isinstance(value, int):
            return f"{datatype} takes whole numbers"
        return None if low <= value <= high else f"{datatype} takes numbers from {low} to {high}"
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN and infinities are no values; send null where a value is missing"
    return None if abs(value) <= _FLOATS[datatype] else f"the number is too large for {datatype}"


def _misfit(datatype: str, value: Any) -> str:
    kind = next((name for kind, name in _KINDS if isinstance(value, kind)), "this")
    return f"{kind} is no {datatype}"


def _refuse_unknown(where: str, document: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(document) - known)
    if unknown:
        raise InvalidRequest(
            f"{where} has unknown field(s) {names(unknown)}; known: {', '.join(sorted(known))}"
        )


def shown(value: Any) -> str:
    """``value`` for a message: quoted, and cut where a caller sent far too much."""
    text = repr(value) if isinstance(value, str) else str(value)[: MAX_ID + 1]
    return text if len(text) <= MAX_ID + 2 else f"{text[:MAX_ID]}…"


def names(found: Iterable[str]) -> str:
    """Names for a message: the first few, sorted."""
    listed = sorted(found)
    more = f" and {len(listed) - _NAMED} more" if len(listed) > _NAMED else ""
    return (", ".join(shown(name) for name in listed[:_NAMED]) + more) or "none"


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
