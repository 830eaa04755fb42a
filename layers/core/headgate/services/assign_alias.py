"""Gives a newly registered version its alias: champion or challenger, once."""

from dataclasses import dataclass

from headgate.domain.errors import AccessDenied
from headgate.domain.identity import Principal
from headgate.domain.model import CHALLENGER, CHAMPION, AliasMove, ModelVersion
from headgate.domain.policy import hrn
from headgate.domain.training import TrainingConfig
from headgate.ports import Clock, EventBus, ModelCatalog
from headgate.services.access import Guard
from headgate.services.alias_facts import alias_context, alias_moved
from headgate.services.clock import iso
from headgate.services.products import AppliedProduct


@dataclass(frozen=True)
class AssignAlias:
    """The use case."""

    models: ModelCatalog
    bus: EventBus
    guard: Guard
    clock: Clock

    def assign(
        self, principal: Principal, applied: AppliedProduct, config: TrainingConfig, model: ModelVersion
    ) -> AliasMove:
        """The first model and every better one becomes champion where policy lets ``principal`` promote;
        else challenger.

        A version that was given an alias before keeps it, wherever the alias went since: only the move is
        published again. Raises Conflict when the alias moved meanwhile.
        """
        move = self._earlier(model)
        if move is None:
            move = self._next(principal, applied, config, model)
            self.models.move_alias(move)
        self.bus.publish([alias_moved(model.product, move)])
        return move

    def _earlier(self, model: ModelVersion) -> AliasMove | None:
        moves = (m for a in (CHAMPION, CHALLENGER) for m in self.models.alias_moves(model.model, a))
        return next((m for m in moves if m.to_version == model.version), None)

    def _next(
        self, principal: Principal, applied: AppliedProduct, config: TrainingConfig, model: ModelVersion
    ) -> AliasMove:
        champion = self.models.alias(model.model, CHAMPION)
        reason, alias = self._deserves(config, model, champion), CHAMPION
        if reason is None or not self._may_promote(principal, applied, model):
            reason, alias = reason or "passed its gates", CHALLENGER
        before = champion if alias == CHAMPION else self.models.alias(model.model, alias)
        now = iso(self.clock.now())
        return AliasMove(model.model, alias, before, model.version, principal.id, reason, now)

    def _deserves(self, config: TrainingConfig, model: ModelVersion, champion: int | None) -> str | None:
        """Why it should be champion, or None. Numbers of different windows do not compare."""
        if champion is None:
            return "first version that passed its gates"
        other = self.models.model_version(model.model, champion).metrics
        margin = config.gates.get("min_gain_over_champion", 0.0)
        if other["window"] != model.metrics["window"] or not model.metrics["auc"] > other["auc"] + margin:
            return None
        return f"AUC {model.metrics['auc']:.4f} against {other['auc']:.4f} of version {champion}"

    def _may_promote(self, principal: Principal, applied: AppliedProduct, model: ModelVersion) -> bool:
        resource = hrn(model.product, "model", model.model, model.version)
        try:
            context = alias_context(CHAMPION, model)
            self.guard.require(applied, principal, "headgate:PromoteModel", resource, context)
        except AccessDenied:
            return False
        return True
