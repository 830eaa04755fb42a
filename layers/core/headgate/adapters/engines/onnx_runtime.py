"""ModelRuntime on ONNX Runtime: one named input a feature, FP32 or string, each of shape [N, 1]; one output
``score`` [N, 1].
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.domain.errors import Corrupted, InvalidRequest


@dataclass(frozen=True)
class OnnxModelRuntime:
    """``threads`` is for one request; a function's share of a core rarely feeds more than one."""

    threads: int = 1

    def load(self, artifact: Path) -> "OnnxLoadedModel":
        """Raises Corrupted when the file is no ONNX model."""
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

    def score(self, columns: Mapping[str, Sequence[Any]]) -> list[float]:
        """One score a row. Raises InvalidRequest naming a missing, unknown, ragged or ill-typed input."""
        missing, unknown = sorted(set(self._inputs) - set(columns)), sorted(set(columns) - set(self._inputs))
        if missing or unknown:
            raise InvalidRequest(f"model inputs: missing {missing or 'none'}, unknown {unknown or 'none'}")
        lengths = {len(v) for v in columns.values()}
        if len(lengths) != 1:
            raise InvalidRequest(f"model inputs have different numbers of rows: {sorted(lengths)}")
        feeds = {name: _array(name, columns[name], kind) for name, kind in self._inputs.items()}
        (scores,) = self._session.run(["score"], feeds)
        return [float(v) for v in scores.reshape(-1)]


def _array(name: str, values: Sequence[Any], kind: str) -> Any:
    import numpy as np

    if kind == "tensor(string)":
        return np.array(["" if v is None else str(v) for v in values], dtype=object).reshape(-1, 1)
    try:
        numbers = [float("nan") if v is None else float(v) for v in values]
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"model input {name}: {error}") from error
    return np.array(numbers, dtype=np.float32).reshape(-1, 1)
