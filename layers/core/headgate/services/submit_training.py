"""Decides whether a feature version is worth a training run, reserves the money, and submits the job.

A run is named by its spec: equal specs are one run, however often they are asked for. Order of side effects:
spec, claim of the run, reservation, job, record. Each step is recognised when it is repeated, so a crash
between any two is healed by the redelivery.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from headgate.domain import events
from headgate.domain.canonical import canonical_json, digest, short
from headgate.domain.cost import PriceTable
from headgate.domain.errors import AccessDenied, ConfigurationError, NotFound, PreconditionFailed
from headgate.domain.events import DomainEvent
from headgate.domain.feature import FeatureManifest, FeatureVersionRecord, Partition, partitions_between
from headgate.domain.identity import Principal
from headgate.domain.training import RunRecord, RunSpec, TrainingConfig, TrainingPartition, run_prefix
from headgate.ports import BatchCompute, Clock, EventBus, FeatureCatalog, Ledger, ObjectStore, RunCatalog
from headgate.services.access import Guard
from headgate.services.clock import iso, parse_iso
from headgate.services.feature_manifests import features_manifest_key
from headgate.services.products import AppliedProduct, Products

SERVICE = Principal("service/train")
COVERAGE_SLACK = timedelta(days=1)


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
        service's act.
        """
        applied = self.products.get(product)
        config = applied.product.training
        if config is None:
            return TrainingOutcome("waiting", f"product {product} declares no training")
        head = self.features.feature_head(product, config.feature_set)
        if head is None:
            return TrainingOutcome("waiting", f"no version yet of feature set {config.feature_set}")
        manifest = self._manifest(head)
        partitions = partitions_between(manifest.partitions, config.split.train[0], config.split.holdout[1])
        if (lacking := missing_data(partitions, config)) is not None:
            self._publish(events.TRAINING_SKIPPED, product, head.digest, {"reason": lacking})
            return TrainingOutcome("waiting", lacking)
        spec = self._spec(applied, config, manifest, partitions)
        return self._submit(applied, spec, head, requested_by)

    def _manifest(self, head: FeatureVersionRecord) -> FeatureManifest:
        key = features_manifest_key(head.product, head.feature_set, head.digest)
        return FeatureManifest.from_document(json.loads(self.lake.get(key)))

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
                TrainingPartition(self.lake.uri(p.key), p.sha256, p.rows, p.month) for p in partitions
            ),
            entity=feature_set.spine.entity,
            event_time=feature_set.spine.event_time or "",
            code_digest=digest({"recipe": manifest.recipe, "training": applied.product.document["training"]}),
            environment_digest=self.environment_digest,
        )

    def _submit(
        self, applied: AppliedProduct, spec: RunSpec, head: FeatureVersionRecord, requested_by: str
    ) -> TrainingOutcome:
        product, config, name = spec.product, spec.config, spec.digest
        estimate = self.prices.compute_usd(config.compute_class, config.timeout_seconds)
        context = {
            "headgate:EstimatedCostUSD": str(round(estimate, 6)),
            "headgate:ComputeClass": config.compute_class,
        }
        key = f"{run_prefix(product, name)}/spec.json"
        record = RunRecord(
            product=product,
            model=config.model,
            digest=name,
            state="SUBMITTED",
            spec_uri=self.models.uri(key),
            feature_set=config.feature_set,
            feature_version=head.digest,
            compute_class=config.compute_class,
            estimated_cost_usd=estimate,
            submitted_by=requested_by,
            created_at=iso(self.clock.now()),
        )
        if (known := self._known(product, name)) is not None:
            if known.job_id is not None or known.state != "SUBMITTED":
                return TrainingOutcome(
                    "known", f"run {short(name)} was submitted before; equal specs are one run", known
                )
            record = known
        else:
            try:
                self.guard.require(
                    applied, SERVICE, "headgate:SubmitTraining", f"hrn:{product}:run/{name}", context
                )
            except AccessDenied as denied:
                return self._refuse(product, name, str(denied))
            self.models.put(key, canonical_json(spec.to_document()), "application/json")
            self.runs.add_run(record)
        return self._start(record, config)

    def _known(self, product: str, name: str) -> RunRecord | None:
        try:
            return self.runs.run(product, name)
        except NotFound:
            return None

    def _start(self, record: RunRecord, config: TrainingConfig) -> TrainingOutcome:
        month = record.created_at[:7]
        try:
            self.ledger.reserve(
                record.product, month, record.digest, config.budget_usd_per_month, record.estimated_cost_usd
            )
            job = self.compute.submit(
                name=f"{record.product}-{config.model}-{short(record.digest)}",
                compute_class=config.compute_class,
                parameters={"run_spec": record.spec_uri},
                timeout_seconds=config.timeout_seconds,
            )
        except (PreconditionFailed, ConfigurationError) as refusal:
            self.runs.update_run(replace(record, state="REFUSED", reason=str(refusal)))
            self.ledger.settle(record.product, month, record.digest, 0.0)
            return self._refuse(record.product, record.digest, str(refusal))
        submitted = replace(record, job_id=job)
        self.runs.update_run(submitted)
        detail = {
            "run": record.digest,
            "job_id": job,
            "estimated_cost_usd": record.estimated_cost_usd,
            "model": record.model,
        }
        self._publish(events.TRAINING_SUBMITTED, record.product, record.digest, detail)
        return TrainingOutcome("submitted", f"job {job}", submitted)

    def _refuse(self, product: str, run: str, reason: str) -> TrainingOutcome:
        self._publish(events.TRAINING_REFUSED, product, run, {"run": run, "reason": reason})
        return TrainingOutcome("refused", reason)

    def _publish(self, kind: str, product: str, name: str, detail: Mapping[str, Any]) -> None:
        self.bus.publish([DomainEvent(kind, product, name, iso(self.clock.now()), dict(detail))])


def missing_data(partitions: tuple[Partition, ...], config: TrainingConfig) -> str | None:
    """Why the declared split cannot be trained yet, or None: every month must be there, up to the last day of
    the holdout.
    """
    start, end = config.split.train[0], config.split.holdout[1]
    have = {p.month for p in partitions if p.rows}
    lacking = [m for m in _months(start, end) if m not in have]
    if lacking:
        return f"waiting for data of {', '.join(lacking)}"
    newest = max(p.max_event_time for p in partitions)
    if parse_iso(newest) < parse_iso(end) - COVERAGE_SLACK:
        return f"waiting for data until {end}; the newest label is of {newest}"
    return None


def _months(start: str, end: str) -> list[str]:
    """Every month from the one of ``start`` to the last one that begins before ``end``."""
    year, month = int(start[:4]), int(start[5:7])
    found = []
    while f"{year}-{month:02d}-01" < end[:10]:
        found.append(f"{year}-{month:02d}")
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return found
