"""Submits one run: claims it, reserves its money, and hands it to AWS Batch.

A run is named by its spec: equal specs are one run, however often they are asked for. Order of side effects:
spec, claim of the run, reservation, job, record, event. Each step is recognised when it is repeated, so a
crash between any two is healed by the redelivery. The one exception is a crash between the job and its
record: then a second job is submitted, both write the same outputs, and the first to end counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from headgate.domain import events
from headgate.domain.canonical import canonical_json, short
from headgate.domain.errors import AccessDenied, Conflict, NotFound, Permanent
from headgate.domain.events import DomainEvent
from headgate.domain.identity import Principal
from headgate.domain.run import RunRecord, RunSpec
from headgate.domain.training import TrainingConfig
from headgate.ports import BatchCompute, Clock, EventBus, Ledger, ObjectStore, RunCatalog
from headgate.services.access import Guard
from headgate.services.clock import iso, parse_iso
from headgate.services.products import AppliedProduct
from headgate.services.training.training_slots import CLAIM_SECONDS
from headgate.services.training.training_spec import spec_key

SERVICE = Principal("service/train")
PATIENCE = (0.5, 1.0, 2.0, 4.0)
"""Seconds between looks at a run that another worker is just submitting."""


@dataclass(frozen=True)
class TrainingOutcome:
    """``state`` is submitted, known, waiting, skipped, deferred or refused; ``reason`` says why."""

    state: str
    reason: str
    run: RunRecord | None = None


@dataclass(frozen=True)
class StartTraining:
    """The use case."""

    runs: RunCatalog
    models: ObjectStore
    compute: BatchCompute
    ledger: Ledger
    bus: EventBus
    guard: Guard
    clock: Clock

    def known(self, product: str, name: str) -> RunRecord | None:
        try:
            return self.runs.run(product, name)
        except NotFound:
            return None

    def join(self, known: RunRecord, config: TrainingConfig) -> TrainingOutcome:
        """A run that was asked for before. Raises Conflict while another worker may still be submitting it.

        A trial that has no job yet is its experiment's to submit.
        """
        if known.state == "SUBMITTED" and known.job_id is None and known.experiment is None:
            return self._take_over(known, config)
        if known.experiment is None:
            self._publish_submitted(known)
        reason = f"run {short(known.digest)} was submitted before; equal specs are one run"
        return TrainingOutcome("known", reason, known)

    def start(self, applied: AppliedProduct, spec: RunSpec, record: RunRecord) -> TrainingOutcome:
        """Submits a run that nobody knows, or whose earlier attempt was turned away."""
        context = {
            "headgate:EstimatedCostUSD": str(round(record.estimated_cost_usd, 6)),
            "headgate:ComputeClass": record.compute_class,
        }
        resource = f"hrn:{record.product}:run/{record.digest}"
        try:
            self.guard.require(applied, SERVICE, "headgate:SubmitTraining", resource, context)
        except AccessDenied as denied:
            return self.refuse(record.product, record.digest, str(denied))
        self.models.put(spec_key(spec), canonical_json(spec.to_document()), "application/json")
        if record.attempt > 1:
            self.runs.update_run(record)
        elif not self.runs.add_run(record):
            return self._take_over(self.runs.run(record.product, record.digest), spec.config)
        return self._start(record, spec.config)

    def submit(self, applied: AppliedProduct, spec: RunSpec, record: RunRecord) -> TrainingOutcome:
        """Submits a run that somebody asked for by its spec, once; ``record`` is how it begins. Raises
        Conflict while another worker may still be submitting it.
        """
        known = self.known(record.product, record.digest)
        if known is None:
            return self.start(applied, spec, record)
        if known.turned_away:
            return self.start(applied, spec, replace(record, attempt=known.attempt + 1))
        return self.join(known, spec.config)

    def refuse(self, product: str, run: str, reason: str) -> TrainingOutcome:
        detail = {"run": run, "reason": reason}
        self._publish(events.TRAINING_REFUSED, product, run, iso(self.clock.now()), detail)
        return TrainingOutcome("refused", reason)

    def _take_over(self, claimed: RunRecord, config: TrainingConfig) -> TrainingOutcome:
        """A run that was claimed: by a worker that is at it, or by one that died before it had a job."""
        for pause in PATIENCE:
            if claimed.job_id is not None or claimed.state != "SUBMITTED" or claimed.experiment is not None:
                return TrainingOutcome("known", f"another worker took run {short(claimed.digest)}", claimed)
            if (self.clock.now() - parse_iso(claimed.created_at)).total_seconds() > CLAIM_SECONDS:
                return self._start(claimed, config)
            self.clock.sleep(pause)
            claimed = self.runs.run(claimed.product, claimed.digest)
        raise Conflict(f"run {short(claimed.digest)} is being submitted by another worker; look again later")

    def _start(self, record: RunRecord, config: TrainingConfig) -> TrainingOutcome:
        try:
            limit = config.budget_usd_per_month
            self.ledger.reserve(
                record.product, record.month, record.reservation, limit, record.estimated_cost_usd
            )
            job = self.compute.submit(
                name=f"{record.product}-{config.model}-{short(record.digest)}",
                compute_class=config.compute_class,
                parameters={"run_spec": record.spec_uri},
                timeout_seconds=config.timeout_seconds,
            )
        except Permanent as refusal:
            self.ledger.settle(record.product, record.month, record.reservation, 0.0)
            self.runs.update_run(replace(record, state="REFUSED", reason=str(refusal)))
            return self.refuse(record.product, record.digest, str(refusal))
        submitted = replace(record, job_id=job)
        self.runs.update_run(submitted)
        self._publish_submitted(submitted)
        return TrainingOutcome("submitted", f"job {job}", submitted)

    def _publish_submitted(self, run: RunRecord) -> None:
        """Again for every request that finds the run: the worker that submitted it may have died before."""
        detail = {
            "run": run.digest,
            "job_id": run.job_id,
            "estimated_cost_usd": run.estimated_cost_usd,
            "model": run.model,
            "trigger": run.trigger,
        }
        self._publish(events.TRAINING_SUBMITTED, run.product, run.digest, run.created_at, detail)

    def _publish(self, kind: str, product: str, name: str, time: str, detail: Mapping[str, Any]) -> None:
        self.bus.publish([DomainEvent(kind, product, name, time, dict(detail))])
