"""Routes of experiments, of stopping training, and of the month's budget."""

import re
from dataclasses import asdict
from typing import Any

from headgate.domain.shape import record, text
from headgate.services.dispatch.control_plane import ControlPlane

from chalicelib.endpoint import LIMIT, Call, Endpoint, Parameter

Document = dict[str, Any]


def list_experiments(plane: ControlPlane, call: Call) -> Document:
    """Experiments, newest first

    200: {"experiments": [{"product", "id", "model", "state": "SUBMITTED"|"FINISHED"|"REFUSED"|"FAILED",
    "method", "metric", "direction", "runs": [digest], "array": [digest], "trials_uri", "compute_class",
    "estimated_cost_usd", "cost_usd", "seconds", "submitted_by", "purpose", "created_at", "finished_at",
    "job_id", "reason", "best_run", "significance": {"against", "metric", "value", "low", "high",
    "resamples"}|{"against", "metric", "reason"}|null, "model_version", "attempt"}]}
    """
    found = plane.experiments.newest(call.principal, call.product, call.limit)
    return {"experiments": [asdict(each) for each in found]}


def start_experiment(plane: ControlPlane, call: Call) -> Document:
    """Ask for the search that training.yaml declares

    body: {"reason" = ""}. 202: {"product", "reason": "experiment", "principal", "purpose", "trials",
    "estimated_cost_usd"}: the request is queued; what becomes of it shows in the list of experiments. 409
    where no search is declared.
    """
    purpose = call.body.get("reason", "")
    return plane.request_training.experiment(call.principal, call.product, purpose)


def get_experiment(plane: ControlPlane, call: Call) -> Document:
    """One experiment with its results

    200: one entry of the list of experiments, with "trials": [{"run", "state", "reason", "params", "metrics",
    "seconds", "cost_usd", "job_id", "digests": {"data", "code", "config", "environment"}, "model_version",
    "best": bool, "computed_here": bool, "learning_curve": [{"iteration", <metric>: number}]}]; the curves are
    there once all trials have ended.
    """
    return plane.experiments.show(call.principal, call.product, call.path["experiment"])


def stop_experiment(plane: ControlPlane, call: Call) -> Document:
    """End all of an experiment's trials

    body: {"reason"}. 202: {"product", "experiment", "job_id", "reason", "principal"}; 409 once it has ended.
    """
    return plane.stop_training.experiment(
        call.principal, call.product, call.path["experiment"], call.body["reason"]
    )


def stop_run(plane: ControlPlane, call: Call) -> Document:
    """End a training run

    body: {"reason"}. 202: {"product", "run", "job_id", "reason", "principal"}; 409 once it has ended.
    """
    return plane.stop_training.run(call.principal, call.product, call.path["run"], call.body["reason"])


def get_budget(plane: ControlPlane, call: Call) -> Document:
    """What a month's training may cost, and has

    200: {"product", "month", "limit", "reserved", "spent", "left"} in US dollars; ?month=yyyy-mm, the present
    one by default.
    """
    return plane.experiments.budget(call.principal, call.product, call.query["month"])


def _month(value: str) -> str:
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", value):
        raise ValueError(f"a month such as 2013-09 is needed, found {value[:80]!r}")
    return value


_PRODUCT = "/products/{product}"
_STOP = record({"reason": text})
ENDPOINTS = (
    Endpoint("GET", f"{_PRODUCT}/experiments", list_experiments, LIMIT),
    Endpoint(
        "POST", f"{_PRODUCT}/experiments", start_experiment, body=record({}, {"reason": text}), status=202
    ),
    Endpoint("GET", f"{_PRODUCT}/experiments/{{experiment}}", get_experiment),
    Endpoint("POST", f"{_PRODUCT}/experiments/{{experiment}}/stop", stop_experiment, body=_STOP, status=202),
    Endpoint("POST", f"{_PRODUCT}/runs/{{run}}/stop", stop_run, body=_STOP, status=202),
    Endpoint("GET", f"{_PRODUCT}/budget", get_budget, {"month": Parameter(_month)}),
)
