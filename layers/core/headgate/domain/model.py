"""Registered models: immutable integer versions over a content digest, and the aliases that move."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

CHAMPION = "champion"
CHALLENGER = "challenger"
Alias = Literal["champion", "challenger"]


@dataclass(frozen=True)
class GateResult:
    """One gate: what was measured against the declared bound; it reads value <comparison> bound."""

    name: str
    passed: bool
    value: float
    comparison: str
    bound: float


@dataclass(frozen=True)
class ModelVersion:
    """One version. ``artifact_key`` names its model.onnx; ``metrics`` were recomputed from that artifact."""

    model: str
    version: int
    product: str
    digest: str
    run: str
    feature_set: str
    feature_version: str
    artifact_key: str
    signature: Mapping[str, Any]
    metrics: Mapping[str, Any]
    gates: tuple[GateResult, ...]
    created_at: str
    artifact_sha256: str = ""
    """What the artifact was when it was measured: bytes with another digest are not this version."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the model's input tensors."""
        return tuple(tensor["name"] for tensor in self.signature["inputs"])

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "ModelVersion":
        fields = dict(document)
        fields["gates"] = tuple(GateResult(**g) for g in document["gates"])
        return cls(**fields)


@dataclass(frozen=True)
class AliasMove:
    """One movement of an alias, kept forever so that what was live at any time can be answered."""

    model: str
    alias: str
    from_version: int | None
    to_version: int
    principal: str
    reason: str
    moved_at: str


def model_node(model: str, version: int) -> str:
    return f"model/{model}/{version}"


def prediction_node(prediction: str) -> str:
    return f"prediction/{prediction}"
