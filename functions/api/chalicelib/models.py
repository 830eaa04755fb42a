"""Routes of training runs, models, their reports, and the trace of a prediction."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from headgate.domain.lineage import TraceStep
from headgate.domain.model import CHAMPION, ModelVersion, model_node
from headgate.domain.shape import nullable, one_of, record, text, whole
from headgate.services.dispatch.control_plane import ControlPlane
from headgate.services.models.promote_model import ALIASES, Expected, Promotion

from chalicelib.endpoint import LIMIT, NOTHING, Call, Endpoint

Document = dict[str, Any]


def list_runs(plane: ControlPlane, call: Call) -> Document:
    """Training runs, newest first

    200: {"runs": [{"product", "model", "digest", "state", "spec_uri", "feature_set", "feature_version",
    "compute_class", "estimated_cost_usd", "submitted_by", "created_at", "job_id", "reason", "cost_usd",
    "seconds", "finished_at", "model_version"}]}
    """
    return {"runs": [asdict(each) for each in plane.read.runs(call.principal, call.product, call.limit)]}


def start_run(plane: ControlPlane, call: Call) -> Document:
    """Ask for a training run

    body: none or {}. 202: {"product", "reason": "manual", "principal"}: the request is queued; what becomes
    of it shows in the list of runs.
    """
    return plane.request_training.request(call.principal, call.product)


def get_run(plane: ControlPlane, call: Call) -> Document:
    """One training run, by its digest

    200: one entry of the list of runs.
    """
    return asdict(plane.read.run(call.principal, call.product, call.path["run"]))


def list_models(plane: ControlPlane, call: Call) -> Document:
    """The product's model: versions, newest first, and aliases

    200: {"model", "aliases": {"champion": int|null, "challenger": int|null}, "models": [{"model",
    "version", "product", "digest", "run", "feature_set", "feature_version", "artifact_key", "signature",
    "metrics", "gates": [{"name", "passed", "value", "comparison", "bound", "scope": "register"|"champion",
    "detail"}], "created_at", "artifact_sha256", "closure": {…}|null, "contains_erased": [id]}]}; the last are
    the erasures of rows it was trained on.
    """
    listing = plane.read.models(call.principal, call.product, call.limit)
    erased = plane.erasure.erased_in(call.product)
    return {
        "model": listing.model,
        "aliases": dict(listing.aliases),
        "models": [_flagged(version, erased) for version in listing.versions],
    }


def _flagged(model: ModelVersion, erased: Mapping[str, list[str]]) -> Document:
    return {**asdict(model), "contains_erased": erased.get(model_node(model.model, model.version), [])}


def get_model(plane: ControlPlane, call: Call) -> Document:
    """One model version

    200: one entry of the list of models.
    """
    found = plane.read.model(call.principal, call.product, call.version)
    return _flagged(found, plane.erasure.erased_in(call.product))


def promote_model(plane: ControlPlane, call: Call) -> Document:
    """Move an alias of the model to a version; moving the champion makes a release

    body: {"alias": "champion"|"challenger" = "champion", "reason" = "", "from_version": int|null}; with
    from_version (null: the alias is nowhere yet) it moves only from there, else 409 Conflict.
    409 PreconditionFailed for a version that failed a gate, or is not what was signed (see verify).
    200: {"model", "alias", "from_version", "to_version", "principal", "reason", "moved_at"}
    """
    body = call.body
    wanted = Promotion(
        version=call.version,
        alias=body.get("alias", CHAMPION),
        reason=body.get("reason", ""),
        expected=Expected(body["from_version"]) if "from_version" in body else None,
    )
    return asdict(plane.promote_model.promote(call.principal, call.product, wanted))


def list_reports(plane: ControlPlane, call: Call) -> Document:
    """Drift and performance reports, newest first

    200: {"reports": [object]}: each has "id" and "time".
    """
    found = plane.read.reports(call.principal, call.product, call.limit)
    return {"reports": [dict(each) for each in found]}


def trace_prediction(plane: ControlPlane, call: Call) -> Document:
    """Trace a prediction back to the source objects

    200: {"prediction": <index entry>, "tree": <step>, "sources": [{"node", "bucket", "key", "version_id",
    "sha256", "bytes"}], "truncated": bool}; a step is {"node", "job", "facts", "upstream": [<step>],
    "repeated"}, where repeated means that the node's own upstream is shown elsewhere in the tree.
    """
    trace = plane.trace_prediction.trace(call.principal, call.product, call.path["prediction"])
    return {
        "prediction": dict(trace.prediction),
        "tree": _step(trace.tree),
        "sources": [dict(source) for source in trace.sources],
        "truncated": trace.truncated,
    }


def _step(step: TraceStep) -> Document:
    return {
        "node": step.node,
        "job": step.job,
        "facts": dict(step.facts),
        "upstream": [_step(each) for each in step.upstream],
        "repeated": step.repeated,
    }


_PRODUCT = "/products/{product}"
_PROMOTION = record({}, {"alias": one_of(*ALIASES), "reason": text, "from_version": nullable(whole(1))})
ENDPOINTS = (
    Endpoint("GET", f"{_PRODUCT}/runs", list_runs, LIMIT),
    Endpoint("POST", f"{_PRODUCT}/runs", start_run, body=NOTHING, status=202),
    Endpoint("GET", f"{_PRODUCT}/runs/{{run}}", get_run),
    Endpoint("GET", f"{_PRODUCT}/models", list_models, LIMIT),
    Endpoint("GET", f"{_PRODUCT}/models/{{version}}", get_model),
    Endpoint("POST", f"{_PRODUCT}/models/{{version}}/promote", promote_model, body=_PROMOTION),
    Endpoint("GET", f"{_PRODUCT}/monitoring", list_reports, LIMIT),
    Endpoint("GET", f"{_PRODUCT}/predictions/{{prediction}}/trace", trace_prediction),
)
