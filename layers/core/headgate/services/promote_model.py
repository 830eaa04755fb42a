"""Moves a model's alias to another version: governed, conditional on where the alias is, and kept forever."""

from dataclasses import asdict, dataclass

from headgate.domain import events
from headgate.domain.canonical import digest
from headgate.domain.errors import Conflict, InvalidRequest, NotFound, PreconditionFailed
from headgate.domain.events import DomainEvent
from headgate.domain.identity import Principal
from headgate.domain.model import CHALLENGER, CHAMPION, AliasMove, ModelVersion
from headgate.domain.policy import hrn
from headgate.domain.policy_request import Fact
from headgate.ports import Clock, EventBus, ModelCatalog
from headgate.services.access import Guard
from headgate.services.clock import iso
from headgate.services.product_models import training_of, version_of
from headgate.services.products import AppliedProduct, Products

ALIASES = (CHAMPION, CHALLENGER)


@dataclass(frozen=True)
class Expected:
    """Where the caller believes the alias to be: a version, or None for nowhere."""

    version: int | None


@dataclass(frozen=True)
class PromoteModel:
    """The use case."""

    products: Products
    models: ModelCatalog
    guard: Guard
    bus: EventBus
    clock: Clock

    def promote(
        self,
        principal: Principal,
        product: str,
        version: int,
        alias: str,
        reason: str,
        expected: Expected | None = None,
    ) -> AliasMove:
        """The move that put ``alias`` on ``version``; when it is there already, the move that once did so.

        Raises AccessDenied, NotFound, PreconditionFailed for a version that failed a gate, and Conflict
        when the alias is not where ``expected`` says, or was moved by someone else meanwhile.
        """
        if alias not in ALIASES:
            raise InvalidRequest(f"alias {alias!r} is not known; aliases are {', '.join(ALIASES)}")
        applied = self.products.get(product)
        model = training_of(applied).model
        self._authorize(applied, principal, version, alias)
        _check_gates(version_of(self.models, applied, version))
        move = self._move(principal, model, version, alias, reason, expected)
        self._publish(product, move)
        return move

    def _authorize(self, applied: AppliedProduct, principal: Principal, version: int, alias: str) -> None:
        """Policy is asked first, of a version that does not exist too: nobody learns what there is by
        asking.
        """
        context: dict[str, Fact] = {"headgate:Alias": alias}
        try:
            metrics = version_of(self.models, applied, version).metrics
        except NotFound:
            metrics = {}
        for name, value in metrics.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                context[f"headgate:Metric/{name}"] = value
        resource = hrn(applied.record.name, "model", training_of(applied).model, version)
        self.guard.require(applied, principal, "headgate:PromoteModel", resource, context)

    def _move(
        self,
        principal: Principal,
        model: str,
        version: int,
        alias: str,
        reason: str,
        expected: Expected | None,
    ) -> AliasMove:
        current = self.models.alias(model, alias)
        if current == version:
            return self._last_move(model, alias, version)
        if expected is not None and expected.version != current:
            raise Conflict(
                f"{model}@{alias} is at {_at(current)}, not at {_at(expected.version)}; look again"
            )
        move = AliasMove(
            model=model,
            alias=alias,
            from_version=current,
            to_version=version,
            principal=principal.id,
            reason=reason,
            moved_at=iso(self.clock.now()),
        )
        self.models.move_alias(move)
        return move

    def _last_move(self, model: str, alias: str, version: int) -> AliasMove:
        moves = [move for move in self.models.alias_moves(model, alias) if move.to_version == version]
        if not moves:
            raise Conflict(f"{model}@{alias} was moved by someone else meanwhile; look again")
        return moves[-1]

    def _publish(self, product: str, move: AliasMove) -> None:
        """The id comes from the move, so that a repeat is recognised."""
        detail = {key: value for key, value in asdict(move).items() if key != "moved_at"}
        self.bus.publish(
            [DomainEvent(events.ALIAS_MOVED, product, digest(asdict(move)), move.moved_at, detail)]
        )


def _check_gates(version: ModelVersion) -> None:
    failed = [
        f"{gate.name} ({gate.value} {gate.comparison} {gate.bound})"
        for gate in version.gates
        if not gate.passed
    ]
    if failed:
        raise PreconditionFailed(f"{version.model} version {version.version} failed: {', '.join(failed)}")


def _at(version: int | None) -> str:
    return "no version" if version is None else f"version {version}"
