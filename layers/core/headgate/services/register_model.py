"""A finished training job becomes a model version, or is refused with the gates it failed.

Nothing the trainer claims is taken on trust: files are checked against the manifest's digests, and every
metric is recomputed through ONNX Runtime from the artifact that will serve. Order of side effects: money and
its cost line, version, events, alias, alias event, run record. Until that record says how the run ended, a
redelivery takes every step again and finds what is done.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from headgate.domain import events
from headgate.domain.canonical import digest
from headgate.domain.cost import PriceTable
from headgate.domain.errors import Conflict, Corrupted, InvalidRequest, NotFound
from headgate.domain.events import DomainEvent
from headgate.domain.identity import Principal
from headgate.domain.job import FAILED, SUCCEEDED, Job
from headgate.domain.model import GateResult, ModelVersion
from headgate.domain.trainer_manifest import TrainerManifest
from headgate.domain.training import RunRecord, RunState, TrainingConfig
from headgate.ports import (
    Clock,
    EventBus,
    Ledger,
    ModelCatalog,
    ModelRuntime,
    ObjectStore,
    RunCatalog,
    Scratch,
)
from headgate.services.access import Guard
from headgate.services.assign_alias import AssignAlias
from headgate.services.clock import iso
from headgate.services.evaluate_model import EvaluateModel
from headgate.services.measure_candidate import MeasureCandidate
from headgate.services.model_facts import model_registered
from headgate.services.model_gates import gate_results, refusal
from headgate.services.products import AppliedProduct, Products
from headgate.services.trainer_outputs import ARTIFACT, TrainerOutputs, output_key

SERVICE = Principal("service/register")
ATTEMPTS = 6
FINAL: tuple[RunState, ...] = ("REGISTERED", "REFUSED")


@dataclass(frozen=True)
class RegisterOutcome:
    """``state`` is registered, known, refused, failed or running."""

    state: str
    run: RunRecord
    model: ModelVersion | None = None


@dataclass(frozen=True)
class RegisterModel:
    """The use case."""

    products: Products
    runs: RunCatalog
    models: ModelCatalog
    lake: ObjectStore
    artifacts: ObjectStore
    runtime: ModelRuntime
    evaluation: EvaluateModel
    ledger: Ledger
    bus: EventBus
    guard: Guard
    clock: Clock
    scratch: Scratch
    prices: PriceTable

    @property
    def outputs(self) -> TrainerOutputs:
        return TrainerOutputs(self.artifacts, self.runtime)

    @property
    def measuring(self) -> MeasureCandidate:
        return MeasureCandidate(self.lake, self.evaluation)

    def on_job_ended(self, spec_uri: str, job: Job) -> RegisterOutcome:
        """Takes a job's end; other states change nothing. Raises NotFound when its run is unknown."""
        product, run = run_of_spec(spec_uri)
        known = self.runs.run(product, run)
        if not job.ended:
            return RegisterOutcome("running", known)
        record = self._settle(known, job)
        if record.state in FINAL:
            return RegisterOutcome("known", record)
        if job.state == FAILED:
            return self._failed(record, job.failure)
        applied = self.products.get(product)
        self.guard.require(applied, SERVICE, "headgate:RegisterModel", f"hrn:{product}:model/{record.model}")
        try:
            return self._register(applied, record)
        except (Corrupted, InvalidRequest, NotFound) as problem:
            return self._failed(record, f"the job's outputs cannot be used: {problem}")

    def register_run(self, product: str, run: str, challenge: bool = True) -> RegisterOutcome:
        """Takes a run whose job has ended and was settled. Without ``challenge`` its version gets no alias;
        asked again with it, it gets one then. Raises NotFound, AccessDenied.
        """
        record = self.runs.run(product, run)
        applied = self.products.get(product)
        self.guard.require(applied, SERVICE, "headgate:RegisterModel", f"hrn:{product}:model/{record.model}")
        if record.state in FINAL:
            return self._known(applied, record, challenge)
        try:
            return self._register(applied, record, challenge)
        except (Corrupted, InvalidRequest, NotFound) as problem:
            return self._failed(record, f"the job's outputs cannot be used: {problem}")

    def _known(self, applied: AppliedProduct, record: RunRecord, challenge: bool) -> RegisterOutcome:
        if record.model_version is None:
            return RegisterOutcome("known", record)
        model = self.models.model_version(record.model, record.model_version)
        if challenge:
            self._assign(applied, _declared(applied, record), model)
        return RegisterOutcome("known", record, model)

    def _assign(self, applied: AppliedProduct, config: TrainingConfig, model: ModelVersion) -> None:
        AssignAlias(self.models, self.bus, self.guard, self.clock).assign(SERVICE, applied, config, model)

    def _settle(self, record: RunRecord, job: Job) -> RunRecord:
        """The run's real seconds and cost, from the job's own clock: a repeat tells the very same."""
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
        self._publish(events.COST_INCURRED, record.product, f"{record.digest}-{job.id}", ended, line)
        if record.state in FINAL:
            return record
        state: RunState = "SUCCEEDED" if job.state == SUCCEEDED else "FAILED"
        return replace(
            record, state=state, seconds=job.seconds, cost_usd=spent, job_id=job.id, finished_at=ended
        )

    def _failed(self, record: RunRecord, reason: str) -> RegisterOutcome:
        failed = replace(record, state="FAILED", reason=reason)
        self.runs.update_run(failed)
        detail = {"run": record.digest, "reason": reason, "model": record.model}
        self._publish(events.TRAINING_FAILED, record.product, record.digest, _ended(record), detail)
        return RegisterOutcome("failed", failed)

    def _register(
        self, applied: AppliedProduct, record: RunRecord, challenge: bool = True
    ) -> RegisterOutcome:
        config = _declared(applied, record)
        manifest = self.outputs.manifest(record)
        with self.scratch.directory() as directory:
            loaded = self.outputs.fetch(record, manifest, directory)
            metrics = self.measuring.measure(config, record, manifest, loaded, directory)
        gates = gate_results(config, metrics)
        if not all(gate.passed for gate in gates):
            return self._refused(record, gates)
        model = self._add(record, manifest, metrics, gates)
        self.bus.publish(model_registered(model, record))
        if challenge:
            self._assign(applied, config, model)
        registered = replace(record, state="REGISTERED", reason=None, model_version=model.version)
        self.runs.update_run(registered)
        return RegisterOutcome("registered", registered, model)

    def _refused(self, record: RunRecord, gates: tuple[GateResult, ...]) -> RegisterOutcome:
        refused = replace(record, state="REFUSED", reason=refusal(gates))
        detail = {
            "model": record.model,
            "run": record.digest,
            "gates": [asdict(gate) for gate in gates],
            "reason": refused.reason,
        }
        self._publish(events.MODEL_REFUSED, record.product, record.digest, _ended(record), detail)
        self.runs.update_run(refused)
        return RegisterOutcome("refused", refused)

    def _add(
        self,
        record: RunRecord,
        manifest: TrainerManifest,
        metrics: Mapping[str, Any],
        gates: tuple[GateResult, ...],
    ) -> ModelVersion:
        """The next integer version, or the one that has this content already."""
        content = digest(dict(manifest.files))
        problem = Conflict("no attempt was made")
        for attempt in range(ATTEMPTS):
            latest = self.models.latest_version(record.model)
            self._require_own(record, latest)
            if (known := self.models.model_with_digest(record.model, content)) is not None:
                return known
            model = ModelVersion(
                model=record.model,
                version=latest + 1,
                product=record.product,
                digest=content,
                run=record.digest,
                feature_set=record.feature_set,
                feature_version=record.feature_version,
                artifact_key=output_key(record.product, record.digest, ARTIFACT),
                signature=manifest.signature,
                metrics=metrics,
                gates=gates,
                created_at=iso(self.clock.now()),
                artifact_sha256=manifest.sha256(ARTIFACT),
            )
            try:
                self.models.add_model(model)
                return model
            except Conflict as error:
                problem = error
                self.clock.sleep(0.05 * 2**attempt)
        raise problem

    def _require_own(self, record: RunRecord, latest: int) -> None:
        """A model is its first product's: no other one's policy may move what that product serves."""
        owner = self.models.model_version(record.model, latest).product if latest else record.product
        if owner != record.product:
            raise InvalidRequest(f"the model {record.model} belongs to product {owner}; choose another name")

    def _publish(self, kind: str, product: str, name: str, time: str, detail: Mapping[str, Any]) -> None:
        self.bus.publish([DomainEvent(kind, product, name, time, dict(detail))])


def _declared(applied: AppliedProduct, record: RunRecord) -> TrainingConfig:
    """The declaration the run is judged by. Raises InvalidRequest when it is not the one it was trained for:
    its holdout may by now be another, which the run has learnt from.
    """
    config = applied.product.training
    if config is None or config.model != record.model:
        raise InvalidRequest(f"product {record.product} no longer declares model {record.model}")
    if record.task is not None and record.task != config.task:
        raise InvalidRequest("the product's training was declared anew while the run was under way")
    return config


def _ended(record: RunRecord) -> str:
    return record.finished_at or record.created_at


def run_of_spec(spec_uri: str) -> tuple[str, str]:
    """(product, run digest) of a run spec's URI. Raises InvalidRequest when it is none."""
    parts = urlsplit(spec_uri).path.rstrip("/").split("/")
    if len(parts) < 4 or parts[-1] != "spec.json" or parts[-3] != "runs":
        raise InvalidRequest(f"{spec_uri!r} is no run spec of this platform")
    return parts[-4], parts[-2]
