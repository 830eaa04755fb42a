"""The audit log: each entry carries the hash of the one before it, so that none is changed or moved unseen.

Owns the form of an entry, its hash and the check of a chain. A ledger keeps entries and the tip; nothing is
stored here.
An attacker who can rewrite the whole chain and its tip is not detected here; that takes a tip kept elsewhere.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from headgate.domain.canonical import canonical_json, digest
from headgate.domain.events import ACCESS_DECIDED, DomainEvent
from headgate.domain.policy import Decision

FORMAT = "headgate.audit/1"


@dataclass(frozen=True)
class Tip:
    """The end of a chain: the sequence and hash of its last entry."""

    sequence: int
    hash: str


@dataclass(frozen=True)
class AuditEntry:
    """One link.

    ``record`` is canonical JSON, kept as text: no store can change a number's form under the hash.
    """

    sequence: int
    previous_hash: str
    entry_hash: str
    record: str

    @property
    def tip(self) -> Tip:
        return Tip(self.sequence, self.entry_hash)

    @property
    def content(self) -> dict[str, Any]:
        """The record as it was appended."""
        parsed: dict[str, Any] = json.loads(self.record)
        return parsed

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "AuditEntry":
        """The inverse of :meth:`to_json`; numbers may come back as any integral type."""
        return cls(int(stored["sequence"]), stored["previous_hash"], stored["entry_hash"], stored["record"])


@dataclass(frozen=True)
class BrokenLink:
    """The first place where a chain does not hold, and why. ``position`` counts from 0."""

    position: int
    sequence: int
    reason: str


@dataclass(frozen=True)
class ChainReport:
    """What checking a chain found: how many entries hold, where it ends, and the first broken link."""

    checked: int
    tip: Tip
    broken: BrokenLink | None = None

    @property
    def ok(self) -> bool:
        return self.broken is None


def genesis(product: str) -> Tip:
    """The tip of an empty chain. It differs by product, so that a chain cannot stand in for another's."""
    return Tip(0, digest({"format": FORMAT, "product": product}))


def append(tip: Tip, record: Mapping[str, Any]) -> AuditEntry:
    """The entry that follows ``tip``. Raises ``ValueError`` or ``TypeError`` when ``record`` is not JSON."""
    text = canonical_json(dict(record)).decode("utf-8")
    sequence = tip.sequence + 1
    return AuditEntry(sequence, tip.hash, _hash(sequence, tip.hash, text), text)


def verify(entries: Iterable[AuditEntry], start: Tip, tip: Tip | None = None) -> ChainReport:
    """Check entries, oldest first, that follow ``start``: ``genesis(product)``, or the tip before a part
    of a chain.

    Without ``tip``, the stored end of the chain, entries cut off the end go unseen: give it when it is known.
    """
    at, position = start, 0
    for position, entry in enumerate(entries):
        reason = _fault(at, entry)
        if reason:
            return ChainReport(position, at, BrokenLink(position, entry.sequence, reason))
        at = entry.tip
    checked = at.sequence - start.sequence
    if tip is not None and tip != at:
        reason = (
            f"the chain ends at {at.sequence} ({at.hash[:12]}), its tip says {tip.sequence} ({tip.hash[:12]})"
        )
        return ChainReport(checked, at, BrokenLink(checked, at.sequence + 1, reason))
    return ChainReport(checked, at)


def _fault(before: Tip, entry: AuditEntry) -> str | None:
    if entry.sequence != before.sequence + 1:
        return f"sequence {entry.sequence} follows {before.sequence}: an entry is missing, repeated or moved"
    if entry.previous_hash != before.hash:
        return f"entry {entry.sequence} names another predecessor than entry {before.sequence}"
    if entry.entry_hash != _hash(entry.sequence, entry.previous_hash, entry.record):
        return f"entry {entry.sequence} was changed: its content does not have the hash it carries"
    return None


def _hash(sequence: int, previous_hash: str, record: str) -> str:
    return digest({"format": FORMAT, "sequence": sequence, "previous_hash": previous_hash, "record": record})


def access_decided(decision: Decision, *, id: str, time: str) -> DomainEvent:  # noqa: A002 - the field
    """The event published after each decision; the audit log of the product chains its detail."""
    return DomainEvent(ACCESS_DECIDED, decision.request.product, id, time, decision.to_json())
