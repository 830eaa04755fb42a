"""Moves a model's alias to another version: governed, conditional on where the alias is, and kept forever."""

from dataclasses import dataclass

from headgate.domain.errors import Conflict, InvalidRequest, NotFound, PreconditionFailed
from headgate.domain.identity import Principal
from headgate.domain.model import CHALLENGER, CHAMPION, AliasMove, ModelVersion
from headgate.domain.policy import hrn
from headgate.ports import Clock, EventBus, ModelCatalog
from headgate.services.access import Guard
from headgate.services.alias_facts import alias_context, alias_moved
from headgate.services.clock import iso
from headgate.services.product_models import training_of, version_of
from headgate.services.products import AppliedProduct, Products

ALIASES = (CHAMPION, CHALLENGER)


@dataclass(frozen=True)
class Expected:
    """Where the caller believes the alias to be: a version, or None for nowhere."""

    version: int | None


@dataclass(frozen=True)
class Promotion:
    """What is asked for: ``alias`` on ``version``, and only from where it is ``expected``, if given."""

    version: int
    alias: str = CHAMPION
    reason: str = ""
    expected: Expected | None = None


@dataclass(frozen=True)
class PromoteModel:
    """The use case. A move to an older version is a rollback, which policies grant apart."""

    products: Products
    models: ModelCatalog
    guard: Guard
    bus: EventBus
    clock: Clock

    def promote(self, principal: Principal, product: str, wanted: Promotion) -> AliasMove:
        """The move that put the alias on the version; when it is there already, the move that once did so.

        Raises AccessDenied, NotFound, PreconditionFailed for a version that failed a gate, and Conflict
        when the alias is not where it is expected, or was moved by someone else meanwhile.
        """
        if wanted.alias not in ALIASES:
            raise InvalidRequest(f"alias {wanted.alias!r} is not known; aliases are {', '.join(ALIASES)}")
        applied = self.products.get(product)
        current = self.models.alias(training_of(applied).model, wanted.alias)
        self._authorize(applied, principal, wanted, current)
        found = version_of(self.models, applied, wanted.version)
        _check_gates(found)
        if current == wanted.version:
            move = self._last_move(found, wanted.alias)
        else:
            move = self._move(principal, found, wanted, current)
        self.bus.publish([alias_moved(product, move)])
        return move

    def _authorize(
        self, applied: AppliedProduct, principal: Principal, wanted: Promotion, current: int | None
    ) -> None:
        """Policy is asked first, also of a version that does not exist: asking tells nobody what there is."""
        try:
            version = version_of(self.models, applied, wanted.version)
        except NotFound:
            version = None
        context = alias_context(wanted.alias, version)
        back = current is not None and wanted.version < current
        action = "headgate:RollbackModel" if back else "headgate:PromoteModel"
        resource = hrn(applied.record.name, "model", training_of(applied).model, wanted.version)
        self.guard.require(applied, principal, action, resource, context)

    def _move(
        self, principal: Principal, found: ModelVersion, wanted: Promotion, current: int | None
    ) -> AliasMove:
        """Moves from where the alias was when policy was asked: the answer was for that."""
        if wanted.expected is not None and wanted.expected.version != current:
            where = f"{_at(current)}, not at {_at(wanted.expected.version)}"
            raise Conflict(f"{found.model}@{wanted.alias} is at {where}; look again")
        move = AliasMove(
            model=found.model,
            alias=wanted.alias,
            from_version=current,
            to_version=found.version,
            principal=principal.id,
            reason=wanted.reason,
            moved_at=iso(self.clock.now()),
        )
        self.models.move_alias(move)
        return move

    def _last_move(self, found: ModelVersion, alias: str) -> AliasMove:
        moves = self.models.alias_moves(found.model, alias)
        if not moves or moves[-1].to_version != found.version:
            raise Conflict(f"{found.model}@{alias} was moved by someone else meanwhile; look again")
        return moves[-1]


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
