"""Releases: what a product serves, as one closure, and how it moved. Pure.

A release names everything a prediction rests on. It moves whole, forward and back, in one transaction with
the champion; what was live at any time is the newest move at or before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from headgate.domain.canonical import digest

MoveKind = Literal["promote", "rollback"]
ProposalState = Literal["open", "accepted", "withdrawn"]


@dataclass(frozen=True)
class Closure:
    """What one model version is made of. ``datasets`` maps dataset to ``{"digest", "ordinal"}``."""

    datasets: Mapping[str, Mapping[str, Any]]
    feature_set: str
    feature_version: str
    model: str
    version: int
    model_digest: str
    artifact_sha256: str
    run: str
    code_digest: str
    config_digest: str
    environment_digest: str


@dataclass(frozen=True)
class Release:
    """One move of what is live. ``number`` counts a product's moves from 1; a rollback is a move of its own,
    to a closure that was live before. Times are ISO-8601 UTC, and never before those of the release before:
    `dated` sees to that, for clocks of two movers may disagree.
    """

    product: str
    number: int
    kind: MoveKind
    closure: Closure
    from_version: int | None
    principal: str
    proposed_by: str | None
    reason: str
    moved_at: str

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Release":
        return cls(**{**document, "closure": Closure(**document["closure"])})


@dataclass(frozen=True)
class Proposal:
    """That someone asks for a version to become champion. ``id`` comes from product, version, proposer and
    time; ``state`` is open, accepted or withdrawn.
    """

    product: str
    id: str
    model: str
    version: int
    principal: str
    reason: str
    proposed_at: str
    state: ProposalState = "open"
    closed_by: str | None = None
    closed_at: str | None = None

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Proposal":
        return cls(**document)


def proposal_id(product: str, version: int, principal: str, time: str) -> str:
    return digest({"product": product, "version": version, "principal": principal, "time": time})


def dated(now: str, before: Release | None) -> str:
    """When a move that follows ``before`` is said to have happened: the number orders moves, so a mover whose
    clock is late takes the time of the move it follows.
    """
    return now if before is None else max(now, before.moved_at)


def live_at(releases: Sequence[Release], time: str) -> Release | None:
    """The release that was live at ``time`` (ISO-8601 UTC), None before the first. ``releases`` are all
    moves up to then, in any order: the number decides, for clocks of two movers may disagree.
    """
    moved = [release for release in releases if release.moved_at <= time]
    return max(moved, key=lambda release: release.number, default=None)


def goes_back(history: Sequence[int], current: int | None, version: int) -> bool:
    """Whether moving from ``current`` to ``version`` is a rollback: it was champion, and was so first.

    ``history`` are the versions that were champion, oldest move first. Moving on again to a version that was
    rolled back is a promotion: whoever wants it back has to say so anew.
    """
    if current is None or version not in history or current not in history:
        return False
    return history.index(version) < history.index(current)


def one_before(history: Sequence[int], current: int | None) -> int | None:
    """What a rollback without a target goes to: the champion when ``current`` became it for the first time.

    So two rollbacks in a row go back two steps, instead of there and back.
    """
    if current is None or current not in history:
        return None
    first = history.index(current)
    return history[first - 1] if first else None
