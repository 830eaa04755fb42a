"""Releases: what a product serves, as one closure, and how it moved. Pure.

A release names everything a prediction rests on. It moves whole, forward and back, in one transaction with
the champion; what was live at any time is the newest move at or before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

MoveKind = Literal["promote", "rollback"]


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
    to a closure that was live before. Times are ISO-8601 UTC.
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
    state: Literal["open", "accepted", "withdrawn"] = "open"


def live_at(releases: Sequence[Release], time: str) -> Release | None:
    """The release that was live at ``time`` (ISO-8601 UTC), None before the first. ``releases`` are all
    moves up to then, in any order: the number decides, for clocks of two movers may disagree.
    """
    moved = [release for release in releases if release.moved_at <= time]
    return max(moved, key=lambda release: release.number, default=None)
