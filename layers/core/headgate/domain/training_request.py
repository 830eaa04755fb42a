"""What the queue of training delivers, as one value: an event, a schedule's tick, or a request. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from headgate.domain import events
from headgate.domain.errors import InvalidRequest
from headgate.domain.notification import bus_event, command, is_scheduled
from headgate.domain.trigger import Trigger

Kind = Literal["tick", "run", "deferred", "experiment"]
SERVICE, API = "service/train", "service/api"
_TRIGGERS: Mapping[str, Trigger] = {
    events.FEATURE_VERSION_BUILT: "feature_version",
    events.DRIFT_DETECTED: "drift",
}
_REASONS = ("manual", "schedule", "deferred", "experiment")


@dataclass(frozen=True)
class TrainingRequest:
    """``tick``: see whose schedule is due (of every product). ``run``: train, for this trigger. ``deferred``:
    what waited under ``token``. ``experiment``: search.
    """

    kind: Kind
    product: str = ""
    trigger: Trigger = "manual"
    principal: str = SERVICE
    token: str = ""
    due: str = ""
    purpose: str = ""
    """Of an experiment: why, in the words of who asked."""
    model: str | None = None
    """The model an event is about; None where it is about all."""

    def to_message(self) -> dict[str, Any]:
        """As `training_request` reads it."""
        message = {"product": self.product, "principal": self.principal}
        if self.kind == "deferred":
            return {**message, "reason": "deferred", **self._waiting}
        if self.kind == "experiment":
            return {**message, "reason": "experiment", "purpose": self.purpose}
        return {**message, "reason": self.trigger}

    @property
    def _waiting(self) -> dict[str, str]:
        return {"token": self.token, "due": self.due, "trigger": self.trigger}


def training_request(body: str) -> TrainingRequest:
    """Raises InvalidRequest for a message that asks for nothing of training."""
    if is_scheduled(body):
        return TrainingRequest("tick")
    if (asked := command(body)) is not None:
        return _asked(asked)
    fact = bus_event(body)
    if fact.type not in _TRIGGERS:
        raise InvalidRequest(f"an event {fact.type} asks for no training")
    return TrainingRequest("run", fact.product, _TRIGGERS[fact.type], model=fact.detail.get("model"))


def _asked(asked: Mapping[str, Any]) -> TrainingRequest:
    reason = asked.get("reason", "manual")
    if reason not in _REASONS:
        raise InvalidRequest(f"the command's reason is {reason!r}; known: {', '.join(_REASONS)}")
    principal = str(asked.get("principal", API))
    if reason == "experiment":
        purpose = str(asked.get("purpose", ""))
        return TrainingRequest("experiment", asked["product"], "experiment", principal, purpose=purpose)
    if reason == "deferred":
        waiting = {name: str(asked.get(name, "")) for name in ("token", "due")}
        trigger = cast(Trigger, asked.get("trigger", "feature_version"))
        return TrainingRequest("deferred", asked["product"], trigger, principal, **waiting)
    return TrainingRequest("run", asked["product"], cast(Trigger, reason), principal)
