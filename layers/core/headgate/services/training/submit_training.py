"""Decides whether what happened is worth a training run, and has it submitted.

In this order: is the trigger declared, is the data of the split there, is the run known, has enough changed,
is there a place (debounce and rate), and then money and compute, which `StartTraining` sees to. Whatever is
not submitted is told with its reason.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from headgate.domain import events
from headgate.domain.cost import PriceTable
from headgate.domain.errors import ConfigurationError
from headgate.domain.events import DomainEvent
from headgate.domain.feature_version import FeatureVersionRecord
from headgate.domain.run import RunRecord, RunSpec
from headgate.domain.training import TrainingConfig
from headgate.domain.trigger import Trigger
from headgate.ports import (
    BatchCompute,
    Clock,
    EventBus,
    FeatureCatalog,
    Ledger,
    MessageQueue,
    ObjectStore,
    RunCatalog,
    TriggerCatalog,
)
from headgate.services.access import Guard
from headgate.services.clock import iso, parse_iso
from headgate.services.products import AppliedProduct, Products
from headgate.services.training.start_training import SERVICE, StartTraining, TrainingOutcome
from headgate.services.training.training_slots import TrainingSlots
from headgate.services.training.training_spec import TrainingSpecs


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
    triggers: TriggerCatalog
    queue: MessageQueue
    new_id: Callable[[], str]

    @property
    def specs(self) -> TrainingSpecs:
        return TrainingSpecs(
            self.features, self.lake, self.models, self.clock, self.prices, self.environment_digest
        )

    @property
    def starting(self) -> StartTraining:
        return StartTraining(
            self.runs, self.models, self.compute, self.ledger, self.bus, self.guard, self.clock
        )

    @property
    def slots(self) -> TrainingSlots:
        return TrainingSlots(self.triggers, self.runs, self.queue, self.clock, self.new_id)

    def consider(
        self, product: str, requested_by: str = SERVICE.id, trigger: Trigger = "manual"
    ) -> TrainingOutcome:
        """Submits a run on the newest feature version if its data is complete and no equal run exists.

        ``requested_by`` is the principal id that is kept with the run; the submission itself is this
        service's act. Raises Conflict while another worker may still be submitting the same run.
        """
        applied = self.products.get(product)
        config = applied.product.training
        if config is None:
            return TrainingOutcome("waiting", f"product {product} declares no training")
        if (unheard := config.triggers.unheard(trigger)) is not None:
            return TrainingOutcome("skipped", unheard)
        inputs = self.specs.inputs(product, config)
        lacking = self.specs.lacking(inputs, config)
        if inputs is None or lacking is not None:
            return self._skip("waiting", product, inputs.head if inputs else None, lacking or "")
        spec = self.specs.spec(applied, config, inputs)
        known = self.starting.known(product, spec.digest)
        if known is not None and not known.turned_away:
            return self.starting.join(known, config)
        if trigger == "feature_version" and (little := self._too_little(config, inputs.head)) is not None:
            return self._skip("skipped", product, inputs.head, little)
        try:
            record = self.specs.record(spec, inputs.head.digest, requested_by, trigger, known)
        except ConfigurationError as unpriced:
            return self.starting.refuse(product, spec.digest, str(unpriced))
        return self._submit(applied, spec, record, trigger, inputs.head)

    def schedule_is_due(self, product: str) -> bool:
        """Whether the declared days have passed since the newest run was submitted."""
        config = self.products.get(product).product.training
        if config is None or config.triggers.schedule_days is None:
            return False
        newest = self.slots.state(product).newest
        days = timedelta(days=config.triggers.schedule_days)
        return newest is None or parse_iso(newest.time) + days <= self.clock.now()

    def _submit(
        self,
        applied: AppliedProduct,
        spec: RunSpec,
        record: RunRecord,
        trigger: Trigger,
        head: FeatureVersionRecord,
    ) -> TrainingOutcome:
        declared = spec.config.triggers
        held = self.slots.take(declared, trigger, record.digest, head, again=record.attempt > 1)
        if held is not None:
            if not held.first:
                return TrainingOutcome("deferred", held.reason)
            return self._skip("deferred" if held.until else "refused", record.product, head, held.reason)
        outcome = self.starting.start(applied, spec, record)
        if outcome.state == "refused":
            self.slots.give_back(record.product, record.digest)
        return outcome

    def _too_little(self, config: TrainingConfig, head: FeatureVersionRecord) -> str | None:
        """The first run is always let through."""
        newest = self.slots.state(head.product).newest
        if newest is None:
            return None
        passed = parse_iso(head.max_event_time) - parse_iso(newest.max_event_time)
        return config.triggers.too_little(head.rows - newest.rows, passed / timedelta(days=1))

    def _skip(
        self, state: str, product: str, head: FeatureVersionRecord | None, reason: str
    ) -> TrainingOutcome:
        """Told on the bus, unless there is no feature version that could have asked."""
        if head is not None:
            now = iso(self.clock.now())
            skipped = DomainEvent(events.TRAINING_SKIPPED, product, head.digest, now, {"reason": reason})
            self.bus.publish([skipped])
        return TrainingOutcome(state, reason)
