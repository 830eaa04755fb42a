"""Moves a product to another stage. Forward only on fresh, passing evidence; back at any time, for it
claims less.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from headgate.domain import events
from headgate.domain.canonical import digest
from headgate.domain.errors import AccessDenied, PreconditionFailed
from headgate.domain.events import DomainEvent
from headgate.domain.gate import age_of, missing_evidence
from headgate.domain.identity import Principal
from headgate.domain.policy import hrn
from headgate.domain.policy_request import Fact
from headgate.domain.product import STAGES, GateEvidence, next_stage
from headgate.ports import Clock, EventBus, ProductCatalog
from headgate.services.access import Guard
from headgate.services.clock import iso
from headgate.services.products import AppliedProduct, Products


@dataclass(frozen=True)
class StageChange:
    """One change; ``changed`` is false when the product was in that stage already."""

    product: str
    from_stage: str
    to_stage: str
    principal: str
    at: str
    changed: bool


@dataclass(frozen=True)
class ChangeStage:
    """The use case."""

    products: Products
    catalog: ProductCatalog
    guard: Guard
    bus: EventBus
    clock: Clock

    def change(self, principal: Principal, product: str, to_stage: str) -> StageChange:
        """Raises InvalidRequest, AccessDenied, Conflict, and PreconditionFailed saying what is missing."""
        next_stage(to_stage)
        applied = self.products.get(product)
        stage, now = applied.record.stage, self.clock.now()
        evidence = self._evidence(product, stage)
        missing = missing_evidence(evidence, stage, applied.record.spec, now)
        try:
            self._authorize(applied, principal, to_stage, _facts(evidence, missing, now))
        except AccessDenied as denied:
            if missing is None:
                raise
            raise AccessDenied(f"{denied}; {missing}", denied.statement) from denied
        change = StageChange(product, stage, to_stage, principal.id, iso(now), changed=stage != to_stage)
        if change.changed:
            _check_forward(change, missing)
            self.catalog.change_stage(product, stage, to_stage, change.at)
            self._publish(change)
        elif (since := applied.record.stage_since) and applied.record.stage_from:
            # The call that made this change may have died before it could tell. The id is the same again.
            self._publish(replace(change, from_stage=applied.record.stage_from, at=since))
        return change

    def _authorize(
        self, applied: AppliedProduct, principal: Principal, to_stage: str, facts: Mapping[str, Fact]
    ) -> None:
        name, stage = applied.record.name, applied.record.stage
        context = {**facts, "headgate:FromStage": stage, "headgate:ToStage": to_stage}
        self.guard.require(applied, principal, "headgate:ChangeStage", hrn(name, "product", name), context)

    def _evidence(self, product: str, stage: str) -> GateEvidence | None:
        return next((each for each in self.catalog.evidence(product) if each.stage == stage), None)

    def _publish(self, change: StageChange) -> None:
        detail = {
            "from_stage": change.from_stage,
            "to_stage": change.to_stage,
            "principal": change.principal,
        }
        name = digest({"product": change.product, "at": change.at, "to_stage": change.to_stage})
        self.bus.publish([DomainEvent(events.STAGE_CHANGED, change.product, name, change.at, detail)])


def _facts(evidence: GateEvidence | None, missing: str | None, now: datetime) -> dict[str, Fact]:
    """What a policy may ask of. Evidence that is stale or of another bundle is a gate not passed."""
    if evidence is None:
        return {"headgate:GatePassed": False}
    age = int(age_of(evidence, now).total_seconds())
    return {"headgate:GatePassed": missing is None, "headgate:EvidenceAgeSeconds": age}


def _check_forward(change: StageChange, missing: str | None) -> None:
    """Stages are climbed one at a time, each on the evidence of the one that is left."""
    order = [*map(str, STAGES)]
    if order.index(change.to_stage) < order.index(change.from_stage):
        return
    following = next_stage(change.from_stage)
    if change.to_stage != following:
        raise PreconditionFailed(f"{change.product} is in {change.from_stage}; the next stage is {following}")
    if missing:
        raise PreconditionFailed(f"{change.product} cannot become {change.to_stage}: {missing}")
