"""Routes of releases: what is and was live, proposals, and the way back."""

from dataclasses import asdict
from typing import Any

from headgate.domain.release import Release
from headgate.domain.shape import any_text, record, text, whole
from headgate.services.clock import parse_iso
from headgate.services.dispatch.control_plane import ControlPlane
from headgate.services.models.rollback_model import RollbackTo

from chalicelib.endpoint import LIMIT, NOTHING, Call, Endpoint, Parameter

Document = dict[str, Any]


def list_releases(plane: ControlPlane, call: Call) -> Document:
    """What the product served, newest first

    200: {"releases": [<release>]}; a release is {"product", "number", "kind": "promote"|"rollback",
    "closure": {"datasets": {name: {"digest", "ordinal"}}, "feature_set", "feature_version", "model",
    "version", "model_digest", "artifact_sha256", "run", "code_digest", "config_digest",
    "environment_digest"}, "from_version": int|null, "principal", "proposed_by": string|null, "reason",
    "moved_at"}.
    """
    found = plane.releases.releases(call.principal, call.product, call.limit)
    return {"releases": [asdict(each) for each in found]}


def live_release(plane: ControlPlane, call: Call) -> Document:
    """What was live at a time

    ?at= an instant, now without it. 200: {"at", "live": <release>|null, "before": <release>|null, "after":
    <release>|null}: live is null before the first release; before and after are its neighbours.
    """
    found = plane.releases.live_at(call.principal, call.product, call.query["at"])
    shown = {"live": found.live, "before": found.before, "after": found.after}
    return {"at": found.time, **{name: _release(each) for name, each in shown.items()}}


def rollback_release(plane: ControlPlane, call: Call) -> Document:
    """Go back to what was live before

    body: {"number": int} or {"version": int} to go further back than one step, "reason" = "",
    "from_version": int; with from_version it moves only from there, else 409 Conflict, and the same call
    again changes nothing. 200: the new <release>. 409 PreconditionFailed where nothing was live before, or
    that is not what was signed.
    """
    body = call.body
    wanted = RollbackTo(
        number=body.get("number"),
        version=body.get("version"),
        reason=body.get("reason", ""),
        from_version=body.get("from_version"),
    )
    return asdict(plane.rollback_model.rollback(call.principal, call.product, wanted))


def propose_model(plane: ControlPlane, call: Call) -> Document:
    """Ask for a version to become champion

    body: {"reason"}. 200: {"product", "id", "model", "version", "principal", "reason", "proposed_at",
    "state": "open", "closed_by": null, "closed_at": null}. 409 where someone else's is open.
    """
    return asdict(
        plane.propose_model.propose(call.principal, call.product, call.version, call.body["reason"])
    )


def withdraw_proposal(plane: ControlPlane, call: Call) -> Document:
    """Take back the open proposal of a version

    body: none or {}. 200: the proposal, its state "withdrawn".
    """
    return asdict(plane.propose_model.withdraw(call.principal, call.product, call.version))


def list_proposals(plane: ControlPlane, call: Call) -> Document:
    """Proposals, newest first

    200: {"proposals": [<proposal>]}, those too that were accepted or withdrawn.
    """
    found = plane.propose_model.proposals(call.principal, call.product, call.limit)
    return {"proposals": [asdict(each) for each in found]}


def _release(release: Release | None) -> Document | None:
    return None if release is None else asdict(release)


def _instant(value: str) -> str:
    # In a query an unescaped + arrives as a blank.
    try:
        return parse_iso(value.replace(" ", "+")).isoformat()
    except ValueError as error:
        raise ValueError("a date or an instant such as 2013-10-01T05:00:00Z is needed") from error


_PRODUCT = "/products/{product}"
_VERSION = f"{_PRODUCT}/models/{{version}}"
_ROLLBACK = record(
    {}, {"number": whole(1), "version": whole(1), "reason": any_text, "from_version": whole(1)}
)
ENDPOINTS = (
    Endpoint("GET", f"{_PRODUCT}/releases", list_releases, LIMIT),
    Endpoint("POST", f"{_PRODUCT}/releases/rollback", rollback_release, body=_ROLLBACK),
    Endpoint("GET", f"{_PRODUCT}/live", live_release, {"at": Parameter(_instant)}),
    Endpoint("GET", f"{_PRODUCT}/proposals", list_proposals, LIMIT),
    Endpoint("POST", f"{_VERSION}/propose", propose_model, body=record({"reason": text})),
    Endpoint("POST", f"{_VERSION}/withdraw", withdraw_proposal, body=NOTHING),
)
