"""Routes of what is on record about a model version: card, bill of materials, signature, comparison."""

from dataclasses import asdict
from typing import Any

from headgate.services.dispatch.control_plane import ControlPlane

from chalicelib.endpoint import Call, Endpoint

Document = dict[str, Any]


def get_model_card(plane: ControlPlane, call: Call) -> Document:
    """The model card of a version

    200: {"card": {"format": "headgate.modelcard/1", "model", "version", "measured", "gates", "declared",
    "closure", "artifact", "claims"}, "markdown": string}: claims are the trainer's and unchecked, everything
    else is the platform's own.
    """
    return plane.read_model.card(call.principal, call.product, call.version)


def get_model_bom(plane: ControlPlane, call: Call) -> Document:
    """The bill of materials of a version

    200: a CycloneDX 1.6 document: the model, the data and the libraries, by hash.
    """
    return plane.read_model.bom(call.principal, call.product, call.version)


def verify_model(plane: ControlPlane, call: Call) -> Document:
    """Whether a version still is what was signed

    200: {"model", "version", "valid": bool, "signature": {"key", "algorithm", "value"}|null, "checks":
    [{"name": "signature"|"record"|"card.json"|"card.md"|"bom.json"|"artifact", "passed", "detail"}]}.
    """
    found = plane.read_model.verify(call.principal, call.product, call.version)
    return {**asdict(found), "valid": found.valid}


def compare_models(plane: ControlPlane, call: Call) -> Document:
    """Two versions side by side

    200: {"a": {"version", "created_at", "digest", "run", "window"}, "b", "same_window": bool, "metrics":
    [{"name", "a", "b", "difference"}], "auc_difference": {"value", "low", "high", "resamples",
    "measured_with"}|null, "changed": [{"part": "dataset"|"closure"|"params"|"library"|"declared", "name",
    "a", "b"}]}; differences are b minus a.
    """
    other = int(call.path["other"])
    return plane.compare_models.compare(call.principal, call.product, call.version, other)


_VERSION = "/products/{product}/models/{version}"
ENDPOINTS = (
    Endpoint("GET", f"{_VERSION}/card", get_model_card),
    Endpoint("GET", f"{_VERSION}/bom", get_model_bom),
    Endpoint("GET", f"{_VERSION}/verify", verify_model),
    Endpoint("GET", f"{_VERSION}/compare/{{other}}", compare_models),
)
