"""What becomes of a refused drop: it is kept with the reason, and closed when its data came in after all.

The bytes stay in the landing bucket; a record names them by VersionId. People's part is in
`headgate.services.ingestion.review_quarantine`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from headgate.domain import events
from headgate.domain.canonical import canonical_json
from headgate.domain.dataset import Drop, QuarantineRecord, quarantine_name
from headgate.domain.errors import Conflict, DropRefused, NotFound
from headgate.domain.events import DomainEvent
from headgate.ports import Clock, EventBus, ObjectStore, QuarantineCatalog
from headgate.services.clock import iso

INGEST = "service/ingest"


def report_key(product: str, dataset: str, name: str) -> str:
    """Key of the report of a refused drop in the lake."""
    return f"{product}/quarantine/{dataset}/{name}.json"


@dataclass(frozen=True)
class Quarantine:
    """The use case."""

    catalog: QuarantineCatalog
    lake: ObjectStore
    bus: EventBus
    clock: Clock

    def refuse(self, product: str, dataset: str, drop: Drop, refusal: DropRefused) -> QuarantineRecord:
        """Keeps why: a report in the lake, a catalog entry, an event. The object version gives the id, so a
        drop that is refused again replaces the reason it had.
        """
        name = quarantine_name(drop.identity)
        record = QuarantineRecord(
            id=name,
            product=product,
            dataset=dataset,
            bucket=drop.bucket,
            key=drop.key,
            version_id=drop.version_id,
            rule=refusal.rule,
            reason=str(refusal),
            rows=refusal.rows,
            sample=tuple(refusal.sample),
            created_at=iso(self.clock.now()),
            bytes=drop.size,
        )
        body = canonical_json(asdict(record))
        self.lake.put(report_key(product, dataset, name), body, "application/json")
        self.catalog.add_quarantine(record)
        self.bus.publish([_quarantined(record)])
        return record

    def taken_in(
        self, product: str, dataset: str, drops: Sequence[Drop], refused: frozenset[str], ordinal: int
    ) -> None:
        """Closes what ``drops``, which are in version ``ordinal`` now, make good: the record a replay names,
        and the object's own when it is among ``refused`` (identities).
        """
        for drop in drops:
            names = {drop.quarantine_id} if drop.quarantine_id else set()
            if drop.identity in refused:
                names.add(quarantine_name(drop.identity))
            for name in sorted(names):
                self._close(product, dataset, name, drop.requested_by or INGEST, ordinal)

    def _close(self, product: str, dataset: str, name: str, by: str, ordinal: int) -> None:
        """Once; a record that someone closed before stays as it was, and its event is told again."""
        try:
            record = self.catalog.quarantined(product, dataset, name)
        except NotFound:
            return
        if record.state == "open":
            at = iso(self.clock.now())
            record = replace(
                record, state="replayed", closed_by=by, closed_at=at, closed_because=f"v{ordinal}"
            )
            try:
                self.catalog.close_quarantine(record)
            except Conflict:
                record = self.catalog.quarantined(product, dataset, name)
        if record.state == "replayed":
            self.bus.publish([_replayed(record)])


def closed_detail(record: QuarantineRecord) -> dict[str, str]:
    """What events say of a closed record."""
    return {
        "dataset": record.dataset,
        "quarantine_id": record.id,
        "key": record.key,
        "version_id": record.version_id,
        "rule": record.rule,
        "principal": record.closed_by,
    }


def _quarantined(record: QuarantineRecord) -> DomainEvent:
    detail = {
        "dataset": record.dataset,
        "key": record.key,
        "version_id": record.version_id,
        "rule": record.rule,
        "reason": record.reason,
        "quarantine_id": record.id,
    }
    return DomainEvent(events.DROP_QUARANTINED, record.product, record.id, record.created_at, detail)


def _replayed(record: QuarantineRecord) -> DomainEvent:
    detail = {**closed_detail(record), "version": record.closed_because}
    return DomainEvent(
        events.DROP_REPLAYED, record.product, f"{record.id}-replayed", record.closed_at, detail
    )
