"""Routes of diffs: what manifests tell is answered here, rows are compared by a function that has time."""

from typing import Any

from headgate.domain.shape import items, nullable, record, text, whole
from headgate.domain.version import MAIN
from headgate.domain.version_diff import MOST_ROWS_SHOWN, ROWS_SHOWN
from headgate.services.dispatch.control_plane import ControlPlane

from chalicelib.endpoint import Call, Endpoint

Document = dict[str, Any]


def request_diff(plane: ControlPlane, call: Call) -> Document:
    """What differs between two versions, and a comparison of their rows

    body: {"from", "to"? = "main", "key"?: [column] = the contract's primary key, "limit"? = 20}; versions by
    any name, "main@2026-11-23T08:00" too. 202: {"id", "product", "dataset", "from": {"ordinal", "digest",
    "branch", "rows", "files", "created_at"}, "to", "key", "limit", "note", "state": "asked"|"running"|"done"|
    "failed", "problem", "requested_by", "requested_at", "finished_at", "different": bool|null, "schema":
    [{"column", "kind", "before", "after"}], "statistics": [{"column", "before": {"nulls", "minimum",
    "maximum"}, "after"}]|null, "files": {"shared", "shared_rows", "removed", "removed_rows", "added",
    "added_rows"}|null, "rows": null until done, "unchanged"}; done at once where no row has to be read. 410
    when a version was collected.
    """
    body = call.body
    report = plane.diffs.ask(
        call.principal,
        call.product,
        call.path["dataset"],
        body["from"],
        body.get("to", MAIN),
        body.get("key"),
        body.get("limit", ROWS_SHOWN),
    )
    return report.to_document()


def get_diff(plane: ControlPlane, call: Call) -> Document:
    """One diff, as far as it is

    200: as it was asked for, with "rows": {"added", "removed", "changed", "columns": {column: rows},
    "duplicate_keys", "duplicate_before", "duplicate_after", "samples": {"added": [{"values", "copies"}],
    "removed", "changed": [{"key", "before", "after"}], "duplicates": [{"key", "before_rows",
    "after_rows"}]}} when it is done; values of restricted columns are masked. 404 when it was never asked
    for, or is not kept any more.
    """
    shown = plane.diffs.show(call.principal, call.product, call.path["dataset"], call.path["diff"])
    return shown.to_document()


_DIFF = record(
    {"from": text},
    {"to": text, "key": nullable(items(text, least=1)), "limit": whole(0, MOST_ROWS_SHOWN)},
)
_ALL = "/products/{product}/datasets/{dataset}/diffs"
ENDPOINTS = (
    Endpoint("POST", _ALL, request_diff, body=_DIFF, status=202),
    Endpoint("GET", f"{_ALL}/{{diff}}", get_diff),
)
