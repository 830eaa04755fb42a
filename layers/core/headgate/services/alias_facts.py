"""What is told of an alias that moved, and what policies are told before it may."""

from dataclasses import asdict

from headgate.domain import events
from headgate.domain.canonical import digest
from headgate.domain.events import DomainEvent
from headgate.domain.model import AliasMove, ModelVersion
from headgate.domain.policy_request import Fact


def alias_moved(product: str, move: AliasMove) -> DomainEvent:
    """The id comes from the move, so that a repeat is recognised."""
    detail = {key: value for key, value in asdict(move).items() if key != "moved_at"}
    return DomainEvent(events.ALIAS_MOVED, product, digest(asdict(move)), move.moved_at, detail)


def alias_context(alias: str, version: ModelVersion | None) -> dict[str, Fact]:
    """The facts a policy may ask of a move: the alias, and every number the version was measured with."""
    context: dict[str, Fact] = {"headgate:Alias": alias}
    for name, value in (version.metrics if version else {}).items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            context[f"headgate:Metric/{name}"] = value
    return context
