"""Route of imports: objects of another bucket come under versioning where they lie."""

from typing import Any

from headgate.domain.shape import record, text
from headgate.services.dispatch.control_plane import ControlPlane

from chalicelib.endpoint import Call, Endpoint

Document = dict[str, Any]


def import_objects(plane: ControlPlane, call: Call) -> Document:
    """Bring the Parquet objects below a prefix under versioning, without copying them

    body: {"uri": "s3://bucket/prefix"}. 202: {"product", "dataset", "uri", "principal"}: the request is
    queued; what becomes of it shows in the list of versions (operation "import") and in quarantine.
    """
    dataset, uri = call.path["dataset"], call.body["uri"]
    asked = plane.request_import.request(call.principal, call.product, dataset, uri)
    return {"product": call.product, "dataset": dataset, "uri": uri, "principal": asked["principal"]}


ENDPOINTS = (
    Endpoint(
        "POST",
        "/products/{product}/datasets/{dataset}/imports",
        import_objects,
        body=record({"uri": text}),
        status=202,
    ),
)
