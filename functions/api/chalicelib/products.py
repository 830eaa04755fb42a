"""Routes of products: bundles, stages and gates."""

from dataclasses import asdict
from typing import Any

from headgate.domain.shape import anything, record, text
from headgate.services.dispatch.control_plane import ControlPlane

from chalicelib.endpoint import LIMIT, NOTHING, Call, Endpoint

Document = dict[str, Any]


def list_products(plane: ControlPlane, call: Call) -> Document:
    """Products the caller may read

    200: {"products": [{"name", "title", "owner", "stage", "spec", "updated_at"}]}, sorted by name.
    """
    return {"products": [asdict(each) for each in plane.read.list_products(call.principal, call.limit)]}


def get_product(plane: ControlPlane, call: Call) -> Document:
    """One product: its record and the bundle that is applied

    200: {"name", "title", "owner", "stage", "spec", "updated_at", "bundle": <product bundle>}
    """
    applied = plane.read.product(call.principal, call.product)
    return {**asdict(applied.record), "bundle": dict(applied.product.document)}


def apply_product(plane: ControlPlane, call: Call) -> Document:
    """Apply a product bundle; the same bundle again changes nothing

    body: a product bundle. 200: {"name", "title", "owner", "stage", "spec", "updated_at", "created": bool,
    "changed": bool}
    """
    done = plane.apply_product.apply(call.principal, call.product, call.body)
    return {**asdict(done.product), "created": done.created, "changed": done.changed}


def list_gates(plane: ControlPlane, call: Call) -> Document:
    """The newest evidence of each stage gate

    200: {"gates": [{"product", "stage", "passed", "criteria": [{"name", "passed", "found", "needed"}],
    "evidence": object, "checked_at", "checked_by", "spec"}]}
    """
    return {"gates": [asdict(each) for each in plane.read.gates(call.principal, call.product)]}


def check_gate(plane: ControlPlane, call: Call) -> Document:
    """Check the gate out of a stage, and keep the evidence

    body: none or {}. 200: one entry of the list of gates, passed or not.
    """
    return asdict(plane.check_gate.check(call.principal, call.product, call.path["stage"]))


def change_stage(plane: ControlPlane, call: Call) -> Document:
    """Move the product to another stage

    body: {"to_stage"}. 200: {"product", "from_stage", "to_stage", "principal", "at", "changed": bool};
    409 PreconditionFailed says which evidence is missing.
    """
    return asdict(plane.change_stage.change(call.principal, call.product, call.body["to_stage"]))


_PRODUCT = "/products/{product}"
ENDPOINTS = (
    Endpoint("GET", "/products", list_products, LIMIT),
    Endpoint("GET", _PRODUCT, get_product),
    Endpoint("PUT", _PRODUCT, apply_product, body=anything),
    Endpoint("GET", f"{_PRODUCT}/gates", list_gates),
    Endpoint("POST", f"{_PRODUCT}/gates/{{stage}}/check", check_gate, body=NOTHING),
    Endpoint("POST", f"{_PRODUCT}/stage", change_stage, body=record({"to_stage": text})),
)
