"""Routes of feature sets: versions, builds, comparisons with the online store, online rows, and files."""

from typing import Any

from headgate.services.dispatch.control_plane import ControlPlane

from chalicelib.endpoint import LIMIT, NOTHING, Call, Endpoint, Parameter

Document = dict[str, Any]
MOST_TEXT = 1024


def list_features(plane: ControlPlane, call: Call) -> Document:
    """Feature versions, sets by name, newest first

    200: {"features": [<record>]}; <record> is {"product", "feature_set", "ordinal", "digest", "build_id",
    "inputs": {dataset: digest}, "input_ordinals": {dataset: int}, "rows", "partitions", "min_event_time",
    "max_event_time", "created_at", "seconds", "built", "steps", "spec", "parity": {view: {"checked", "equal",
    "expired", "moved", "different", "examples"}}}: "built" of the "steps" were made for it, "spec" is the
    bundle that declared it. ?limit= holds for each set.
    """
    return {"features": plane.features.versions(call.principal, call.product, call.limit)}


def get_feature_version(plane: ControlPlane, call: Call) -> Document:
    """One feature version: what it was built of, its views, and what its columns look like

    The name is latest, an ordinal (v3 or 3), or the first digits of the digest. 200: <record>, and {"recipe",
    "current": bool, "engine", "seed", "label_rows", "views": [{"name", "incremental", "whole_because",
    "partitions", "rows", "bytes", "columns", "online", "content", "tests": [{"name", "passed", "instants",
    "always_known"}], "untested"}], "columns": [{"name", "type", "role", "view", "statistics": {"kind",
    "rows", "nulls", "minimum", "maximum", "mean", "deviation", "edges", "shares"} or {"kind", "rows",
    "nulls", "values": {value: rows}, "others"}, or null, "sources": [{"dataset", "column", "type":
    "DIRECT"|"INDIRECT", "subtype"}] or null}], "untraced": {view: why}}; "instants" were tried in a leak
    test, "always_known" are inputs that tell no time, of which it finds nothing, "untested" is why generated
    tests were not run, "untraced" why columns have no sources; values of restricted columns are masked.
    """
    return plane.features.show(call.principal, call.product, _set(call), call.path["reference"])


def get_feature_files(plane: ControlPlane, call: Call) -> Document:
    """The files of a feature version, with addresses that are good for 15 minutes

    ?from= and ?to= (dates or instants, from on and before) leave out partitions without rows of that time.
    200: {"product", "feature_set", "version", "digest", "rows", "event_time", "from", "to", "expires_at",
    "columns": [{"name", "type", "role", "view"}], "partitions": [{"name", "url", "sha256", "bytes", "rows",
    "min_event_time", "max_event_time"}]}; with ?views=true also "declared": {"feature_set", "views"} and
    "views": [{"view", "columns", "files": [<as partitions>]}], what rows of that time may see. 409 where a
    column is restricted, or with views when the set is declared otherwise by now.
    """
    query = call.query
    return plane.feature_files.files(
        call.principal,
        call.product,
        _set(call),
        call.path["reference"],
        query["from"],
        query["to"],
        query["views"],
    )


def get_feature_plan(plane: ControlPlane, call: Call) -> Document:
    """What a build of a feature set would make now, where, and at what cost

    200: {"product", "feature_set", "engine", "build_id", "inputs": {dataset: ordinal}, "waiting": [dataset],
    "unchanged": int|null, "views": [{"view", "build", "because", "partitions", "to_build", "bytes",
    "names"}], "training": {"partitions", "to_build", "bytes", "names"}, "stages": [{"stage", "makes", "kind",
    "workers", "tasks", "bytes", "seconds", "usd"}], "total": {"partitions", "to_build", "bytes", "seconds",
    "usd"}}
    """
    return plane.feature_plans.plan(call.principal, call.product, _set(call))


def request_build(plane: ControlPlane, call: Call) -> Document:
    """Build a feature set of the newest version of every dataset it reads

    body: none or {}. 202: {"id", "kind": "build", "product", "feature_set", "requested_by", "requested_at",
    "state": "asked"|"done"|"failed", "finished_at", "problem", "result": {}}.
    """
    return plane.feature_requests.ask(call.principal, "build", call.product, _set(call))


def get_build(plane: ControlPlane, call: Call) -> Document:
    """A build that was asked for, as far as it is

    200: as it was asked for, with "result": {"outcome": "built"|"unchanged"|"waiting"|"superseded"|"handed
    over", "detail", "inputs": {dataset: ordinal}, "version": int|null, "digest", "rows", "built", "steps",
    "seconds"} when it is done. One that was handed over to a job is failed, with "problem", when the job is.
    """
    return plane.feature_requests.show(call.principal, "build", call.product, _set(call), call.path["build"])


def request_parity(plane: ControlPlane, call: Call) -> Document:
    """Compare all online rows of a feature set with its newest version

    body: none or {}. 202: as of a build, with "kind": "parity".
    """
    return plane.feature_requests.ask(call.principal, "parity", call.product, _set(call))


def get_parity(plane: ControlPlane, call: Call) -> Document:
    """A comparison that was asked for, as far as it is

    200: as it was asked for, with "result": {"version", "digest", "checked", "different", "views": [{"view",
    "checked", "equal", "expired", "moved", "different", "note", "examples": [{"key", "offline", "online"}]}]}
    when it is done: "offline" is null for an online row that the version does not have, "moved" are rows that
    a build writes meanwhile; values of restricted columns are masked. 404 also when rows were erased since.
    """
    return plane.feature_requests.show(
        call.principal, "parity", call.product, _set(call), call.path["parity"]
    )


def get_online_row(plane: ControlPlane, call: Call) -> Document:
    """The newest online row of an entity, and whether a prediction would use it

    ?key= once for each entity column of the view, in their order; ?at= an instant, now without it. 200:
    {"view", "entity": {column: value}, "key", "at", "usable": bool, "why", "max_age_seconds", "values":
    object|null, "event_time", "known_at", "age_seconds", "feature_version"}; values of restricted columns are
    masked. The row is one of the set as it is declared now; a live model of another recipe has its own.
    """
    return plane.online.get(
        call.principal, call.product, _set(call), call.path["view"], call.query["key"], call.query["at"]
    )


def _set(call: Call) -> str:
    return call.path["feature_set"]


def _text(text: str) -> str:
    if len(text) > MOST_TEXT:
        raise ValueError(f"at most {MOST_TEXT} characters are taken")
    return text


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"true or false is needed, found {text[:80]!r}")
    return text == "true"


_FILES = {"from": Parameter(_text), "to": Parameter(_text), "views": Parameter(_flag, False)}
_ROW = {"key": Parameter(_text, required=True, many=True), "at": Parameter(_text)}
_ALL = "/products/{product}/features"
_ONE = f"{_ALL}/{{feature_set}}"
ENDPOINTS = (
    Endpoint("GET", _ALL, list_features, LIMIT),
    Endpoint("GET", f"{_ONE}/versions/{{reference}}", get_feature_version),
    Endpoint("GET", f"{_ONE}/versions/{{reference}}/files", get_feature_files, _FILES),
    Endpoint("GET", f"{_ONE}/plan", get_feature_plan),
    Endpoint("POST", f"{_ONE}/builds", request_build, body=NOTHING, status=202),
    Endpoint("GET", f"{_ONE}/builds/{{build}}", get_build),
    Endpoint("POST", f"{_ONE}/parity", request_parity, body=NOTHING, status=202),
    Endpoint("GET", f"{_ONE}/parity/{{parity}}", get_parity),
    Endpoint("GET", f"{_ONE}/online/{{view}}", get_online_row, _ROW),
)
