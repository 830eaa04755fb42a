"""The artifact against the model it came from, row by row, through the runtime that will serve it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from headgate_trainer.data import Floats
from headgate_trainer.encoding import Encoding
from headgate_trainer.errors import ModelRefused
from headgate_trainer.trainers import TrainedModel

BATCH_ROWS = 8_192
PROBED_ROWS = 64


@dataclass(frozen=True)
class Parity:
    """Largest absolute differences, over the held-out rows and over probes of what the holdout may lack."""

    rows: int
    max_abs_error: float
    probe_rows: int
    probe_max_abs_error: float
    limit: float

    def to_document(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "max_abs_error": self.max_abs_error,
            "probe_rows": self.probe_rows,
            "probe_max_abs_error": self.probe_max_abs_error,
        }

    def require(self) -> None:
        """Raises ModelRefused when either is above the limit, or no number at all."""
        for what, error in (("held-out", self.max_abs_error), ("probing", self.probe_max_abs_error)):
            if not error <= self.limit:
                raise ModelRefused(
                    f"ONNX Runtime and the trained model differ by {error:.3g} on {what} rows; at most "
                    f"{self.limit:.3g} is allowed: the conversion of this kind of model is wrong"
                )


def check_parity(
    artifact: bytes,
    model: TrainedModel,
    encoding: Encoding,
    feeds: dict[str, Any],
    scores: Floats,
    limit: float,
) -> Parity:
    """``feeds`` are the held-out rows as the graph takes them, ``scores`` what the model says of them."""
    probes = probing_feeds(encoding, feeds)
    said = model.score(encoding.encode(probes))
    return Parity(
        rows=len(scores),
        max_abs_error=_largest(run_onnx(artifact, feeds), scores),
        probe_rows=len(said),
        probe_max_abs_error=_largest(run_onnx(artifact, probes), said),
        limit=limit,
    )


def probing_feeds(encoding: Encoding, feeds: dict[str, Any]) -> dict[str, Any]:
    """Some held-out rows with, for each feature in turn, a null and (where text) a text nobody has seen;
    and all null.
    """
    some = {name: values[:PROBED_ROWS] for name, values in feeds.items()}
    parts = []
    for feature in encoding.features:
        blanks: list[Any] = [np.float32(np.nan)] if feature.kind == "numeric" else ["", "\x7f never seen"]
        for blank in blanks:
            changed = np.full_like(some[feature.name], blank)
            parts.append({**some, feature.name: changed})
    kinds = {f.name: np.float32(np.nan) if f.kind == "numeric" else "" for f in encoding.features}
    parts.append({name: np.full_like(values[:1], kinds[name]) for name, values in some.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in feeds}


def run_onnx(artifact: bytes, feeds: dict[str, Any]) -> Floats:
    """Scores through ONNX Runtime, in batches."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(artifact, options, providers=["CPUExecutionProvider"])
    rows = len(next(iter(feeds.values())))
    scores = [
        session.run(["score"], {name: values[start : start + BATCH_ROWS] for name, values in feeds.items()})[
            0
        ][:, 0]
        for start in range(0, rows, BATCH_ROWS)
    ]
    return np.concatenate(scores).astype(np.float64)


def _largest(found: Floats, expected: Floats) -> float:
    return float(np.abs(found - expected).max())
