"""Routes of erasure: asked for here, done by the function that may delete."""

from dataclasses import asdict
from typing import Any

from headgate.domain.erasure import Subject
from headgate.domain.shape import any_text, flag, items, record, text
from headgate.services.dispatch.control_plane import ControlPlane

from chalicelib.endpoint import LIMIT, Call, Endpoint

Document = dict[str, Any]


def request_erasure(plane: ControlPlane, call: Call) -> Document:
    """Erase a subject's rows from a dataset and all that was made of it, or find what holds them

    body: {"columns": [str], "values": [[str]], "reason", "dry_run"?: bool = false}; values as text, one for
    each column. 202: one entry of the list of erasures, in state "asked".
    """
    body = call.body
    subject = Subject.of(body["columns"], body["values"])
    asked = plane.erasure.request(
        call.principal,
        call.product,
        call.path["dataset"],
        subject,
        body.get("reason", ""),
        body.get("dry_run", False),
    )
    return asdict(asked)


def list_erasures(plane: ControlPlane, call: Call) -> Document:
    """Erasures, newest first: what was asked for, and what became of it

    200: {"erasures": [{"id", "product", "dataset", "columns", "subjects": int, "salt", "subject_digest",
    "reason", "requested_by", "requested_at", "dry_run", "state": "asked"|"running"|"found"|"erased"|"failed",
    "finished_at", "problem", "findings": {"rows", "files", "versions", "sources", "feature_versions",
    "models", "prediction_rows", "prediction_logs", "online_rows", "quarantined", "diffs",
    "external", "unsearched"},
    "rewritten": [{"key", "old", "new"}], "committed": [int]}]}; no list of an entry is longer than 200, the
    whole is in the lake.
    """
    found = plane.erasure.erasures(call.principal, call.product, call.limit)
    return {"erasures": [asdict(each) for each in found]}


def get_erasure(plane: ControlPlane, call: Call) -> Document:
    """One erasure

    200: one entry of the list of erasures.
    """
    return asdict(plane.erasure.erasure(call.principal, call.product, call.path["erasure"]))


_SUBJECT = record(
    {"columns": items(text), "values": items(items(any_text))}, {"reason": any_text, "dry_run": flag}
)
_ALL = "/products/{product}/erasures"
ENDPOINTS = (
    Endpoint(
        "POST", "/products/{product}/datasets/{dataset}/erasures", request_erasure, body=_SUBJECT, status=202
    ),
    Endpoint("GET", _ALL, list_erasures, LIMIT),
    Endpoint("GET", f"{_ALL}/{{erasure}}", get_erasure),
)
