"""Whether an artifact takes and gives what the product declares: names, kinds and shapes. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from headgate.domain.model import GateResult
from headgate.domain.training import ModelFeature

DATATYPES = {"numeric": "FP32", "categorical": "BYTES"}
COLUMN = [-1, 1]
OUTPUT = "score"
Signature = Mapping[str, Sequence[Mapping[str, Any]]]


def signature_gate(features: Sequence[ModelFeature], artifact: Signature, claimed: Signature) -> GateResult:
    """Passes when there is no difference between artifact and declaration, nor to what the trainer claims;
    ``detail`` lists them.
    """
    inputs = {feature.name: DATATYPES[feature.kind] for feature in features}
    found = [
        *_differences("input", inputs, artifact["inputs"], "declared"),
        *_differences("output", {OUTPUT: "FP32"}, artifact["outputs"], "declared"),
        *_claims("input", artifact["inputs"], claimed["inputs"]),
    ]
    return GateResult(
        "max_signature_differences", not found, float(len(found)), "<=", 0.0, detail="; ".join(found)
    )


def _differences(
    kind: str, wanted: Mapping[str, str], tensors: Sequence[Mapping[str, Any]], by: str
) -> list[str]:
    has = {str(tensor["name"]): tensor for tensor in tensors}
    found = [f"{kind} {name} is {by}, the artifact has none" for name in sorted(set(wanted) - set(has))]
    found += [f"{kind} {name} is of the artifact, not {by}" for name in sorted(set(has) - set(wanted))]
    for name in sorted(set(wanted) & set(has)):
        datatype, shape = has[name]["datatype"], list(has[name].get("shape", COLUMN))
        if datatype != wanted[name]:
            found.append(f"{kind} {name} is {datatype}, {by} is {wanted[name]}")
        if shape != COLUMN:
            found.append(f"{kind} {name} has the shape {shape}, {COLUMN} is needed")
    return found


def _claims(
    kind: str, tensors: Sequence[Mapping[str, Any]], claimed: Sequence[Mapping[str, Any]]
) -> list[str]:
    wanted = {str(tensor["name"]): str(tensor["datatype"]) for tensor in claimed}
    return _differences(kind, wanted, tensors, "claimed by the manifest")
