"""Moves the champion as a release: alias, release and an accepted proposal in one transaction, then told.

It asks no policy: whoever calls it has.
"""

from dataclasses import dataclass

from headgate.domain.identity import Principal
from headgate.domain.model import CHAMPION, AliasMove, ModelVersion
from headgate.domain.release import MoveKind, Proposal, Release, dated
from headgate.ports import Clock, EventBus, ModelCatalog, ReleaseCatalog
from headgate.services.clock import iso
from headgate.services.models.alias_facts import alias_moved, release_moved
from headgate.services.models.closures import known_closure

EVERY = 1_000_000


@dataclass(frozen=True)
class ChampionMove:
    """What is to happen: ``from_version`` is where the alias was when policy was asked."""

    kind: MoveKind
    version: ModelVersion
    from_version: int | None
    reason: str
    proposal: Proposal | None = None


@dataclass(frozen=True)
class MoveChampion:
    """The use case's act, and its repeat after a crash."""

    models: ModelCatalog
    releases: ReleaseCatalog
    bus: EventBus
    clock: Clock

    def move(self, principal: Principal, wanted: ChampionMove) -> Release:
        """Raises Conflict when the alias, the newest release or the proposal is not what it was."""
        version = wanted.version
        latest = self.releases.latest_release(version.product)
        release = Release(
            product=version.product,
            number=1 if latest is None else latest.number + 1,
            kind=wanted.kind,
            closure=known_closure(version),
            from_version=wanted.from_version,
            principal=principal.id,
            proposed_by=None if wanted.proposal is None else wanted.proposal.principal,
            reason=wanted.reason,
            moved_at=dated(iso(self.clock.now()), latest),
        )
        self.releases.add_release(release, alias_move_of(release), wanted.proposal)
        self.tell(release)
        return release

    def tell(self, release: Release) -> None:
        """Publishes what the release did; a repeat is recognised by its ids."""
        self.bus.publish([alias_moved(release.product, alias_move_of(release)), release_moved(release)])

    def tell_again(self, product: str, move: AliasMove) -> None:
        """The same of a move that happened before. One older than releases has none to tell of."""
        release = self.release_of(product, move)
        if release is None:
            self.bus.publish([alias_moved(product, move)])
        else:
            self.tell(release)

    def release_of(self, product: str, move: AliasMove) -> Release | None:
        found = self.releases.releases(product, EVERY)
        return next((release for release in found if alias_move_of(release) == move), None)

    def history(self, model: str) -> list[int]:
        """The versions that were champion, oldest move first."""
        return [move.to_version for move in self.models.alias_moves(model, CHAMPION)]


def alias_move_of(release: Release) -> AliasMove:
    return AliasMove(
        model=release.closure.model,
        alias=CHAMPION,
        from_version=release.from_version,
        to_version=release.closure.version,
        principal=release.principal,
        reason=release.reason,
        moved_at=release.moved_at,
    )
