"""Watches a champion: drift of its inputs against the training data, and its performance on labels that came
later.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headgate.domain import events
from headgate.domain.canonical import canonical_json, digest
from headgate.domain.drift import DRIFTED, psi
from headgate.domain.errors import NotFound
from headgate.domain.events import DomainEvent
from headgate.domain.feature import FeatureManifest, FeatureVersionRecord
from headgate.domain.model import CHAMPION, ModelVersion
from headgate.domain.training import TrainingConfig, run_prefix
from headgate.ports import (
    Clock,
    EventBus,
    FeatureCatalog,
    ModelCatalog,
    ModelRuntime,
    ObjectStore,
    RowWindow,
    Scratch,
)
from headgate.services.clock import iso
from headgate.services.evaluate_model import EvaluateModel
from headgate.services.feature_manifests import features_manifest_key
from headgate.services.products import Products

FAR_FUTURE = "9999-01-01"


@dataclass(frozen=True)
class MonitorModel:
    """The use case."""

    products: Products
    features: FeatureCatalog
    models: ModelCatalog
    lake: ObjectStore
    artifacts: ObjectStore
    logs: ObjectStore
    runtime: ModelRuntime
    evaluation: EvaluateModel
    bus: EventBus
    clock: Clock
    scratch: Scratch

    def observe(self, product: str) -> list[Mapping[str, Any]]:
        """Measures the champion on everything newer than its holdout; returns the reports (none when there is
        nothing to see).
        """
        config = self.products.get(product).product.training
        if config is None or (champion := self.models.alias(config.model, CHAMPION)) is None:
            return []
        head = self.features.feature_head(product, config.feature_set)
        start = config.split.holdout[1]
        if head is None or head.max_event_time < start:
            return []
        model = self.models.model_version(config.model, champion)
        manifest = self._manifest(head)
        window = self.evaluation.window(manifest, start, FAR_FUTURE)
        name = digest({"model": model.digest, "features": head.digest})[:24]
        facts = {
            "model": config.model,
            "version": model.version,
            "feature_version": head.digest,
            "feature_ordinal": head.ordinal,
            "window": [start, head.max_event_time],
            "time": iso(self.clock.now()),
        }
        drift = {**facts, "id": f"{name}-drift", "kind": "drift", **self._drift(model, window)}
        performance = {
            **facts,
            "id": f"{name}-performance",
            "kind": "performance",
            **self._performance(config, model, manifest, window),
        }
        for report in (drift, performance):
            self.logs.put(f"drift/{product}/{report['id']}.json", canonical_json(report), "application/json")
            self.models.add_report(config.model, report)
        self.bus.publish([*_drift_events(product, drift), _performance_event(product, performance)])
        return [drift, performance]

    def observe_all(self) -> list[Mapping[str, Any]]:
        """Every product: what the schedule asks for."""
        return [report for record in self.products.all() for report in self.observe(record.name)]

    def _manifest(self, head: FeatureVersionRecord) -> FeatureManifest:
        key = features_manifest_key(head.product, head.feature_set, head.digest)
        return FeatureManifest.from_document(json.loads(self.lake.get(key)))

    def _drift(self, model: ModelVersion, window: RowWindow) -> dict[str, Any]:
        """PSI of every feature against the reference that was stored when the model was trained."""
        prefix = f"{run_prefix(model.product, model.run)}/out"
        reference: dict[str, Mapping[str, Any]] = json.loads(self.artifacts.get(f"{prefix}/reference.json"))[
            "features"
        ]
        current = self.evaluation.engine.histograms(window, reference)
        values = {name: psi(expected_counts(reference[name]), counts) for name, counts in current.items()}
        return {
            "psi": {name: round(value, 6) for name, value in sorted(values.items())},
            "threshold": DRIFTED,
            "drifted": sorted((n for n, v in values.items() if v > DRIFTED), key=lambda n: -values[n]),
            "rows": max((sum(c) for c in current.values()), default=0),
        }

    def _performance(
        self, config: TrainingConfig, model: ModelVersion, manifest: FeatureManifest, window: RowWindow
    ) -> dict[str, Any]:
        evaluation = self.evaluation
        with self.scratch.directory() as directory:
            path = directory / "model.onnx"
            self.artifacts.download(model.artifact_key, path)
            loaded = self.runtime.load(path)
            scored = evaluation.score(loaded, window, [f.name for f in config.features], config.label)
        if not scored.labels:
            raise NotFound(f"no labelled row after {window.start}")
        train = evaluation.window(manifest, *config.split.train)
        baselines = evaluation.baselines(scored, train, window, config.label, config.baselines)
        aucs = evaluation.aucs(scored.labels, {"model": scored.scores, **baselines})
        return {
            "auc": aucs.pop("model"),
            "baselines": aucs,
            "rows": len(scored.labels),
            "positives": sum(scored.labels),
            "holdout_auc": model.metrics["auc"],
        }


def expected_counts(reference: Mapping[str, Any]) -> Sequence[int]:
    """The reference's counts in the order a histogram has them: bins or categories, others (0 in training),
    nulls.
    """
    others = [] if reference["kind"] == "numeric" else [0]
    return [*reference["counts"], *others, reference["nulls"]]


def _drift_events(product: str, report: Mapping[str, Any]) -> list[DomainEvent]:
    return [
        DomainEvent(
            events.DRIFT_DETECTED,
            product,
            f"{report['id']}-{feature}",
            report["time"],
            {
                "model": report["model"],
                "version": report["version"],
                "feature": feature,
                "psi": report["psi"][feature],
            },
        )
        for feature in report["drifted"]
    ]


def _performance_event(product: str, report: Mapping[str, Any]) -> DomainEvent:
    detail = {k: report[k] for k in ("model", "version", "auc", "rows", "window")}
    return DomainEvent(events.PERFORMANCE_MEASURED, product, report["id"], report["time"], detail)
