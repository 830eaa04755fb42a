"""ModelRuntime on ONNX Runtime: one named input a feature, FP32 or string, each of shape [N, 1]; one output
``score`` [N, 1].
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from headgate.domain.errors import Corrupted, InvalidRequest

OUTPUT = "score"
TEXT, NUMBER = "tensor(string)", "tensor(float)"
DATATYPES = {TEXT: "BYTES", NUMBER: "FP32"}


@dataclass(frozen=True)
class OnnxModelRuntime:
    """``threads`` is for one request; a function's share of a core rarely feeds more than one."""

    threads: int = 1

    def load(self, artifact: Path) -> "OnnxLoadedModel":
        """Raises Corrupted when the file is no ONNX model, or none of this platform's shape."""
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            session = ort.InferenceSession(str(artifact), options, providers=["CPUExecutionProvider"])
        except (
            Exception
        ) as error:  # onnxruntime raises classes of its native module that have no common public base
            raise Corrupted(
                f"{artifact.name} is no model ONNX Runtime can load: {str(error).splitlines()[0]}"
            ) from error
        return OnnxLoadedModel(session)


class OnnxLoadedModel:
    """One session; ``score`` is thread-safe as ONNX Runtime's sessions are."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._inputs = {i.name: i.type for i in session.get_inputs()}
        outputs = [o.name for o in session.get_outputs()]
        strange = sorted(f"{n}: {t}" for n, t in self._inputs.items() if t not in (TEXT, NUMBER))
        if strange or OUTPUT not in outputs:
            raise Corrupted(
                f"the model has outputs {outputs}, and inputs of other kinds: {strange or 'none'}"
            )

    def signature(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """See `headgate.ports.LoadedModel`; a type that is none of this platform's goes by ONNX's name."""
        return {
            "inputs": [_tensor(each) for each in self._session.get_inputs()],
            "outputs": [_tensor(each) for each in self._session.get_outputs()],
        }

    def score(self, columns: Mapping[str, Sequence[Any]]) -> list[float]:
        """One score a row. Raises InvalidRequest naming a missing, unknown, ragged or ill-typed input."""
        missing, unknown = sorted(set(self._inputs) - set(columns)), sorted(set(columns) - set(self._inputs))
        if missing or unknown:
            raise InvalidRequest(f"model inputs: missing {missing or 'none'}, unknown {unknown or 'none'}")
        lengths = {len(v) for v in columns.values()}
        if len(lengths) != 1:
            raise InvalidRequest(f"model inputs have different numbers of rows: {sorted(lengths)}")
        feeds = {name: _array(name, columns[name], kind) for name, kind in self._inputs.items()}
        (scores,) = self._session.run([OUTPUT], feeds)
        if scores.size != (rows := lengths.pop()):
            raise Corrupted(f"the model gave {scores.size} scores for {rows} rows")
        return [float(v) for v in scores.reshape(-1)]


def _tensor(described: Any) -> dict[str, Any]:
    shape = [size if isinstance(size, int) else -1 for size in described.shape]
    datatype = DATATYPES.get(described.type, described.type)
    return {"name": described.name, "datatype": datatype, "shape": shape}


def _array(name: str, values: Sequence[Any], kind: str) -> Any:
    import numpy as np

    if kind == TEXT:
        texts = [_text(name, row, value) for row, value in enumerate(values)]
        return np.array(texts, dtype=object).reshape(-1, 1)
    numbers = [_number(name, row, value) for row, value in enumerate(values)]
    with np.errstate(over="ignore"):  # what FP32 cannot hold is infinite, as it was in training
        return np.array(numbers, dtype=np.float64).astype(np.float32).reshape(-1, 1)


def _number(name: str, row: int, value: Any) -> float:
    if value is None:
        return float("nan")
    if isinstance(value, bool | int | float | Decimal):
        try:
            return float(value)
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")
    raise InvalidRequest(f"model input {name}, row {row}: a number is needed")


def _text(name: str, row: int, value: Any) -> str:
    """A category as training wrote it: null is the empty text, a boolean is true or false."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | date):
        return str(value)
    raise InvalidRequest(f"model input {name}, row {row}: a text or whole number is needed")
