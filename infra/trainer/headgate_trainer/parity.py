"""The artifact against the model it came from, row by row, through the runtime that will serve it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from headgate_trainer.data import Floats
from headgate_trainer.encoding import UNKNOWN_TEXT, Encoding, Feeds
from headgate_trainer.errors import ModelRefused
from headgate_trainer.run_spec import RunSpec
from headgate_trainer.trainers import TrainedModel

BATCH_ROWS = 8_192
PROBED_ROWS = 64


@dataclass(frozen=True)
class Limits:
    """What may differ: no row by more than ``most``, and each by at most ``absolute`` + ``relative`` * |b|,
    where b is what the trained model says.
    """

    most: float
    absolute: float = 1e-5
    relative: float = 1e-4

    @classmethod
    def of(cls, spec: RunSpec) -> "Limits":
        declared = spec.document.get("tolerance") or {}
        return cls(
            spec.max_parity_error,
            float(declared.get("absolute", cls.absolute)),
            float(declared.get("relative", cls.relative)),
        )


@dataclass(frozen=True)
class Difference:
    """Of some rows: the largest differences, and how many rows are beyond the tolerance."""

    rows: int
    max_abs_error: float
    max_rel_error: float
    rows_beyond: int


@dataclass(frozen=True)
class Parity:
    """Over the held-out rows, and over probes of what the holdout may lack."""

    holdout: Difference
    probes: Difference
    limits: Limits

    def to_document(self) -> dict[str, Any]:
        return {
            "rows": self.holdout.rows,
            "max_abs_error": self.holdout.max_abs_error,
            "max_rel_error": self.holdout.max_rel_error,
            "rows_beyond": self.holdout.rows_beyond,
            "probe_rows": self.probes.rows,
            "probe_max_abs_error": self.probes.max_abs_error,
            "probe_max_rel_error": self.probes.max_rel_error,
            "probe_rows_beyond": self.probes.rows_beyond,
            "tolerance": {"absolute": self.limits.absolute, "relative": self.limits.relative},
        }

    def require(self) -> None:
        """Raises ModelRefused when a row of either is beyond its limits, or is no number at all."""
        limits = self.limits
        for what, found in (("held-out", self.holdout), ("probing", self.probes)):
            if not found.max_abs_error <= limits.most:
                raise ModelRefused(
                    f"ONNX Runtime and the trained model differ by {found.max_abs_error:.3g} on {what} rows; "
                    f"at most {limits.most:.3g} is allowed: the conversion of this kind of model is wrong"
                )
            if found.rows_beyond:
                raise ModelRefused(
                    f"ONNX Runtime and the trained model differ by more than {limits.absolute:.3g} + "
                    f"{limits.relative:.3g} of the score on {found.rows_beyond} of {found.rows} {what} rows: "
                    "the conversion of this kind of model is wrong, or `tolerance` is narrower than float32"
                )


def check_parity(
    artifact: bytes,
    model: TrainedModel,
    encoding: Encoding,
    feeds: Feeds,
    scores: Floats,
    limits: Limits,
) -> Parity:
    """``feeds`` are the held-out rows as the graph takes them, ``scores`` what the model says of them."""
    probes = probing_feeds(encoding, feeds)
    said = model.score(encoding.encode(probes))
    return Parity(
        _difference(run_onnx(artifact, feeds), scores, limits),
        _difference(run_onnx(artifact, probes), said, limits),
        limits,
    )


def probing_feeds(encoding: Encoding, feeds: Feeds) -> dict[str, Any]:
    """Some held-out rows with, for each feature in turn, a null and (where text) a text nobody has seen;
    and all null.
    """
    some = feeds.part(0, PROBED_ROWS)
    parts = []
    for feature in encoding.features:
        blanks: list[Any] = [np.float32(np.nan)] if feature.kind == "numeric" else ["", UNKNOWN_TEXT]
        for blank in blanks:
            changed = np.full_like(some[feature.name], blank)
            parts.append({**some, feature.name: changed})
    kinds = {f.name: np.float32(np.nan) if f.kind == "numeric" else "" for f in encoding.features}
    parts.append({name: np.full_like(values[:1], kinds[name]) for name, values in some.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in feeds}


def run_onnx(artifact: bytes, feeds: Feeds | Mapping[str, Any]) -> Floats:
    """Scores through ONNX Runtime, in batches."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(artifact, options, providers=["CPUExecutionProvider"])
    scores = [session.run(["score"], part)[0][:, 0] for part in _parts(feeds)]
    return np.concatenate(scores).astype(np.float64)


def _parts(feeds: Feeds | Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if isinstance(feeds, Feeds):
        yield from (feeds.part(start, start + BATCH_ROWS) for start in range(0, feeds.rows, BATCH_ROWS))
        return
    rows = len(next(iter(feeds.values())))
    for start in range(0, rows, BATCH_ROWS):
        yield {name: values[start : start + BATCH_ROWS] for name, values in feeds.items()}


def _difference(found: Floats, expected: Floats, limits: Limits) -> Difference:
    errors = np.abs(found - expected)
    sizes = np.abs(expected)
    # Not "beyond": a difference that is no number is beyond every tolerance.
    within = errors <= limits.absolute + limits.relative * sizes
    return Difference(
        rows=len(errors),
        max_abs_error=float(errors.max()),
        max_rel_error=float((errors / np.maximum(sizes, np.finfo(np.float32).tiny)).max()),
        rows_beyond=int((~within).sum()),
    )
