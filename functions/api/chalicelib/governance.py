"""Routes of access, decisions and costs."""

import re
from dataclasses import asdict
from typing import Any

from headgate.services.dispatch.control_plane import ControlPlane

from chalicelib.endpoint import LIMIT, Call, Endpoint, Parameter

Document = dict[str, Any]


def explain_access(plane: ControlPlane, call: Call) -> Document:
    """How the policy answers the caller for an action and a resource, and why

    200: {"principal", "action", "resource", "decision": "allow"|"explicit_deny"|"implicit_deny",
    "statement": str|null, "reason", "nearest": object|null, "missing_grant": <policy statement>|null,
    "statements": [{"statement", "effect", "applies", "misses": [{"element", "why"}]}]}
    """
    explanation = plane.read.explain_access(
        call.principal, call.product, call.query["action"], call.query["resource"]
    )
    return explanation.to_json()


def list_decisions(plane: ControlPlane, call: Call) -> Document:
    """The audit log, newest first

    200: {"decisions": [{"id", "time", "type", "principal", "action", "resource", "decision", "statement",
    "reason", "sequence", "previous_hash", "entry_hash", "record"}]}; entries of other types than
    AccessDecided have their own fields.
    """
    found = plane.read.decisions(call.principal, call.product, call.limit)
    return {"decisions": [dict(each) for each in found]}


def list_costs(plane: ControlPlane, call: Call) -> Document:
    """Cost lines of a month and their sum

    200: {"month", "usd", "costs": [{"id", "product", "kind", "quantity", "unit", "usd", "time", "run"}]};
    ?month=yyyy-mm, the present one by default.
    """
    listing = plane.read.costs(call.principal, call.product, call.query["month"])
    return {
        "month": listing.month,
        "usd": listing.usd,
        "costs": [asdict(line) for line in listing.lines],
    }


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("something is needed, found nothing")
    return value


def _month(value: str) -> str:
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", value):
        raise ValueError(f"a month such as 2013-09 is needed, found {value[:80]!r}")
    return value


_PRODUCT = "/products/{product}"
_QUESTION = {"action": Parameter(_text, required=True), "resource": Parameter(_text, required=True)}
ENDPOINTS = (
    Endpoint("GET", f"{_PRODUCT}/access/explain", explain_access, _QUESTION),
    Endpoint("GET", f"{_PRODUCT}/decisions", list_decisions, LIMIT),
    Endpoint("GET", f"{_PRODUCT}/costs", list_costs, {"month": Parameter(_month)}),
)
