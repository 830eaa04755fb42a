"""Routes of garbage collection: asked for here, done by the function that may delete."""

from dataclasses import asdict
from typing import Any

from headgate.domain.garbage import GRACE_SECONDS, KEEP_DAYS, KEEP_LAST, CollectionRecord, Retention
from headgate.domain.shape import flag, record, whole
from headgate.services.dispatch.control_plane import ControlPlane

from chalicelib.endpoint import LIMIT, Call, Endpoint

Document = dict[str, Any]


def request_collection(plane: ControlPlane, call: Call) -> Document:
    """Delete what no kept version of a dataset reaches, or find out what that is

    body: {"dry_run": bool, "keep_last"? = 10, "keep_days"? = 30, "grace_seconds"? = 86400}: the newest
    versions of each branch and those of so many days are kept, beside all that is named or that features and
    models were made of; nothing younger than the grace is touched. 202: one entry of the list, in state
    "asked".
    """
    body = call.body
    retention = Retention(
        body.get("keep_last", KEEP_LAST),
        body.get("keep_days", KEEP_DAYS),
        body.get("grace_seconds", GRACE_SECONDS),
    )
    asked = plane.collections.ask(
        call.principal, call.product, call.path["dataset"], retention, body["dry_run"]
    )
    return _document(asked)


def list_collections(plane: ControlPlane, call: Call) -> Document:
    """Collections of a dataset's garbage, newest first

    200: {"collections": [{"id", "product", "dataset", "requested_by", "requested_at", "dry_run", "retention":
    {"keep_last", "keep_days", "grace_seconds"}, "state": "asked"|"running"|"done"|"failed", "started_at",
    "finished_at", "problem", "versions", "collected": [[from, to]], "given_up", "scanned", "objects",
    "bytes", "deleted", "deleted_bytes", "report"}]}; objects and bytes are what was found, deleted what is
    gone.
    """
    found = plane.collections.list(call.principal, call.product, call.path["dataset"], call.limit)
    apart = ("listed", "kept")
    return {"collections": [{k: v for k, v in _document(each).items() if k not in apart} for each in found]}


def get_collection(plane: ControlPlane, call: Call) -> Document:
    """One collection: how far it is, what it found and why

    200: one entry of the list, with "listed": [{"key", "version_id", "bytes", "last_modified", "reason"}] and
    "kept": [{"ordinal", "reason"}], the first 100 of each; all stand in the lake under "report".
    """
    return _document(
        plane.collections.show(call.principal, call.product, call.path["dataset"], call.path["collection"])
    )


def _document(found: CollectionRecord) -> Document:
    return {**asdict(found), "given_up": found.given_up}


_RETENTION = {
    "keep_last": whole(1, 100_000),
    "keep_days": whole(0, 36_500),
    "grace_seconds": whole(0, 366 * 86_400),
}
_ALL = "/products/{product}/datasets/{dataset}/collections"
ENDPOINTS = (
    Endpoint("POST", _ALL, request_collection, body=record({"dry_run": flag}, _RETENTION), status=202),
    Endpoint("GET", _ALL, list_collections, LIMIT),
    Endpoint("GET", f"{_ALL}/{{collection}}", get_collection),
)
