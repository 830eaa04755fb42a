"""Registered models: immutable integer versions over a content digest, and the aliases that move."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from headgate.domain.release import Closure

CHAMPION = "champion"
CHALLENGER = "challenger"
Alias = Literal["champion", "challenger"]
GateScope = Literal["register", "champion"]


@dataclass(frozen=True)
class GateResult:
    """One gate: what was measured against the declared bound; it reads value <comparison> bound.

    Failing one of scope ``register`` refuses the version; one of scope ``champion`` keeps it from becoming
    champion in the place of the one it was compared with. ``detail`` says more where a number says little.
    """

    name: str
    passed: bool
    value: float
    comparison: str
    bound: float
    scope: GateScope = "register"
    detail: str = ""


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
    closure: Closure | None = None
    """What it is made of; None for versions that were registered before closures were kept."""
    spec: str = ""
    """Digest of the product bundle that declared the features it learnt from; '' where none was kept."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the model's input tensors."""
        return tuple(tensor["name"] for tensor in self.signature["inputs"])

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "ModelVersion":
        fields = dict(document)
        fields["gates"] = tuple(GateResult(**g) for g in document["gates"])
        closure = document.get("closure")
        fields["closure"] = None if closure is None else Closure(**closure)
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


def document_key(product: str, model: str, version: int, name: str) -> str:
    """Key in the models bucket of what registration wrote about a version: card, bill of materials,
    signature.
    """
    return f"{product}/models/{model}/{version}/{name}"
