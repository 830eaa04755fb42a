"""Routes of quarantine: refused drops are listed, shown, replayed and discarded."""

from dataclasses import asdict
from typing import Any

from headgate.domain.shape import record, text, whole
from headgate.services.dispatch.control_plane import ControlPlane
from headgate.services.ingestion.review_quarantine import STATES, Filter, FixedObject

from chalicelib.endpoint import LIMIT, Call, Endpoint, Parameter

Document = dict[str, Any]


def list_quarantine(plane: ControlPlane, call: Call) -> Document:
    """Refused drops, newest first, and why

    200: {"quarantine": [{"id", "product", "dataset", "bucket", "key", "version_id", "rule", "reason", "rows",
    "created_at", "state": "open"|"replayed"|"discarded", "closed_by", "closed_at", "closed_because",
    "bytes"}]}; ?state=, ?dataset= and ?rule= narrow it. Sample rows are in the answer for one drop.
    """
    query = call.query
    wanted = Filter(query["state"] or "", query["dataset"] or "", query["rule"] or "")
    found = plane.quarantine.list(call.principal, call.product, wanted, call.limit)
    return {"quarantine": [{k: v for k, v in asdict(each).items() if k != "sample"} for each in found]}


def get_quarantined(plane: ControlPlane, call: Call) -> Document:
    """One refused drop: the failed rule and sample rows

    200: one entry of the list, with "sample": [object]; values of restricted columns are masked.
    """
    return asdict(plane.quarantine.show(call.principal, call.product, call.path["dataset"], _id(call)))


def replay_quarantined(plane: ControlPlane, call: Call) -> Document:
    """Send a refused drop, or a fixed file in its place, through ingest again

    body: {"fixed"?: {"key", "version_id", "bytes"}}, the object that stands for the refused one. 202:
    {"quarantine": [id], "remaining": 0}; what becomes of it shows in the record. 409 PreconditionFailed when
    it is closed.
    """
    named = call.body.get("fixed")
    fixed = FixedObject(named["key"], named["version_id"], named["bytes"]) if named else None
    sent = plane.quarantine.replay(call.principal, call.product, call.path["dataset"], _id(call), fixed)
    return {"quarantine": [sent.id], "remaining": 0}


def replay_rule(plane: ControlPlane, call: Call) -> Document:
    """Replay every open drop that was refused for a rule

    body: {"rule", "dataset"?}. 202: {"quarantine": [id], "remaining": int}; call again while some remain.
    """
    body = call.body
    done = plane.quarantine.replay_all(call.principal, call.product, body["rule"], body.get("dataset", ""))
    return {"quarantine": list(done.replayed), "remaining": done.remaining}


def discard_quarantined(plane: ControlPlane, call: Call) -> Document:
    """Close a refused drop for good

    body: {"reason"}. 200: one entry of the list. 409 PreconditionFailed when it is closed.
    """
    dataset, reason = call.path["dataset"], call.body["reason"]
    closed = plane.quarantine.discard(call.principal, call.product, dataset, _id(call), reason)
    return {k: v for k, v in asdict(closed).items() if k != "sample"}


def _id(call: Call) -> str:
    return call.path["quarantine"]


def _state(value: str) -> str:
    if value not in STATES:
        raise ValueError(f"one of {', '.join(STATES)} is needed, found {value[:80]!r}")
    return value


def _word(value: str) -> str:
    if not value.strip():
        raise ValueError("something is needed, found nothing")
    return value


_REPLAY = record({}, {"fixed": record({"key": text, "version_id": text, "bytes": whole(0)})})
_ALL = "/products/{product}/quarantine"
_ONE = "/products/{product}/datasets/{dataset}/quarantine/{quarantine}"
_FILTER = {"state": Parameter(_state), "dataset": Parameter(_word), "rule": Parameter(_word)}
ENDPOINTS = (
    Endpoint("GET", _ALL, list_quarantine, {**LIMIT, **_FILTER}),
    Endpoint(
        "POST", f"{_ALL}/replay", replay_rule, body=record({"rule": text}, {"dataset": text}), status=202
    ),
    Endpoint("GET", _ONE, get_quarantined),
    Endpoint("POST", f"{_ONE}/replay", replay_quarantined, body=_REPLAY, status=202),
    Endpoint("POST", f"{_ONE}/discard", discard_quarantined, body=record({"reason": text})),
)
