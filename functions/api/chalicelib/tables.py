"""Route of tables that other engines read: made anew from the manifests."""

from typing import Any

from headgate.services.dispatch.control_plane import ControlPlane

from chalicelib.endpoint import NOTHING, Call, Endpoint

Document = dict[str, Any]


def rebuild_table(plane: ControlPlane, call: Call) -> Document:
    """Make the dataset's Iceberg table anew from the manifests

    body: none or {}. 202: {"product", "dataset", "generation", "principal"}: the request is queued; the table
    bears the generation when it is made. 409 PreconditionFailed when the contract asks for no table.
    """
    asked = plane.request_rebuild.request(call.principal, call.product, call.path["dataset"])
    return {name: asked[name] for name in ("product", "dataset", "generation", "principal")}


ENDPOINTS = (
    Endpoint(
        "POST",
        "/products/{product}/datasets/{dataset}/tables/rebuild",
        rebuild_table,
        body=NOTHING,
        status=202,
    ),
)
