"""Routes of reproductions: a registered model is made again and compared."""

from typing import Any

from headgate.domain.reproduction import AGAINST
from headgate.domain.shape import one_of, record
from headgate.services.dispatch.control_plane import ControlPlane

from chalicelib.endpoint import LIMIT, Call, Endpoint

Document = dict[str, Any]


def reproduce_model(plane: ControlPlane, call: Call) -> Document:
    """Make a model version again, in fresh jobs, and compare

    body: none or {"with": "recorded"|"declared" = "recorded"}: from exactly what was recorded, or with code,
    config and seed as the product declares them now, on the recorded data. 202: the reproduction as it
    begins; GET it under its "id".
    """
    against = (call.body or {}).get("with", AGAINST[0])
    return plane.reproductions.ask(call.principal, call.product, call.version, against)


def list_reproductions(plane: ControlPlane, call: Call) -> Document:
    """Reproductions of a model version, newest first

    200: {"reproductions": [<as one of them>]}
    """
    found = plane.reproductions.list(call.principal, call.product, call.version, call.limit)
    return {"reproductions": found}


def get_reproduction(plane: ControlPlane, call: Call) -> Document:
    """One reproduction

    200: {"product", "id", "model", "version", "against", "spec", "requested_by", "requested_at", "state":
    "asked"|"rebuilding"|"training"|"judged"|"failed", "job_id", "run", "problem", "finished_at", "verdict":
    {} until judged, then {"state": "identical"|"within tolerance"|"differs"|"cannot be reproduced",
    "reasons": [{"kind": "data"|"code"|"library"|"config"|"seed"|"hardware", "what", "recorded", "found"}],
    "note", "scores": {"rows", "largest", "beyond"}|null, "unknown": [text], "more": int}}
    """
    name = call.path["reproduction"]
    return plane.reproductions.show(call.principal, call.product, call.version, name)


_VERSION = "/products/{product}/models/{version}"
ENDPOINTS = (
    Endpoint(
        "POST",
        f"{_VERSION}/reproduce",
        reproduce_model,
        body=record({}, {"with": one_of(*AGAINST)}),
        status=202,
    ),
    Endpoint("GET", f"{_VERSION}/reproductions", list_reproductions, LIMIT),
    Endpoint("GET", f"{_VERSION}/reproductions/{{reproduction}}", get_reproduction),
)
