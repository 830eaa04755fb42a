"""Ends a run, or all of an experiment, early: its job fails with the reason, and is paid until then.

What becomes of it is told by the job's own end, as of any other; here the wish is recorded and passed on.
"""

from dataclasses import dataclass
from typing import Any

from headgate.domain import events
from headgate.domain.canonical import short
from headgate.domain.errors import PreconditionFailed
from headgate.domain.events import DomainEvent
from headgate.domain.identity import Principal
from headgate.domain.policy import hrn
from headgate.ports import BatchCompute, Clock, EventBus, ExperimentCatalog, RunCatalog
from headgate.services.access import Guard
from headgate.services.clock import iso
from headgate.services.products import Products
from headgate.services.training.run_jobs import job_of_run

STOP = "headgate:StopTraining"


@dataclass(frozen=True)
class StopTraining:
    """The use case. Raises NotFound, AccessDenied; PreconditionFailed for what has ended or has no job."""

    products: Products
    runs: RunCatalog
    experiments: ExperimentCatalog
    compute: BatchCompute
    guard: Guard
    bus: EventBus
    clock: Clock

    def run(self, principal: Principal, product: str, run: str, reason: str) -> dict[str, Any]:
        """``{"product", "run", "job_id", "reason", "principal"}``."""
        self.guard.require(self.products.get(product), principal, STOP, hrn(product, "run", run))
        record = self.runs.run(product, run)
        if record.ended:
            raise PreconditionFailed(f"run {short(run)} has ended: it is {record.state}")
        return self._stop(principal, product, {"run": run}, job_of_run(self.experiments, record), reason)

    def experiment(self, principal: Principal, product: str, experiment: str, reason: str) -> dict[str, Any]:
        """``{"product", "experiment", "job_id", "reason", "principal"}``."""
        self.guard.require(self.products.get(product), principal, STOP, hrn(product, "run", experiment))
        record = self.experiments.experiment(product, experiment)
        if record.state != "SUBMITTED":
            raise PreconditionFailed(f"experiment {short(experiment)} has ended: it is {record.state}")
        return self._stop(principal, product, {"experiment": experiment}, record.job_id, reason)

    def _stop(
        self, principal: Principal, product: str, what: dict[str, str], job: str | None, reason: str
    ) -> dict[str, Any]:
        (kind, name) = next(iter(what.items()))
        if job is None:
            raise PreconditionFailed(f"{kind} {short(name)} has no job yet; look again in a moment")
        self.compute.terminate(job, f"stopped by {principal.id}: {reason}")
        told = {**what, "job_id": job, "reason": reason, "principal": principal.id}
        now = iso(self.clock.now())
        self.bus.publish([DomainEvent(events.TRAINING_STOPPED, product, f"{name}-{now}", now, told)])
        return {"product": product, **told}
