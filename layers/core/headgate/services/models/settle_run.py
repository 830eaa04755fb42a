"""What a run's job really took: its seconds and cost, told once, from the job's own clock."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from headgate.domain import events
from headgate.domain.cost import PriceTable
from headgate.domain.events import DomainEvent
from headgate.domain.job import SUCCEEDED, Job
from headgate.domain.run import RunRecord, RunState
from headgate.ports import Clock, EventBus, Ledger
from headgate.services.clock import iso

FINAL: tuple[RunState, ...] = ("REGISTERED", "REFUSED")


@dataclass(frozen=True)
class SettleRun:
    """Gives back what was reserved too much."""

    ledger: Ledger
    bus: EventBus
    clock: Clock
    prices: PriceTable

    def settle(self, record: RunRecord, job: Job) -> RunRecord:
        """The record with the job's end, not stored yet; a repeat tells the very same. A run that is
        registered or refused stays so, whatever a later job of it does.
        """
        spent = self.prices.compute_usd(record.compute_class, job.seconds)
        self.ledger.settle(record.product, record.month, record.reservation, spent)
        ended = iso(self.clock.now())
        if job.stopped_at is not None:
            ended = iso(datetime.fromtimestamp(job.stopped_at / 1000, UTC))
        line = {
            "kind": "training",
            "quantity": job.seconds,
            "unit": "seconds",
            "usd": spent,
            "run": record.digest,
        }
        name = f"{record.digest}-{job.id}"
        self.bus.publish([DomainEvent(events.COST_INCURRED, record.product, name, ended, line)])
        if record.state in FINAL:
            return record
        state: RunState = "SUCCEEDED" if job.state == SUCCEEDED else "FAILED"
        return replace(
            record, state=state, seconds=job.seconds, cost_usd=spent, job_id=job.id, finished_at=ended
        )
