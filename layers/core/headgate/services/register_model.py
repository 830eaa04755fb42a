"""A finished training job becomes a model version, or is refused with the gates it failed.

Nothing the trainer claims is taken on trust: files are checked against the manifest's digests, and every
metric is recomputed through ONNX Runtime from the artifact that will serve. Order of side effects: version,
events, alias, alias event, run record.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from headgate.domain import events
from headgate.domain.canonical import digest
from headgate.domain.cost import PriceTable
from headgate.domain.errors import AccessDenied, Conflict, Corrupted, InvalidRequest, NotFound
from headgate.domain.events import DomainEvent
from headgate.domain.feature import FeatureManifest, features_node
from headgate.domain.identity import Principal
from headgate.domain.job import Job
from headgate.domain.lineage import Node, run_event
from headgate.domain.model import CHALLENGER, CHAMPION, AliasMove, GateResult, ModelVersion, model_node
from headgate.domain.training import RunRecord, RunState, TrainingConfig, run_node, run_prefix
from headgate.ports import (
    Clock,
    EventBus,
    Ledger,
    LoadedModel,
    ModelCatalog,
    ModelRuntime,
    ObjectStore,
    RowWindow,
    RunCatalog,
    Scratch,
)
from headgate.services.access import Guard
from headgate.services.clock import iso
from headgate.services.evaluate_model import EvaluateModel, Scored
from headgate.services.feature_manifests import features_manifest_key
from headgate.services.products import AppliedProduct, Products

SERVICE = Principal("service/register")
ATTEMPTS = 6


@dataclass(frozen=True)
class RegisterOutcome:
    """``state`` is registered, known, refused or failed."""

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

    def on_job_ended(self, spec_uri: str, job: Job) -> RegisterOutcome:
        """``job`` has succeeded or failed. Raises NotFound when its run is unknown."""
        product, run = run_of_spec(spec_uri)
        record = self._settle(self.runs.run(product, run), job)
        if record.state in ("REGISTERED", "REFUSED"):
            return RegisterOutcome("known", record)
        if job.state == "FAILED":
            return self._failed(record, job.reason or f"exit code {job.exit_code}")
        applied = self.products.get(product)
        self.guard.require(applied, SERVICE, "headgate:RegisterModel", f"hrn:{product}:model/{record.model}")
        try:
            return self._register(applied, record)
        except (Corrupted, InvalidRequest, NotFound) as problem:
            return self._failed(record, f"the job's outputs cannot be used: {problem}")

    def _settle(self, record: RunRecord, job: Job) -> RunRecord:
        """The run's real seconds and cost, from the job's own clock."""
        seconds = max(0.0, ((job.stopped_at or 0) - (job.started_at or 0)) / 1000) if job.started_at else 0.0
        spent = self.prices.compute_usd(record.compute_class, seconds)
        self.ledger.settle(record.product, record.created_at[:7], record.digest, spent)
        now = iso(self.clock.now())
        line = {
            "kind": "training",
            "quantity": seconds,
            "unit": "seconds",
            "usd": spent,
            "run": record.digest,
        }
        self._publish(events.COST_INCURRED, record.product, f"{record.digest}-{job.id}", line)
        state: RunState = record.state
        if state not in ("REGISTERED", "REFUSED"):
            state = "SUCCEEDED" if job.state == "SUCCEEDED" else "FAILED"
        ended = record.finished_at or now
        return replace(record, state=state, seconds=seconds, cost_usd=spent, job_id=job.id, finished_at=ended)

    def _failed(self, record: RunRecord, reason: str) -> RegisterOutcome:
        failed = replace(record, state="FAILED", reason=reason)
        self.runs.update_run(failed)
        self._publish(
            events.TRAINING_FAILED,
            record.product,
            record.digest,
            {"run": record.digest, "reason": reason, "model": record.model},
        )
        return RegisterOutcome("failed", failed)

    def _register(self, applied: AppliedProduct, record: RunRecord) -> RegisterOutcome:
        config = applied.product.training
        if config is None or config.model != record.model:
            raise InvalidRequest(f"product {record.product} no longer declares model {record.model}")
        manifest = self._trainer_manifest(record)
        features = self._features(record)
        with self.scratch.directory() as directory:
            loaded = self._load(record, manifest, directory)
            metrics = self._measure(config, record, features, loaded, directory, manifest)
        gates = gate_results(config, metrics)
        content = digest({name: entry["sha256"] for name, entry in manifest["files"].items()})
        if not all(g.passed for g in gates):
            return self._refused(record, gates)
        model = self._add(config, record, manifest, metrics, gates, content)
        self._announce(model, record)
        self._move_alias(applied, config, model)
        registered = replace(record, state="REGISTERED", model_version=model.version)
        self.runs.update_run(registered)
        return RegisterOutcome("registered", registered, model)

    def _trainer_manifest(self, record: RunRecord) -> dict[str, Any]:
        found = json.loads(
            self.artifacts.get(f"{run_prefix(record.product, record.digest)}/out/manifest.json")
        )
        if found.get("format") != "headgate.model/1" or found.get("run") != record.digest:
            raise Corrupted("the trainer's manifest is of another format or another run")
        return dict(found)

    def _features(self, record: RunRecord) -> FeatureManifest:
        key = features_manifest_key(record.product, record.feature_set, record.feature_version)
        return FeatureManifest.from_document(json.loads(self.lake.get(key)))

    def _load(self, record: RunRecord, manifest: Mapping[str, Any], directory: Path) -> LoadedModel:
        for name in ("model.onnx", "holdout_scores.parquet", "reference.json"):
            path = directory / name
            found = self.artifacts.download(f"{run_prefix(record.product, record.digest)}/out/{name}", path)
            if found != manifest["files"][name]["sha256"]:
                raise Corrupted(f"{name} does not have the sha256 in the trainer's manifest")
        return self.runtime.load(directory / "model.onnx")

    def _measure(
        self,
        config: TrainingConfig,
        record: RunRecord,
        features: FeatureManifest,
        loaded: LoadedModel,
        directory: Path,
        manifest: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Metrics on the holdout, from the artifact through the serving runtime."""
        evaluation = self.evaluation
        window = evaluation.window(features, *config.split.holdout)
        train = evaluation.window(features, *config.split.train)
        scored = evaluation.score(loaded, window, [f.name for f in config.features], config.label)
        baselines = evaluation.baselines(scored, train, window, config.label, config.baselines)
        aucs = evaluation.aucs(scored.labels, {"model": scored.scores, **baselines})
        best = max(baselines, key=lambda name: aucs[name])
        skill = evaluation.statistics.skill(scored.labels, scored.scores, baselines[best], config.seed)
        return {
            "auc": aucs.pop("model"),
            "baselines": aucs,
            "skill": {**skill, "against": best},
            "rows": len(scored.labels),
            "positives": sum(scored.labels),
            "parity_max_abs_error": self._parity(scored, directory / "holdout_scores.parquet", window),
            "window": list(config.split.holdout),
            "trainer": manifest.get("metrics", {}),
        }

    def _parity(self, scored: Scored, path: Path, window: RowWindow) -> float:
        """Largest difference between the artifact's score and what the source model said of the same row."""
        local = replace(window, uris=(str(path),))
        claimed = [v for batch in self.evaluation.engine.rows(local, ["score"]) for v in batch["score"]]
        if len(claimed) != len(scored.scores):
            raise Corrupted(
                f"the trainer scored {len(claimed)} held-out rows, the artifact {len(scored.scores)}"
            )
        return max((abs(a - b) for a, b in zip(claimed, scored.scores, strict=True)), default=0.0)

    def _refused(self, record: RunRecord, gates: tuple[GateResult, ...]) -> RegisterOutcome:
        failed = [g for g in gates if not g.passed]
        reason = "; ".join(f"{g.name}: {g.value:.6g} is not {g.comparison} {g.bound:.6g}" for g in failed)
        refused = replace(record, state="REFUSED", reason=reason)
        detail = {
            "model": record.model,
            "run": record.digest,
            "gates": [asdict(g) for g in gates],
            "reason": reason,
        }
        self._publish(events.MODEL_REFUSED, record.product, record.digest, detail)
        self.runs.update_run(refused)
        return RegisterOutcome("refused", refused)

    def _add(
        self,
        config: TrainingConfig,
        record: RunRecord,
        manifest: Mapping[str, Any],
        metrics: Mapping[str, Any],
        gates: tuple[GateResult, ...],
        content: str,
    ) -> ModelVersion:
        """The next integer version, or the one that has this content already."""
        problem = Conflict("no attempt was made")
        for attempt in range(ATTEMPTS):
            if (known := self.models.model_with_digest(config.model, content)) is not None:
                return known
            model = ModelVersion(
                model=config.model,
                version=self.models.latest_version(config.model) + 1,
                product=record.product,
                digest=content,
                run=record.digest,
                feature_set=record.feature_set,
                feature_version=record.feature_version,
                artifact_key=f"{run_prefix(record.product, record.digest)}/out/model.onnx",
                signature=manifest["signature"],
                metrics=metrics,
                gates=gates,
                created_at=iso(self.clock.now()),
            )
            try:
                self.models.add_model(model)
                return model
            except Conflict as error:
                problem = error
                self.clock.sleep(0.05 * 2**attempt)
        raise problem

    def _announce(self, model: ModelVersion, record: RunRecord) -> None:
        features = features_node(record.product, record.feature_set, record.feature_version)
        run = run_node(record.product, record.digest)
        trained = run_event(
            job=f"train/{record.model}",
            run_key=record.digest,
            time=model.created_at,
            inputs=[Node(features)],
            outputs=[Node(run, {"compute_class": record.compute_class, "seconds": record.seconds})],
        )
        registered = run_event(
            job=f"register/{record.model}",
            run_key=model.digest,
            time=model.created_at,
            inputs=[Node(run, {"state": "SUCCEEDED", "job_id": record.job_id})],
            outputs=[Node(model_node(model.model, model.version), {"digest": model.digest})],
        )
        lineage = [
            DomainEvent(
                events.LINEAGE_RECORDED, record.product, e["run"]["runId"], model.created_at, {"event": e}
            )
            for e in (trained, registered)
        ]
        detail = {
            "model": model.model,
            "version": model.version,
            "run": record.digest,
            "auc": model.metrics["auc"],
        }
        done = DomainEvent(events.MODEL_REGISTERED, record.product, model.digest, model.created_at, detail)
        self.bus.publish([*lineage, done])

    def _move_alias(self, applied: AppliedProduct, config: TrainingConfig, model: ModelVersion) -> None:
        """The first model and every better one becomes champion where policy lets this service promote; else
        challenger.
        """
        current = self.models.alias(config.model, CHAMPION)
        alias = (
            CHAMPION
            if current in (None, model.version) or self._beats(config, model, current)
            else CHALLENGER
        )
        if alias == CHAMPION and current != model.version:
            resource = f"hrn:{model.product}:model/{model.model}/{model.version}"
            try:
                self.guard.require(applied, SERVICE, "headgate:PromoteModel", resource)
            except AccessDenied:
                alias = CHALLENGER
        before = self.models.alias(config.model, alias)
        if before == model.version:
            move = self.models.alias_moves(config.model, alias)[-1]
        else:
            reason = "first version that passed its gates" if before is None else "passed its gates"
            move = AliasMove(
                model.model, alias, before, model.version, SERVICE.id, reason, iso(self.clock.now())
            )
            self.models.move_alias(move)
        self._publish(events.ALIAS_MOVED, model.product, f"{model.digest}-{alias}", asdict(move))

    def _beats(self, config: TrainingConfig, model: ModelVersion, champion: int | None) -> bool:
        """On the same holdout window only: numbers of different windows do not compare."""
        if champion is None:
            return True
        other = self.models.model_version(config.model, champion).metrics
        margin = config.gates.get("min_gain_over_champion", 0.0)
        return bool(
            other["window"] == model.metrics["window"] and model.metrics["auc"] > other["auc"] + margin
        )

    def _publish(self, kind: str, product: str, name: str, detail: Mapping[str, Any]) -> None:
        self.bus.publish([DomainEvent(kind, product, name, iso(self.clock.now()), dict(detail))])


def gate_results(config: TrainingConfig, metrics: Mapping[str, Any]) -> tuple[GateResult, ...]:
    """Every declared gate against what was measured. An undeclared gate is not checked; parity always is."""
    best = max(metrics["baselines"].values(), default=0.5)
    bounds = {"max_parity_error": 1e-5, **config.gates}
    measured = {
        "min_auc": metrics["auc"],
        "max_auc": metrics["auc"],
        "min_lift_over_baseline": metrics["auc"] - best,
        "max_parity_error": metrics["parity_max_abs_error"],
    }
    results = []
    for name, value in measured.items():
        if name in bounds:
            at_least = name.startswith("min_")
            passed = value >= bounds[name] if at_least else value <= bounds[name]
            results.append(
                GateResult(name, bool(passed), float(value), ">=" if at_least else "<=", bounds[name])
            )
    return tuple(results)


def run_of_spec(spec_uri: str) -> tuple[str, str]:
    """(product, run digest) of a run spec's URI. Raises InvalidRequest when it is none."""
    parts = urlsplit(spec_uri).path.rstrip("/").split("/")
    if len(parts) < 4 or parts[-1] != "spec.json" or parts[-3] != "runs":
        raise InvalidRequest(f"{spec_uri!r} is no run spec of this platform")
    return parts[-4], parts[-2]
