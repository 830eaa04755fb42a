"""A finished training job becomes a model version, or is refused with the gates it failed.

Nothing the trainer claims is taken on trust: files are checked against the manifest's digests, and every
metric is recomputed through ONNX Runtime from the artifact that will serve. Order of side effects: money and
its cost line, version, its documents and their signature, events, alias (as a release, if it is the
champion's) and what is told of it, run record. Until that record says how the run ended, a redelivery takes
every step again and finds what is done.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from headgate.domain import events
from headgate.domain.cost import PriceTable
from headgate.domain.errors import Corrupted, InvalidRequest, NotFound, PreconditionFailed
from headgate.domain.events import DomainEvent
from headgate.domain.identity import Principal
from headgate.domain.job import FAILED, Job
from headgate.domain.model import GateResult, ModelVersion
from headgate.domain.run import RunRecord
from headgate.domain.trainer_manifest import TrainerManifest
from headgate.domain.training import TrainingConfig
from headgate.ports import (
    Clock,
    EventBus,
    FeatureCatalog,
    Ledger,
    ModelCatalog,
    ModelRuntime,
    ObjectStore,
    ReleaseCatalog,
    RunCatalog,
    Scratch,
    Signer,
)
from headgate.services.access import Guard
from headgate.services.models.add_version import AddVersion, Measured
from headgate.services.models.assign_alias import AssignAlias
from headgate.services.models.check_signature import signature_gate
from headgate.services.models.evaluate_model import EvaluateModel
from headgate.services.models.measure_candidate import Candidate, MeasureCandidate
from headgate.services.models.measure_champion import MeasureChampion
from headgate.services.models.model_documents import ModelDocuments
from headgate.services.models.model_facts import model_registered
from headgate.services.models.model_gates import gate_results, refusal, refuses
from headgate.services.models.settle_run import FINAL, SettleRun
from headgate.services.product_models import declared_for
from headgate.services.products import AppliedProduct, Products
from headgate.services.reproduction.judge_reproduction import TRIGGER, JudgeReproduction
from headgate.services.training.trainer_outputs import TrainerOutputs

SERVICE = Principal("service/register")


@dataclass(frozen=True)
class RegisterOutcome:
    """``state`` is registered, known, refused, failed, reproduced or running."""

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
    releases: ReleaseCatalog
    features: FeatureCatalog
    signer: Signer
    reproductions: JudgeReproduction | None = None

    @property
    def outputs(self) -> TrainerOutputs:
        return TrainerOutputs(self.artifacts, self.runtime)

    @property
    def measuring(self) -> MeasureCandidate:
        champion = MeasureChampion(self.models, self.outputs, self.evaluation, self.scratch)
        return MeasureCandidate(self.lake, self.evaluation, champion, self.clock)

    @property
    def versions(self) -> AddVersion:
        return AddVersion(self.models, self.features, self.clock)

    @property
    def documents(self) -> ModelDocuments:
        return ModelDocuments(self.artifacts, self.signer)

    @property
    def aliases(self) -> AssignAlias:
        return AssignAlias(self.models, self.releases, self.bus, self.guard, self.clock)

    def on_job_ended(self, spec_uri: str, job: Job) -> RegisterOutcome:
        """Takes a job's end; other states change nothing. Raises NotFound when its run is unknown."""
        product, run = run_of_spec(spec_uri)
        known = self.runs.run(product, run)
        if not job.ended:
            return RegisterOutcome("running", known)
        record = SettleRun(self.ledger, self.bus, self.clock, self.prices).settle(known, job)
        if record.trigger == TRIGGER and self.reproductions is not None:
            return self._reproduced(self.reproductions, record, job)
        if record.state in FINAL:
            return RegisterOutcome("known", record)
        if job.state == FAILED:
            return self._failed(record, job.failure)
        return self._register(record, challenge=True)

    def register_run(self, product: str, run: str, challenge: bool = True) -> RegisterOutcome:
        """Takes a run whose job has ended and was settled. Without ``challenge`` its version gets no alias;
        asked again with it, it gets one then.

        Raises NotFound, AccessDenied, and PreconditionFailed for a run that did not succeed.
        """
        record = self.runs.run(product, run)
        if record.state == "SUCCEEDED":
            return self._register(record, challenge)
        if record.state in FINAL:
            return self._known(record, challenge)
        raise PreconditionFailed(f"run {run[:12]} is {record.state}: only one that succeeded is registered")

    def _known(self, record: RunRecord, challenge: bool) -> RegisterOutcome:
        if record.model_version is None:
            return RegisterOutcome("known", record)
        model = self.models.model_version(record.model, record.model_version)
        if challenge:
            self.aliases.assign(SERVICE, self._authorized(record), model)
        return RegisterOutcome("known", record, model)

    def _authorized(self, record: RunRecord) -> AppliedProduct:
        applied = self.products.get(record.product)
        resource = f"hrn:{record.product}:model/{record.model}"
        self.guard.require(applied, SERVICE, "headgate:RegisterModel", resource)
        return applied

    def _register(self, record: RunRecord, challenge: bool) -> RegisterOutcome:
        applied = self._authorized(record)
        try:
            return self._judged(applied, record, challenge)
        except (Corrupted, InvalidRequest, NotFound) as problem:
            return self._failed(record, f"the job's outputs cannot be used: {problem}")

    def _judged(self, applied: AppliedProduct, record: RunRecord, challenge: bool) -> RegisterOutcome:
        config = declared_for(applied, record)
        manifest = self.outputs.manifest(record)
        run = self.outputs.evidence(record, manifest)
        model = self.versions.of_run(record, manifest)
        if model is None:
            measured = self._measured(config, record, manifest)
            if refuses(measured.gates):
                return self._refused(record, measured.gates)
            model = self.versions.add(record, run.spec, manifest, measured)
        if model.run == record.digest:
            self.documents.write(model, run)
        self.bus.publish(model_registered(model, record))
        if challenge:
            self.aliases.assign(SERVICE, applied, model)
        registered = replace(record, state="REGISTERED", reason=None, model_version=model.version)
        self.runs.update_run(registered)
        return RegisterOutcome("registered", registered, model)

    def _measured(self, config: TrainingConfig, record: RunRecord, manifest: TrainerManifest) -> Measured:
        """An artifact of another signature cannot be asked anything, so its other gates are not known."""
        with self.scratch.directory() as directory:
            candidate = Candidate(manifest, self.outputs.fetch(record, manifest, directory), directory)
            signature = candidate.model.signature()
            fits = signature_gate(config.features, signature, manifest.signature)
            if not fits.passed:
                return Measured(signature, {}, (fits,))
            metrics = self.measuring.measure(config, record, candidate)
        return Measured(signature, metrics, (fits, *gate_results(config, metrics)))

    def _reproduced(self, judging: JudgeReproduction, record: RunRecord, job: Job) -> RegisterOutcome:
        """A run that makes a registered model again is compared with it, and never registered."""
        if job.state == FAILED:
            judging.failed(record, job.failure)
            return self._failed(record, job.failure)
        try:
            judging.judge(record)
        except (Corrupted, InvalidRequest, NotFound) as problem:
            judging.failed(record, str(problem))
            return self._failed(record, f"the job's outputs cannot be used: {problem}")
        self.runs.update_run(record)
        return RegisterOutcome("reproduced", record)

    def _failed(self, record: RunRecord, reason: str) -> RegisterOutcome:
        failed = replace(record, state="FAILED", reason=reason)
        self.runs.update_run(failed)
        detail = {"run": record.digest, "reason": reason, "model": record.model}
        self._publish(events.TRAINING_FAILED, record, detail)
        return RegisterOutcome("failed", failed)

    def _refused(self, record: RunRecord, gates: tuple[GateResult, ...]) -> RegisterOutcome:
        refused = replace(record, state="REFUSED", reason=refusal(gates))
        detail = {
            "model": record.model,
            "run": record.digest,
            "gates": [asdict(gate) for gate in gates],
            "reason": refused.reason,
        }
        self._publish(events.MODEL_REFUSED, record, detail)
        self.runs.update_run(refused)
        return RegisterOutcome("refused", refused)

    def _publish(self, kind: str, record: RunRecord, detail: Mapping[str, Any]) -> None:
        time = record.finished_at or record.created_at
        self.bus.publish([DomainEvent(kind, record.product, record.digest, time, dict(detail))])


def run_of_spec(spec_uri: str) -> tuple[str, str]:
    """(product, run digest) of a run spec's URI. Raises InvalidRequest when it is none."""
    parts = urlsplit(spec_uri).path.rstrip("/").split("/")
    if len(parts) < 4 or parts[-1] != "spec.json" or parts[-3] != "runs":
        raise InvalidRequest(f"{spec_uri!r} is no run spec of this platform")
    return parts[-4], parts[-2]
