"""What is told of an alias and a release that moved, and what policies are told before they may."""

from dataclasses import asdict

from headgate.domain import events
from headgate.domain.canonical import digest
from headgate.domain.events import DomainEvent
from headgate.domain.identity import Principal
from headgate.domain.model import AliasMove, ModelVersion
from headgate.domain.policy_request import Fact
from headgate.domain.release import Proposal, Release


def alias_moved(product: str, move: AliasMove) -> DomainEvent:
    """The id comes from the move, so that a repeat is recognised."""
    detail = {key: value for key, value in asdict(move).items() if key != "moved_at"}
    return DomainEvent(events.ALIAS_MOVED, product, digest(asdict(move)), move.moved_at, detail)


def release_moved(release: Release) -> DomainEvent:
    """The id comes from the release, so that a repeat is recognised."""
    document = asdict(release)
    detail = {key: value for key, value in document.items() if key not in ("product", "moved_at")}
    return DomainEvent(events.RELEASE_MOVED, release.product, digest(document), release.moved_at, detail)


def alias_context(
    alias: str,
    version: ModelVersion | None,
    proposal: Proposal | None = None,
    principal: Principal | None = None,
) -> dict[str, Fact]:
    """The facts a policy may ask of a move: the alias, every number the version was measured with, and of an
    open proposal who made it. Without a proposal its keys are absent.
    """
    context: dict[str, Fact] = {"headgate:Alias": alias}
    for name, value in (version.metrics if version else {}).items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            context[f"headgate:Metric/{name}"] = value
    if proposal is not None:
        context["headgate:ProposedBy"] = proposal.principal
        context["headgate:ProposedBySelf"] = principal is not None and proposal.principal == principal.id
    return context
