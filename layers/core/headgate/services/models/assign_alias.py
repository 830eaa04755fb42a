"""Gives a freshly registered version its alias: champion or challenger, once."""

from dataclasses import dataclass

from headgate.domain.errors import AccessDenied
from headgate.domain.identity import Principal
from headgate.domain.model import CHALLENGER, CHAMPION, AliasMove, ModelVersion
from headgate.domain.policy import hrn
from headgate.ports import Clock, EventBus, ModelCatalog, ReleaseCatalog
from headgate.services.access import Guard
from headgate.services.clock import iso
from headgate.services.models.alias_facts import alias_context, alias_moved
from headgate.services.models.move_champion import ChampionMove, MoveChampion, alias_move_of
from headgate.services.models.promotable import measured_against
from headgate.services.products import AppliedProduct


@dataclass(frozen=True)
class AssignAlias:
    """The use case."""

    models: ModelCatalog
    releases: ReleaseCatalog
    bus: EventBus
    guard: Guard
    clock: Clock

    @property
    def champion(self) -> MoveChampion:
        return MoveChampion(self.models, self.releases, self.bus, self.clock)

    def assign(self, principal: Principal, applied: AppliedProduct, model: ModelVersion) -> AliasMove:
        """The first model and every better one becomes champion, as a release, where policy lets
        ``principal`` promote; else challenger.

        A version that was given an alias before keeps it, wherever the alias went since: only the move is
        published again. Raises Conflict when the alias moved meanwhile.
        """
        earlier = self._earlier(model)
        if earlier is not None:
            self._tell_again(model.product, earlier)
            return earlier
        champion = self.models.alias(model.model, CHAMPION)
        reason = _deserves(model, champion)
        if reason is not None and self._may_promote(principal, applied, model):
            move = ChampionMove("promote", model, champion, reason)
            return alias_move_of(self.champion.move(principal, move))
        return self._challenger(principal, model, reason or "passed its gates")

    def _earlier(self, model: ModelVersion) -> AliasMove | None:
        moves = (m for a in (CHAMPION, CHALLENGER) for m in self.models.alias_moves(model.model, a))
        return next((m for m in moves if m.to_version == model.version), None)

    def _tell_again(self, product: str, move: AliasMove) -> None:
        if move.alias == CHAMPION:
            self.champion.tell_again(product, move)
        else:
            self.bus.publish([alias_moved(product, move)])

    def _challenger(self, principal: Principal, model: ModelVersion, reason: str) -> AliasMove:
        before, now = self.models.alias(model.model, CHALLENGER), iso(self.clock.now())
        move = AliasMove(model.model, CHALLENGER, before, model.version, principal.id, reason, now)
        self.models.move_alias(move)
        self.bus.publish([alias_moved(model.product, move)])
        return move

    def _may_promote(self, principal: Principal, applied: AppliedProduct, model: ModelVersion) -> bool:
        resource = hrn(model.product, "model", model.model, model.version)
        proposal = self.releases.open_proposal(model.product, model.version)
        try:
            context = alias_context(CHAMPION, model, proposal, principal)
            self.guard.require(applied, principal, "headgate:PromoteModel", resource, context)
        except AccessDenied:
            return False
        return True


def _deserves(model: ModelVersion, champion: int | None) -> str | None:
    """Why it should be champion, or None: it has to gain over the champion it was measured against, by the
    margin of every gate; and that one must be champion still.
    """
    if champion is None:
        return "first version that passed its gates"
    if measured_against(model) != champion or not all(gate.passed for gate in model.gates):
        return None
    compared = model.metrics["champion"]
    if not compared["comparable"] or not compared["gain"]["value"] > 0:
        return None
    return f"AUC {model.metrics['auc']:.4f} against {compared['auc']:.4f} of version {champion}"
