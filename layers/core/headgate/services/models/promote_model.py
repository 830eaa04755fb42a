"""Moves a model's alias to another version: governed, conditional on where the alias is, and kept forever.

An alias is moved to a version only while that is what registration signed. Moving the champion makes a
release. A version that was champion before the one that is now is rolled back to, which policies grant apart;
any other is promoted, and who proposed it is told to policies.
"""

from dataclasses import dataclass

from headgate.domain.errors import Conflict, InvalidRequest, NotFound
from headgate.domain.identity import Principal
from headgate.domain.model import CHALLENGER, CHAMPION, AliasMove, ModelVersion
from headgate.domain.policy import hrn
from headgate.domain.release import MoveKind, Proposal, goes_back
from headgate.ports import Clock, EventBus, ModelCatalog, ReleaseCatalog
from headgate.services.access import Guard
from headgate.services.clock import iso
from headgate.services.models.alias_facts import alias_context, alias_moved
from headgate.services.models.move_champion import ChampionMove, MoveChampion, alias_move_of
from headgate.services.models.promotable import require_better, require_registered
from headgate.services.models.verify_version import VerifyVersion
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
class _Situation:
    """Where the alias is, whether the wanted move goes back, and the open proposal of the version."""

    current: int | None
    back: bool
    proposal: Proposal | None


@dataclass(frozen=True)
class PromoteModel:
    """The use case."""

    products: Products
    models: ModelCatalog
    releases: ReleaseCatalog
    guard: Guard
    bus: EventBus
    clock: Clock
    signed: VerifyVersion

    @property
    def champion(self) -> MoveChampion:
        return MoveChampion(self.models, self.releases, self.bus, self.clock)

    def promote(self, principal: Principal, product: str, wanted: Promotion) -> AliasMove:
        """The move that put the alias on the version; when it is there already, the move that once did so.

        Raises AccessDenied, NotFound, PreconditionFailed for a version that failed a gate or is not what
        was signed, and Conflict when the alias is not where it is expected, or was moved by someone else
        meanwhile.
        """
        if wanted.alias not in ALIASES:
            raise InvalidRequest(f"alias {wanted.alias!r} is not known; aliases are {', '.join(ALIASES)}")
        applied = self.products.get(product)
        situation = self._situation(applied, wanted)
        self._authorize(applied, principal, wanted, situation)
        found = version_of(self.models, applied, wanted.version)
        require_registered(found)
        if situation.current == wanted.version:
            move = self._last_move(found, wanted.alias)
            self._tell_again(product, move)
            return move
        _require_expected(found, wanted, situation.current)
        self.signed.require(found)
        if wanted.alias == CHAMPION:
            return self._release(principal, applied, wanted, situation, found)
        return self._challenger(principal, wanted, situation.current, found)

    def _situation(self, applied: AppliedProduct, wanted: Promotion) -> _Situation:
        model, product = training_of(applied).model, applied.record.name
        current = self.models.alias(model, wanted.alias)
        if wanted.alias == CHALLENGER:
            return _Situation(current, current is not None and wanted.version < current, None)
        back = goes_back(self.champion.history(model), current, wanted.version)
        return _Situation(current, back, self.releases.open_proposal(product, wanted.version))

    def _authorize(
        self, applied: AppliedProduct, principal: Principal, wanted: Promotion, situation: _Situation
    ) -> None:
        """Policy is asked first, also of a version that does not exist: asking tells nobody what there is."""
        try:
            version = version_of(self.models, applied, wanted.version)
        except NotFound:
            version = None
        context = alias_context(wanted.alias, version, situation.proposal, principal)
        action = "headgate:RollbackModel" if situation.back else "headgate:PromoteModel"
        resource = hrn(applied.record.name, "model", training_of(applied).model, wanted.version)
        self.guard.require(applied, principal, action, resource, context)

    def _release(
        self,
        principal: Principal,
        applied: AppliedProduct,
        wanted: Promotion,
        situation: _Situation,
        found: ModelVersion,
    ) -> AliasMove:
        """Moves from where the alias was when policy was asked: the answer was for that."""
        current = situation.current
        if not situation.back and current is not None:
            margin = training_of(applied).gates.get("min_gain_over_champion")
            require_better(found, self.models.model_version(found.model, current), margin)
        kind: MoveKind = "rollback" if situation.back else "promote"
        proposal = None if situation.back else situation.proposal
        move = ChampionMove(kind, found, current, wanted.reason, proposal)
        return alias_move_of(self.champion.move(principal, move))

    def _challenger(
        self, principal: Principal, wanted: Promotion, current: int | None, found: ModelVersion
    ) -> AliasMove:
        now = iso(self.clock.now())
        move = AliasMove(found.model, wanted.alias, current, found.version, principal.id, wanted.reason, now)
        self.models.move_alias(move)
        self.bus.publish([alias_moved(found.product, move)])
        return move

    def _tell_again(self, product: str, move: AliasMove) -> None:
        if move.alias == CHAMPION:
            self.champion.tell_again(product, move)
        else:
            self.bus.publish([alias_moved(product, move)])

    def _last_move(self, found: ModelVersion, alias: str) -> AliasMove:
        moves = self.models.alias_moves(found.model, alias)
        if not moves or moves[-1].to_version != found.version:
            raise Conflict(f"{found.model}@{alias} was moved by someone else meanwhile; look again")
        return moves[-1]


def _require_expected(found: ModelVersion, wanted: Promotion, current: int | None) -> None:
    if wanted.expected is not None and wanted.expected.version != current:
        where = f"{_at(current)}, not at {_at(wanted.expected.version)}"
        raise Conflict(f"{found.model}@{wanted.alias} is at {where}; look again")


def _at(version: int | None) -> str:
    return "no version" if version is None else f"version {version}"
