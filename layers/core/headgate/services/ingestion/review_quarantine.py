"""People's part of quarantine: see what was refused and why, send it through ingest again, or discard it.

A replay is asked for, not done, here: ingest takes the message as it takes any drop, under the contract that
is applied by then, and closes the record when the data is in a version.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from headgate.domain import events
from headgate.domain.dataset import Drop, QuarantineRecord, split_key
from headgate.domain.errors import InvalidRequest, PreconditionFailed
from headgate.domain.events import DomainEvent
from headgate.domain.identity import Principal
from headgate.domain.notification import replay_of
from headgate.domain.policy import hrn
from headgate.ports import Clock, EventBus, MessageQueue, QuarantineCatalog
from headgate.services.access import Guard
from headgate.services.clock import iso
from headgate.services.ingestion.quarantine import closed_detail
from headgate.services.products import AppliedProduct, Products

READ = "headgate:ReadQuarantine"
REPLAY = "headgate:ReplayDrop"
DISCARD = "headgate:DiscardDrop"
STATES = ("open", "replayed", "discarded")
MOST_AT_ONCE = 500
"""Replays of one call: each is a message of its own, and the caller waits at most 29 s."""
ALL = 1_000_000


@dataclass(frozen=True)
class Filter:
    """What of a quarantine is meant; an empty field means any."""

    state: str = ""
    dataset: str = ""
    rule: str = ""

    def takes(self, record: QuarantineRecord) -> bool:
        return (
            self.state in ("", record.state)
            and self.dataset in ("", record.dataset)
            and self.rule in ("", record.rule)
        )


@dataclass(frozen=True)
class FixedObject:
    """The object that stands for a refused one: its decoded key, VersionId and size in bytes."""

    key: str
    version_id: str
    size: int


@dataclass(frozen=True)
class BulkReplay:
    """The ids that were sent again, and how many more the filter takes."""

    replayed: tuple[str, ...]
    remaining: int


@dataclass(frozen=True)
class ReviewQuarantine:
    """The use case. ``queue`` is ingest's own. Every method raises NotFound and AccessDenied."""

    products: Products
    catalog: QuarantineCatalog
    queue: MessageQueue
    guard: Guard
    bus: EventBus
    clock: Clock

    def list(
        self, principal: Principal, product: str, wanted: Filter, limit: int
    ) -> Sequence[QuarantineRecord]:
        """Newest first and without samples: those need the right to read the dataset's quarantine."""
        applied = self.products.get(product)
        self.guard.require_reading(applied, principal)
        found = [r for r in self.catalog.quarantine(product, ALL) if wanted.takes(r)]
        return [replace(r, sample=()) for r in found[:limit]]

    def show(self, principal: Principal, product: str, dataset: str, name: str) -> QuarantineRecord:
        """One refused drop with its sample; values of restricted columns were masked when it was kept."""
        self._allowed(principal, product, dataset, READ)
        return self.catalog.quarantined(product, dataset, name)

    def replay(
        self, principal: Principal, product: str, dataset: str, name: str, fixed: FixedObject | None = None
    ) -> QuarantineRecord:
        """Sends the refused object version, or the ``fixed`` one in its place, through ingest.

        Raises PreconditionFailed when the record is closed, InvalidRequest when the fixed object was dropped
        for something else.
        """
        self._allowed(principal, product, dataset, REPLAY)
        record = self._open(product, dataset, name)
        if fixed is not None and split_key(fixed.key) != (product, dataset):
            raise InvalidRequest(
                f"{fixed.key!r} is no drop of {product}/{dataset}; drop the fixed file there, then replay"
            )
        self._send(principal, record, fixed)
        return record

    def replay_all(self, principal: Principal, product: str, rule: str, dataset: str = "") -> BulkReplay:
        """Every open drop that was refused for ``rule`` (of one dataset, when it is named): the oldest first,
        at most `MOST_AT_ONCE`. One decision a dataset; a dataset that is denied ends the call before
        anything is sent.
        """
        applied = self.products.get(product)
        wanted = Filter("open", dataset, rule)
        found = [r for r in reversed(self.catalog.quarantine(product, ALL)) if wanted.takes(r)]
        if not found:
            self.guard.require_reading(applied, principal)
        for name in sorted({r.dataset for r in found}):
            self._allowed(principal, product, name, REPLAY)
        sent = found[:MOST_AT_ONCE]
        for record in sent:
            self._send(principal, record, None)
        return BulkReplay(tuple(r.id for r in sent), len(found) - len(sent))

    def discard(
        self, principal: Principal, product: str, dataset: str, name: str, reason: str
    ) -> QuarantineRecord:
        """Closes the record for good; the object stays in the landing bucket. Raises PreconditionFailed when
        it is closed by now.
        """
        because = reason.strip()
        if not because:
            raise InvalidRequest("a reason is needed: it stays with the record")
        self._allowed(principal, product, dataset, DISCARD)
        record = self.catalog.quarantined(product, dataset, name)
        if (record.state, record.closed_by, record.closed_because) != ("discarded", principal.id, because):
            record = replace(
                self._open(product, dataset, name),
                state="discarded",
                closed_by=principal.id,
                closed_at=iso(self.clock.now()),
                closed_because=because,
            )
            self.catalog.close_quarantine(record)
        # Told again to whoever asks again: the answer of the first call may have been lost before this.
        self.bus.publish([_discarded(record)])
        return record

    def _allowed(self, principal: Principal, product: str, dataset: str, action: str) -> AppliedProduct:
        applied = self.products.get(product)
        self.guard.require(applied, principal, action, hrn(product, "dataset", dataset))
        return applied

    def _open(self, product: str, dataset: str, name: str) -> QuarantineRecord:
        record = self.catalog.quarantined(product, dataset, name)
        if record.state != "open":
            raise PreconditionFailed(
                f"the drop {dataset}/{name} was {record.state} at {record.closed_at} by {record.closed_by}: "
                f"{record.closed_because}"
            )
        return record

    def _send(self, principal: Principal, record: QuarantineRecord, fixed: FixedObject | None) -> None:
        at = fixed or FixedObject(record.key, record.version_id, record.bytes)
        drop = Drop(record.bucket, at.key, at.version_id, at.size, "", record.id, principal.id)
        self.queue.send(replay_of(drop))


def _discarded(record: QuarantineRecord) -> DomainEvent:
    detail = {**closed_detail(record), "reason": record.closed_because}
    return DomainEvent(
        events.DROP_DISCARDED, record.product, f"{record.id}-discarded", record.closed_at, detail
    )
