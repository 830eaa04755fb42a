"""Asks for a version to become champion, so that someone else may say yes. A proposal moves nothing."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from headgate.domain import events
from headgate.domain.errors import NotFound, PreconditionFailed
from headgate.domain.events import DomainEvent
from headgate.domain.identity import Principal
from headgate.domain.model import CHAMPION
from headgate.domain.policy import hrn
from headgate.domain.release import Proposal, proposal_id
from headgate.ports import Clock, EventBus, ModelCatalog, ReleaseCatalog
from headgate.services.access import Guard
from headgate.services.clock import iso
from headgate.services.models.alias_facts import alias_context
from headgate.services.models.promotable import require_registered
from headgate.services.product_models import training_of, version_of
from headgate.services.products import AppliedProduct, Products


@dataclass(frozen=True)
class ProposeModel:
    """The use case. At most one proposal of a version is open."""

    products: Products
    models: ModelCatalog
    releases: ReleaseCatalog
    guard: Guard
    bus: EventBus
    clock: Clock

    def propose(self, principal: Principal, product: str, version: int, reason: str) -> Proposal:
        """The open proposal: a repeat by the same person returns the one there is.

        Raises AccessDenied, NotFound, Conflict when someone else's is open, and PreconditionFailed for the
        champion itself and for a version that failed a gate of registration.
        """
        applied = self._authorized(principal, product, version)
        found = version_of(self.models, applied, version)
        require_registered(found)
        if self.models.alias(found.model, CHAMPION) == version:
            raise PreconditionFailed(f"{found.model} version {version} is champion already")
        proposal = self.releases.open_proposal(product, version)
        if proposal is None or proposal.principal != principal.id:
            now = iso(self.clock.now())
            id_ = proposal_id(product, version, principal.id, now)
            proposal = Proposal(product, id_, found.model, version, principal.id, reason, now)
            self.releases.add_proposal(proposal)
        self._tell(events.MODEL_PROPOSED, proposal, proposal.proposed_at)
        return proposal

    def withdraw(self, principal: Principal, product: str, version: int) -> Proposal:
        """The proposal, closed. Raises AccessDenied, NotFound, and Conflict when it was closed meanwhile."""
        self._authorized(principal, product, version)
        proposal = self.releases.open_proposal(product, version)
        if proposal is None:
            raise NotFound(f"no proposal of version {version} is open")
        now = iso(self.clock.now())
        closed = replace(proposal, state="withdrawn", closed_by=principal.id, closed_at=now)
        self.releases.withdraw_proposal(closed)
        self._tell(events.PROPOSAL_WITHDRAWN, closed, now)
        return closed

    def proposals(self, principal: Principal, product: str, limit: int) -> Sequence[Proposal]:
        """Newest first, closed ones too."""
        applied = self.products.get(product)
        self.guard.require_reading(applied, principal)
        return self.releases.proposals(product, limit)

    def _authorized(self, principal: Principal, product: str, version: int) -> AppliedProduct:
        applied = self.products.get(product)
        resource = hrn(product, "model", training_of(applied).model, version)
        context = alias_context(CHAMPION, None)
        self.guard.require(applied, principal, "headgate:ProposeModel", resource, context)
        return applied

    def _tell(self, kind: str, proposal: Proposal, time: str) -> None:
        detail = {"proposal": proposal.id, **asdict(proposal)}
        for name in ("product", "id", "proposed_at"):
            del detail[name]
        self.bus.publish(
            [DomainEvent(kind, proposal.product, f"{proposal.id}-{proposal.state}", time, detail)]
        )
