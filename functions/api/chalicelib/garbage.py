"""Routes of garbage collection: asked for here, done by the function that may delete."""

from dataclasses import asdict
from typing import Any

from headgate.domain.garbage import GRACE_SECONDS, KEEP_DAYS, KEEP_LAST, CollectionRecord, Retention
from headgate.domain.shape import flag, record, whole
from headgate.services.dispatch.control_plane import ControlPlane

from chalicelib.endpoint import LIMIT, Call, Endpoint

Document = dict[str, Any]
APART = ("listed", "kept")
"""What a list of collections does not tell."""


def request_collection(plane: ControlPlane, call: Call) -> Document:
    """Delete what no kept version of a dataset reaches, or find out what that is

    body: {"dry_run": bool, "keep_last"? = 10, "keep_days"? = 30, "grace_seconds"? = 86400}: the newest
    versions of each branch and those of so many days are kept, beside all that is named or that features and
    models were made of; nothing younger than the grace is touched. 202: one entry of the list, in state
    "asked".
    """
    asked = plane.collections.ask(
        call.principal, call.product, call.path["dataset"], _retention(call), call.body["dry_run"]
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
    return {"collections": [_short(each) for each in found]}


def get_collection(plane: ControlPlane, call: Call) -> Document:
    """One collection: how far it is, what it found and why

    200: one entry of the list, with "listed": [{"key", "version_id", "bytes", "last_modified", "reason"}] and
    "kept": [{"ordinal", "reason"}], the first 100 of each; all stand in the lake under "report".
    """
    return _document(
        plane.collections.show(call.principal, call.product, call.path["dataset"], call.path["collection"])
    )


def request_feature_collection(plane: ControlPlane, call: Call) -> Document:
    """Delete what no kept version of a feature set needs, or find out what that is

    body: as of a dataset's collection. The newest versions are kept, those that were the newest within so
    many days, and all that a run was trained on or a model is made of; nothing younger than the grace is
    touched, and it waits for builds that are under way. 202: one entry of the list, in state "asked".
    """
    asked = plane.feature_collections.ask(
        call.principal, call.product, call.path["feature_set"], _retention(call), call.body["dry_run"]
    )
    return _document(asked)


def list_feature_collections(plane: ControlPlane, call: Call) -> Document:
    """Collections of a feature set's garbage, newest first

    200: {"collections": [<as of a dataset, with "feature_set" for "dataset">]}.
    """
    found = plane.feature_collections.list(call.principal, call.product, call.path["feature_set"], call.limit)
    return {"collections": [_short(each) for each in found]}


def get_feature_collection(plane: ControlPlane, call: Call) -> Document:
    """One collection of a feature set's garbage: how far it is, what it found and why

    200: as of a dataset, with "feature_set" for "dataset".
    """
    path = call.path
    return _document(
        plane.feature_collections.show(call.principal, call.product, path["feature_set"], path["collection"])
    )


def _retention(call: Call) -> Retention:
    body = call.body
    return Retention(
        body.get("keep_last", KEEP_LAST),
        body.get("keep_days", KEEP_DAYS),
        body.get("grace_seconds", GRACE_SECONDS),
    )


def _document(found: CollectionRecord) -> Document:
    """Without what only who collects needs to know."""
    inner = ("of", "dataset", "old_before", "settled_at", "gone", "online")
    told = {name: value for name, value in asdict(found).items() if name not in inner}
    whose = "dataset" if found.of == "dataset" else "feature_set"
    return {**told, whose: found.dataset, "given_up": found.given_up}


def _short(found: CollectionRecord) -> Document:
    return {name: value for name, value in _document(found).items() if name not in APART}


_RETENTION = {
    "keep_last": whole(1, 100_000),
    "keep_days": whole(0, 36_500),
    "grace_seconds": whole(0, 366 * 86_400),
}
_ALL = "/products/{product}/datasets/{dataset}/collections"
_SET = "/products/{product}/features/{feature_set}/collections"
ENDPOINTS = (
    Endpoint("POST", _ALL, request_collection, body=record({"dry_run": flag}, _RETENTION), status=202),
    Endpoint("GET", _ALL, list_collections, LIMIT),
    Endpoint("GET", f"{_ALL}/{{collection}}", get_collection),
    Endpoint(
        "POST", _SET, request_feature_collection, body=record({"dry_run": flag}, _RETENTION), status=202
    ),
    Endpoint("GET", _SET, list_feature_collections, LIMIT),
    Endpoint("GET", f"{_SET}/{{collection}}", get_feature_collection),
)
