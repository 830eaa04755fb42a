"""Moves the champion back to what was live before, whole: one person's word is enough in an emergency."""

from dataclasses import dataclass

from headgate.domain.errors import Conflict, InvalidRequest, NotFound, PreconditionFailed
from headgate.domain.identity import Principal
from headgate.domain.model import CHAMPION
from headgate.domain.policy import hrn
from headgate.domain.release import Release, goes_back, one_before
from headgate.services.models.alias_facts import alias_context
from headgate.services.models.move_champion import ChampionMove
from headgate.services.models.promote_model import PromoteModel
from headgate.services.product_models import training_of, version_of


@dataclass(frozen=True)
class RollbackTo:
    """A release by ``number``, or a ``version`` that was live; with neither, what was live before. With
    ``from_version`` only from there, which makes a repeat harmless.
    """

    number: int | None = None
    version: int | None = None
    reason: str = ""
    from_version: int | None = None


@dataclass(frozen=True)
class RollbackModel:
    """The use case. It never goes forward: a version that was rolled back returns by a promotion."""

    promotion: PromoteModel

    def rollback(self, principal: Principal, product: str, wanted: RollbackTo) -> Release:
        """The release that the rollback made.

        Raises AccessDenied, NotFound, InvalidRequest for a target that is named twice, PreconditionFailed
        for one that was not live before or is not what was signed, and Conflict when the champion was moved
        meanwhile.
        """
        if wanted.number is not None and wanted.version is not None:
            raise InvalidRequest("rollback: name a release or a version, not both")
        use = self.promotion
        applied = use.products.get(product)
        model = training_of(applied).model
        current, history = use.models.alias(model, CHAMPION), use.champion.history(model)
        target = self._target(product, wanted, history, current)
        # Policy is asked first, also where there is nothing to go back to.
        resource = hrn(product, "model", model, target if target is not None else current)
        use.guard.require(
            applied, principal, "headgate:RollbackModel", resource, alias_context(CHAMPION, None)
        )
        if (done := self._done(principal, product, wanted, current)) is not None:
            use.champion.tell(done)
            return done
        if target is None or not goes_back(history, current, target):
            raise PreconditionFailed(_nowhere(model, wanted, current))
        found = version_of(use.models, applied, target)
        use.signed.require(found)
        return use.champion.move(principal, ChampionMove("rollback", found, current, wanted.reason))

    def _done(
        self, principal: Principal, product: str, wanted: RollbackTo, current: int | None
    ) -> Release | None:
        """The rollback that is asked for again, or None. Raises Conflict when something else happened."""
        if wanted.from_version is None or wanted.from_version == current:
            return None
        latest = self.promotion.releases.latest_release(product)
        if latest is not None and (latest.kind, latest.from_version, latest.principal) == (
            *("rollback", wanted.from_version),
            principal.id,
        ):
            return latest
        raise Conflict(f"the champion is version {current}, not {wanted.from_version}; look again")

    def _target(
        self, product: str, wanted: RollbackTo, history: list[int], current: int | None
    ) -> int | None:
        if wanted.version is not None:
            return wanted.version
        if wanted.number is None:
            return one_before(history, current)
        try:
            return self.promotion.releases.release(product, wanted.number).closure.version
        except NotFound:
            return None


def _nowhere(model: str, wanted: RollbackTo, current: int | None) -> str:
    if current is None:
        return f"{model} has no champion, so there is nothing to go back from"
    if wanted.number is not None:
        return f"release {wanted.number} is not before what is live ({model} version {current})"
    if wanted.version is not None:
        return (
            f"version {wanted.version} of {model} was not champion before version {current}: "
            "promote it instead"
        )
    return f"nothing was live before {model} version {current}"
