"""Routes of a dataset's history: its log, names of versions, rollback, merge, and what waits for
publication.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from headgate.domain.shape import any_text, nullable, record, text
from headgate.domain.version import MAIN, VersionRecord
from headgate.services.dispatch.control_plane import ControlPlane
from headgate.services.versions.publish_version import Pending

from chalicelib.endpoint import LIMIT, Call, Endpoint, Parameter

Document = dict[str, Any]
MOST_FILES = 1000


def list_dataset_versions(plane: ControlPlane, call: Call) -> Document:
    """Versions of a dataset, newest first

    200: {"versions": [<version>], "before": int|null}; <version> is {"product", "dataset", "ordinal",
    "digest", "parent", "second_parent", "operation", "rows", "files", "bytes", "added_rows", "created_at",
    "sources": [{"bucket", "key", "version_id", "sha256", "bytes"}], "ingest_seconds", "ingest_bytes",
    "branch", "author", "message", "collected_at", "names": ["main", "tag q1"]}. ?branch= keeps what led to
    where that branch is; ?before= with the answer's ``before`` gets the next page.
    """
    query = call.query
    log = plane.history.log(
        call.principal, call.product, _dataset(call), call.limit, query["branch"], query["before"]
    )
    return {
        "versions": [_version(each, log.names.get(each.ordinal, ())) for each in log.versions],
        "before": log.before,
    }


def get_dataset_version(plane: ControlPlane, call: Call) -> Document:
    """One dataset version, by any of its names

    The name is an ordinal (v12 or 12), main, a branch, a tag, or at least 12 digits of the digest; with ?at=
    it is where that branch stood at that time. 200: <version>, and {"parents", "schema": [{"name", "type",
    "required", "classification", "former_names"}], "contract_version", "checks": [object], "note": object,
    "file_list": [{"key", "rows", "bytes", "sha256", "source", "source_rows"}]}; ?files= says how many files
    are listed. 410 when it was collected.
    """
    shown = plane.history.show(
        call.principal, call.product, _dataset(call), _name(call), int(call.query["files"])
    )
    manifest = shown.manifest
    return {
        **_version(shown.record, shown.names),
        "parents": list(manifest.parents),
        "schema": [asdict(column) for column in manifest.schema],
        "contract_version": manifest.contract_version,
        "checks": [dict(check) for check in manifest.checks],
        "note": dict(manifest.note),
        "file_list": [{k: v for k, v in asdict(file).items() if k != "columns"} for file in shown.files],
    }


def list_names(plane: ControlPlane, call: Call) -> Document:
    """Branches, tags and holds of a dataset

    200: {"branches": [<branch>], "tags": [<tag>], "holds": [<hold>]}, each sorted by name, main first.
    """
    return asdict(plane.names.names(call.principal, call.product, _dataset(call)))


def tag_version(plane: ControlPlane, call: Call) -> Document:
    """Give a version a name that never moves

    body: {"name", "version", "message"?}. 200: {"name", "ordinal", "digest", "author", "created_at",
    "message"}; 409 Conflict when the name means another version.
    """
    body = call.body
    return asdict(
        plane.names.tag(
            call.principal,
            call.product,
            _dataset(call),
            body["name"],
            body["version"],
            body.get("message", ""),
        )
    )


def create_branch(plane: ControlPlane, call: Call) -> Document:
    """Begin a branch at a version

    body: {"name", "version"?: main's head}. 200: {"name", "base", "base_ordinal", "author", "created_at",
    "head_ordinal", "head_digest"}
    """
    name, version = call.body["name"], call.body.get("version", MAIN)
    return asdict(plane.names.create_branch(call.principal, call.product, _dataset(call), name, version))


def delete_branch(plane: ControlPlane, call: Call) -> Document:
    """Take a branch's name away; its versions stay known by ordinal

    200: <branch>, as it last stood.
    """
    name = call.path["branch"]
    return asdict(plane.names.delete_branch(call.principal, call.product, _dataset(call), name))


def hold_version(plane: ControlPlane, call: Call) -> Document:
    """Keep a version from being collected, whatever its age

    body: {"name", "version", "reason"}. 200: {"name", "ordinal", "author", "created_at", "reason"}
    """
    body = call.body
    held = plane.names.hold(
        call.principal, call.product, _dataset(call), body["name"], body["version"], body["reason"]
    )
    return asdict(held)


def release_hold(plane: ControlPlane, call: Call) -> Document:
    """Let a held version be collected again

    200: <hold>, as it was.
    """
    return asdict(plane.names.release(call.principal, call.product, _dataset(call), call.path["hold"]))


def rollback_dataset(plane: ControlPlane, call: Call) -> Document:
    """Make a branch show an earlier version again, as a new version

    body: {"to", "branch"? = "main", "reason"?}; "main@2026-11-23T08:00" in "to" is where main stood at that
    time. 200: {"version": <version>, "target": <version>, "changed": bool}
    """
    body = call.body
    done = plane.rollback.rollback(
        call.principal,
        call.product,
        _dataset(call),
        body["to"],
        body.get("branch", MAIN),
        body.get("reason", ""),
    )
    target = _version(done.target) if done.target else None
    return {"version": _version(done.record), "target": target, "changed": done.changed}


def merge_branch(plane: ControlPlane, call: Call) -> Document:
    """Merge a branch into another, as a new version

    body: {"source", "into"? = "main", "message"?}. 200: {"version": <version>, "changed": bool};
    409 PreconditionFailed says what stands in the way.
    """
    body = call.body
    done = plane.merge.merge(
        call.principal,
        call.product,
        _dataset(call),
        body["source"],
        body.get("into", MAIN),
        body.get("message", ""),
    )
    return {"version": _version(done.record), "changed": done.changed}


def list_pending(plane: ControlPlane, call: Call) -> Document:
    """Versions that wait for publication, with their checks

    200: {"pending": [{"dataset", "published": int|null, "total", "rows", "versions": [<version> and
    {"checks"}]}]} for the datasets with publish: manual, newest first.
    """
    return {"pending": [_pending(each) for each in plane.publish.pending(call.principal, call.product)]}


def publish_version(plane: ControlPlane, call: Call) -> Document:
    """Publish what waits: merge it into main

    body: {"version"?: all that waits, "message"?}. 200: {"version": <version>, "changed": bool};
    409 PreconditionFailed when nothing waits.
    """
    body = call.body
    done = plane.publish.publish(
        call.principal, call.product, _dataset(call), body.get("version"), body.get("message", "")
    )
    return {"version": _version(done.record), "changed": done.changed}


def reject_version(plane: ControlPlane, call: Call) -> Document:
    """Drop what waits, with a reason

    body: {"reason", "version"?}; with a version only while that is the newest that waits. 200: {"version":
    <version>, "changed": bool}: the version on the branch that shows again what main shows.
    """
    body = call.body
    done = plane.publish.reject(
        call.principal, call.product, _dataset(call), body["reason"], body.get("version")
    )
    return {"version": _version(done.record), "changed": done.changed}


def _pending(pending: Pending) -> Document:
    return {
        "dataset": pending.dataset,
        "published": pending.published.ordinal if pending.published else None,
        "total": pending.total,
        "rows": pending.rows,
        "versions": [
            {**_version(w.record), "checks": [dict(check) for check in w.checks]} for w in pending.versions
        ],
    }


def _version(found: VersionRecord, names: Sequence[str] = ()) -> Document:
    """What a version still shows of history is the committers' matter."""
    shown = {key: value for key, value in asdict(found).items() if key != "visible"}
    return {**shown, "names": list(names)}


def _dataset(call: Call) -> str:
    return call.path["dataset"]


def _name(call: Call) -> str:
    at = call.query["at"]
    return call.path["reference"] if at is None else f"{call.path['reference']}@{at}"


def _word(value: str) -> str:
    if not value.strip():
        raise ValueError("something is needed, found nothing")
    return value


def _ordinal(value: str) -> int:
    if not value.isdecimal() or not 1 <= int(value) <= 10**10:
        raise ValueError(f"a version's number is needed, found {value[:80]!r}")
    return int(value)


def _files(value: str) -> int:
    if not value.isdecimal() or not 0 <= int(value) <= MOST_FILES:
        raise ValueError(f"a whole number between 0 and {MOST_FILES} is needed, found {value[:80]!r}")
    return int(value)


_PRODUCT = "/products/{product}"
_ONE = f"{_PRODUCT}/datasets/{{dataset}}"
_LOG = {**LIMIT, "branch": Parameter(_word), "before": Parameter(_ordinal)}
_SHOW = {"at": Parameter(_word), "files": Parameter(_files, 100)}
_TAG = record({"name": text, "version": text}, {"message": any_text})
_BRANCH = record({"name": text}, {"version": text})
_HOLD = record({"name": text, "version": text, "reason": text})
_ROLLBACK = record({"to": text}, {"branch": text, "reason": any_text})
_MERGE = record({"source": text}, {"into": text, "message": any_text})
_PUBLISH = record({}, {"version": nullable(text), "message": any_text})
_REJECT = record({"reason": text}, {"version": nullable(text)})
ENDPOINTS = (
    Endpoint("GET", f"{_ONE}/versions", list_dataset_versions, _LOG),
    Endpoint("GET", f"{_ONE}/versions/{{reference}}", get_dataset_version, _SHOW),
    Endpoint("GET", f"{_ONE}/names", list_names),
    Endpoint("POST", f"{_ONE}/tags", tag_version, body=_TAG),
    Endpoint("POST", f"{_ONE}/branches", create_branch, body=_BRANCH),
    Endpoint("DELETE", f"{_ONE}/branches/{{branch}}", delete_branch),
    Endpoint("POST", f"{_ONE}/holds", hold_version, body=_HOLD),
    Endpoint("DELETE", f"{_ONE}/holds/{{hold}}", release_hold),
    Endpoint("POST", f"{_ONE}/rollback", rollback_dataset, body=_ROLLBACK),
    Endpoint("POST", f"{_ONE}/merge", merge_branch, body=_MERGE),
    Endpoint("POST", f"{_ONE}/publish", publish_version, body=_PUBLISH),
    Endpoint("POST", f"{_ONE}/reject", reject_version, body=_REJECT),
    Endpoint("GET", f"{_PRODUCT}/pending", list_pending),
)
