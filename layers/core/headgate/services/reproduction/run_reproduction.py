"""Takes a reproduction from one job to the next: features first, then a training run of its own.

Order of side effects: a job, then the record's state. A message or event that comes again finds the state, or
starts a second job that finds what the first one left; runs are named by their spec, so there is one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from headgate.domain import events
from headgate.domain.canonical import short
from headgate.domain.cost import PriceTable
from headgate.domain.events import DomainEvent
from headgate.domain.feature_version import Partition, partitions_between
from headgate.domain.model import ModelVersion
from headgate.domain.reproduction import (
    KIND,
    PARAMETER,
    EndedRebuild,
    Rebuilt,
    Reproduction,
    parameter_of,
)
from headgate.domain.run import RunRecord, RunSpec, TrainingPartition, run_prefix
from headgate.domain.training import TrainingConfig
from headgate.ports import ModelCatalog, ReproductionCatalog
from headgate.services.clock import iso
from headgate.services.product_models import training_of
from headgate.services.products import AppliedProduct
from headgate.services.reproduction.conclude_reproduction import ConcludeReproduction
from headgate.services.reproduction.recorded_config import config_of, recorded_spec
from headgate.services.training.start_training import TrainingOutcome
from headgate.services.training.submit_training import SubmitTraining
from headgate.services.training.training_data import missing_data

TIMEOUT_SECONDS = 14_400
PRICED_AS = "cpu"
"""The compute class whose machine the first job has."""


@dataclass(frozen=True)
class RunReproduction:
    """The use case of the function that submits jobs."""

    training: SubmitTraining
    models: ModelCatalog
    reproductions: ReproductionCatalog
    conclude: ConcludeReproduction
    prices: PriceTable

    def start(self, product: str, name: str) -> Reproduction:
        """Submits the first job. Raises NotFound, Retryable."""
        asked = self.reproductions.reproduction(product, name)
        if asked.state != "asked":
            return asked
        job = self.training.compute.submit(
            name=f"{product}-{KIND}-{asked.id}",
            compute_class=KIND,
            parameters={PARAMETER: parameter_of(asked)},
            timeout_seconds=TIMEOUT_SECONDS,
        )
        return self._advance(asked, replace(asked, state="rebuilding", job_id=job))

    def on_rebuilt(self, ended: EndedRebuild) -> Reproduction:
        """Goes on where the first job has ended: trains, or says why that cannot be."""
        asked = self.reproductions.reproduction(ended.product, ended.reproduction)
        self._publish_cost(ended)
        if asked.state not in ("asked", "rebuilding"):
            return self.conclude.told_again(asked)
        if ended.failure and asked.job_id not in ("", ended.job_id):
            return asked  # a job whose submission was never noted, and which another one has replaced
        if ended.failure:
            return self.conclude.failed(asked, f"the features were not made: {ended.failure}")
        rebuilt = self.conclude.documents.rebuilt(asked)
        if rebuilt is None:
            return self.conclude.failed(asked, f"job {ended.job_id} ended well and left nothing")
        if rebuilt.gone or rebuilt.problem:
            return self.conclude.without_a_run(asked, rebuilt)
        return self._train(asked, rebuilt)

    def _train(self, asked: Reproduction, rebuilt: Rebuilt) -> Reproduction:
        applied = self.training.products.get(asked.product)
        model = self.models.model_version(asked.model, asked.version)
        spec, lacking = self._spec(asked, applied, model, rebuilt)
        if lacking is not None:
            return self.conclude.without_a_run(asked, replace(rebuilt, problem=lacking))
        record = self._record(asked, model, spec)
        outcome = self.training.starting.submit(applied, spec, record)
        return self._trained(asked, spec, outcome)

    def _trained(self, asked: Reproduction, spec: RunSpec, outcome: TrainingOutcome) -> Reproduction:
        if outcome.state == "refused":
            return self.conclude.failed(asked, f"the training run was refused: {outcome.reason}")
        return self._advance(asked, replace(asked, state="training", run=spec.digest))

    def _spec(
        self, asked: Reproduction, applied: AppliedProduct, model: ModelVersion, rebuilt: Rebuilt
    ) -> tuple[RunSpec, str | None]:
        """The spec of the fresh run, and what its split lacks."""
        config = self._config(asked, applied, model)
        table = tuple(Partition(**each) for each in rebuilt.partitions)
        partitions = partitions_between(table, config.split.train[0], config.split.holdout[1])
        spec = RunSpec(
            product=asked.product,
            config=config,
            partitions=tuple(
                TrainingPartition(self.training.lake.uri(p.key), p.sha256, p.rows, p.name) for p in partitions
            ),
            entity=rebuilt.entity,
            event_time=rebuilt.event_time,
            code_digest=rebuilt.code_digest,
            environment_digest=self.training.environment_digest,
            reproduces={"run": model.run, "request": asked.id},
        )
        return spec, missing_data(partitions, config)

    def _config(self, asked: Reproduction, applied: AppliedProduct, model: ModelVersion) -> TrainingConfig:
        """What is declared, or what was recorded: of that, budget and time are those of today."""
        if asked.against == "declared":
            bundle = self.training.products.bundle(asked.product, asked.spec)
            return training_of(AppliedProduct(applied.record, bundle))
        recorded = recorded_spec(self.training.models, model.product, model.run)
        return config_of(recorded, training_of(applied))

    def _record(self, asked: Reproduction, model: ModelVersion, spec: RunSpec) -> RunRecord:
        config = spec.config
        return RunRecord(
            product=spec.product,
            model=config.model,
            digest=spec.digest,
            state="SUBMITTED",
            spec_uri=self.training.models.uri(f"{run_prefix(spec.product, spec.digest)}/spec.json"),
            feature_set=config.feature_set,
            feature_version=model.feature_version,
            compute_class=config.compute_class,
            estimated_cost_usd=self.prices.compute_usd(config.compute_class, config.timeout_seconds),
            submitted_by=asked.requested_by,
            created_at=iso(self.training.clock.now()),
            task=config.task,
            trigger="reproduction",
        )

    def _advance(self, was: Reproduction, record: Reproduction) -> Reproduction:
        self.reproductions.advance_reproduction(record, was)
        return record

    def _publish_cost(self, ended: EndedRebuild) -> None:
        """What the job took, at the list price of its machine; a repeated event is the same line."""
        if not ended.seconds:
            return
        usd = round(self.prices.compute_usd(PRICED_AS, ended.seconds), 6)
        line: Mapping[str, Any] = {
            "kind": "reproduction",
            "quantity": ended.seconds,
            "unit": "seconds",
            "usd": usd,
        }
        at = iso(datetime.fromtimestamp(ended.stopped_ms / 1000, UTC))
        name = f"reproduction-{short(ended.job_id)}-{ended.reproduction}"
        self.training.bus.publish([DomainEvent(events.COST_INCURRED, ended.product, name, at, dict(line))])
