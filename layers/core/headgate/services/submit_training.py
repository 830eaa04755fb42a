"""Decides whether a feature version is worth a training run, reserves the money, and submits the job.

A run is named by its spec: equal specs are one run, however often they are asked for. Order of side effects:
spec, claim of the run, reservation, job, record, event. Each step is recognised when it is repeated, so a
crash between any two is healed by the redelivery. The one exception is a crash between the job and its
record: then a second job is submitted, both write the same outputs, and the first to end counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from headgate.domain import events
from headgate.domain.canonical import canonical_json, digest, short
from headgate.domain.cost import PriceTable
from headgate.domain.errors import AccessDenied, ConfigurationError, Conflict, NotFound, PreconditionFailed
from headgate.domain.events import DomainEvent
from headgate.domain.feature_version import (
    FeatureManifest,
    FeatureVersionRecord,
    Partition,
    partitions_between,
)
from headgate.domain.identity import Principal
from headgate.domain.training import RunRecord, RunSpec, TrainingConfig, TrainingPartition, run_prefix
from headgate.ports import BatchCompute, Clock, EventBus, FeatureCatalog, Ledger, ObjectStore, RunCatalog
from headgate.services.access import Guard
from headgate.services.clock import iso, parse_iso
from headgate.services.feature_manifests import load_features
from headgate.services.products import AppliedProduct, Products
from headgate.services.training_data import missing_data

SERVICE = Principal("service/train")
CLAIM_SECONDS = 120
"""Twice what the function may take: whoever claimed a run longer ago and submitted no job is dead."""
PATIENCE = (0.5, 1.0, 2.0, 4.0)
"""Seconds between looks at a run that another worker is just submitting."""


@dataclass(frozen=True)
class TrainingOutcome:
    """``state`` is submitted, known, waiting or refused; ``reason`` says why in a sentence."""

    state: str
    reason: str
    run: RunRecord | None = None


@dataclass(frozen=True)
class SubmitTraining:
    """The use case. ``environment_digest`` names the trainer image that will run."""

    products: Products
    features: FeatureCatalog
    runs: RunCatalog
    lake: ObjectStore
    models: ObjectStore
    compute: BatchCompute
    ledger: Ledger
    bus: EventBus
    guard: Guard
    clock: Clock
    prices: PriceTable
    environment_digest: str

    def consider(self, product: str, requested_by: str = SERVICE.id) -> TrainingOutcome:
        """Submits a run on the newest feature version if its data is complete and no equal run exists.

        ``requested_by`` is the principal id that is kept with the run; the submission itself is this
        service's act. Raises Conflict while another worker may still be submitting the same run.
        """
        applied = self.products.get(product)
        config = applied.product.training
        if config is None:
            return TrainingOutcome("waiting", f"product {product} declares no training")
        head = self.features.feature_head(product, config.feature_set)
        if head is None:
            return TrainingOutcome("waiting", f"no version yet of feature set {config.feature_set}")
        manifest = load_features(self.lake, product, head.feature_set, head.digest)
        partitions = partitions_between(manifest.partitions, config.split.train[0], config.split.holdout[1])
        if (lacking := missing_data(partitions, config)) is not None:
            self._publish(events.TRAINING_SKIPPED, product, head.digest, {"reason": lacking})
            return TrainingOutcome("waiting", lacking)
        spec = self._spec(applied, config, manifest, partitions)
        known = self._known(product, spec.digest)
        if known is not None and known.state == "SUBMITTED" and known.job_id is None:
            return self._take_over(known, config)
        if known is not None and not _was_turned_away(known):
            self._publish_submitted(known)
            reason = f"run {short(known.digest)} was submitted before; equal specs are one run"
            return TrainingOutcome("known", reason, known)
        try:
            record = self._record(spec, head, requested_by, known)
        except ConfigurationError as unpriced:
            return self._refuse(product, spec.digest, str(unpriced))
        return self._submit(applied, spec, record)

    def submit(self, applied: AppliedProduct, spec: RunSpec, record: RunRecord) -> TrainingOutcome:
        """Submits a run that is not made of the newest feature version, once; ``record`` is how it begins.

        Raises Conflict while another worker may still be submitting the same run.
        """
        known = self._known(record.product, record.digest)
        if known is None:
            return self._submit(applied, spec, record)
        if known.state == "SUBMITTED" and known.job_id is None:
            return self._take_over(known, spec.config)
        if _was_turned_away(known):
            return self._submit(applied, spec, replace(record, attempt=known.attempt + 1))
        self._publish_submitted(known)
        return TrainingOutcome("known", f"run {short(known.digest)} was submitted before", known)

    def _spec(
        self,
        applied: AppliedProduct,
        config: TrainingConfig,
        manifest: FeatureManifest,
        partitions: tuple[Partition, ...],
    ) -> RunSpec:
        feature_set = applied.product.feature_sets[config.feature_set]
        return RunSpec(
            product=applied.product.name,
            config=config,
            partitions=tuple(
                TrainingPartition(self.lake.uri(p.key), p.sha256, p.rows, p.name) for p in partitions
            ),
            entity=feature_set.spine.entity,
            event_time=feature_set.spine.event_time or "",
            code_digest=digest({"recipe": manifest.recipe, "training": applied.product.document["training"]}),
            environment_digest=self.environment_digest,
        )

    def _record(
        self, spec: RunSpec, head: FeatureVersionRecord, requested_by: str, refused: RunRecord | None
    ) -> RunRecord:
        config = spec.config
        return RunRecord(
            product=spec.product,
            model=config.model,
            digest=spec.digest,
            state="SUBMITTED",
            spec_uri=self.models.uri(_spec_key(spec)),
            feature_set=config.feature_set,
            feature_version=head.digest,
            compute_class=config.compute_class,
            estimated_cost_usd=self.prices.compute_usd(config.compute_class, config.timeout_seconds),
            submitted_by=requested_by,
            created_at=iso(self.clock.now()),
            task=config.task,
            attempt=1 if refused is None else refused.attempt + 1,
        )

    def _known(self, product: str, name: str) -> RunRecord | None:
        try:
            return self.runs.run(product, name)
        except NotFound:
            return None

    def _take_over(self, claimed: RunRecord, config: TrainingConfig) -> TrainingOutcome:
        """A run that was claimed: by a worker that is at it, or by one that died before it had a job."""
        for pause in PATIENCE:
            if claimed.job_id is not None or claimed.state != "SUBMITTED":
                return TrainingOutcome("known", f"another worker took run {short(claimed.digest)}", claimed)
            if (self.clock.now() - parse_iso(claimed.created_at)).total_seconds() > CLAIM_SECONDS:
                return self._start(claimed, config)
            self.clock.sleep(pause)
            claimed = self.runs.run(claimed.product, claimed.digest)
        raise Conflict(f"run {short(claimed.digest)} is being submitted by another worker; look again later")

    def _submit(self, applied: AppliedProduct, spec: RunSpec, record: RunRecord) -> TrainingOutcome:
        context = {
            "headgate:EstimatedCostUSD": str(round(record.estimated_cost_usd, 6)),
            "headgate:ComputeClass": record.compute_class,
        }
        resource = f"hrn:{record.product}:run/{record.digest}"
        try:
            self.guard.require(applied, SERVICE, "headgate:SubmitTraining", resource, context)
        except AccessDenied as denied:
            return self._refuse(record.product, record.digest, str(denied))
        self.models.put(_spec_key(spec), canonical_json(spec.to_document()), "application/json")
        if record.attempt > 1:
            self.runs.update_run(record)
        elif not self.runs.add_run(record):
            return self._take_over(self.runs.run(record.product, record.digest), spec.config)
        return self._start(record, spec.config)

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
        except (PreconditionFailed, ConfigurationError) as refusal:
            self.ledger.settle(record.product, record.month, record.reservation, 0.0)
            self.runs.update_run(replace(record, state="REFUSED", reason=str(refusal)))
            return self._refuse(record.product, record.digest, str(refusal))
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
        }
        self.bus.publish(
            [DomainEvent(events.TRAINING_SUBMITTED, run.product, run.digest, run.created_at, detail)]
        )

    def _refuse(self, product: str, run: str, reason: str) -> TrainingOutcome:
        self._publish(events.TRAINING_REFUSED, product, run, {"run": run, "reason": reason})
        return TrainingOutcome("refused", reason)

    def _publish(self, kind: str, product: str, name: str, detail: Mapping[str, Any]) -> None:
        self.bus.publish([DomainEvent(kind, product, name, iso(self.clock.now()), dict(detail))])


def _spec_key(spec: RunSpec) -> str:
    return f"{run_prefix(spec.product, spec.digest)}/spec.json"


def _was_turned_away(run: RunRecord) -> bool:
    """Refused before any job ran, for want of money or compute: another month or deployment may have them."""
    return run.state == "REFUSED" and run.job_id is None
