"""Watches a champion: drift of its inputs against the training data, and its performance on labels that came
later.

A report is made once for a model and a feature version. Order of side effects: log, catalog, events; whoever
finds a report publishes it again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from headgate.domain import events
from headgate.domain.canonical import canonical_json, digest
from headgate.domain.drift import DRIFTED, expected_counts, psi, read_reference
from headgate.domain.events import DomainEvent
from headgate.domain.feature_version import FeatureManifest, FeatureVersionRecord
from headgate.domain.model import CHAMPION, ModelVersion
from headgate.domain.training import TrainingConfig
from headgate.domain.training_window import learning_interval
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
from headgate.services.features.feature_manifests import load_features
from headgate.services.models.evaluate_model import EvaluateModel
from headgate.services.models.learnt_baselines import LearntBaselines
from headgate.services.products import Products
from headgate.services.training.trainer_outputs import REFERENCE, TrainerOutputs, output_key

FAR_FUTURE = "9999-01-01"
RECENT = 50
"""How many of a model's newest reports are looked through for one that was made before."""
Report = Mapping[str, Any]


@dataclass(frozen=True)
class _Sight:
    """What is looked at: the champion over the rows that are newer than its holdout."""

    product: str
    config: TrainingConfig
    model: ModelVersion
    head: FeatureVersionRecord
    manifest: FeatureManifest
    window: RowWindow

    @property
    def learnt_from(self) -> tuple[str, str]:
        """What registration learnt the model's baselines on; what is declared now, where it does not tell."""
        start, end = self.model.metrics.get("train_window") or learning_interval(self.config.split)
        return start, end

    def id(self, kind: str) -> str:
        return f"{digest({'model': self.model.digest, 'features': self.head.digest})[:24]}-{kind}"


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

    def observe(self, product: str) -> list[Report]:
        """Measures the champion on everything newer than its holdout; returns the reports (none when there is
        nothing to see, and none of performance before the first label).
        """
        sight = self._sight(product)
        if sight is None:
            return []
        known = {report["id"]: report for report in self.models.reports(sight.config.model, RECENT)}
        reports = []
        for kind, measure in (("drift", self._drift), ("performance", self._performance)):
            report = known.get(sight.id(kind)) or self._report(sight, kind, measure)
            if report is not None:
                reports.append(report)
        self.bus.publish([event for report in reports for event in _events(product, report)])
        return reports

    def observe_all(self) -> list[Report]:
        """Every product: what the schedule asks for. A product that fails does not hide the others; its error
        is raised after them.
        """
        reports: list[Report] = []
        problems: list[Exception] = []
        for record in self.products.all():
            try:
                reports.extend(self.observe(record.name))
            except Exception as problem:  # any failure is this product's alone, and is raised below
                problems.append(problem)
        if problems:
            raise problems[0]
        return reports

    def _sight(self, product: str) -> _Sight | None:
        config = self.products.get(product).product.training
        if config is None or (champion := self.models.alias(config.model, CHAMPION)) is None:
            return None
        model = self.models.model_version(config.model, champion)
        head = self.features.feature_head(product, model.feature_set)
        start = model.metrics["window"][1]
        if model.product != product or head is None or head.max_event_time < start:
            return None
        manifest = load_features(self.lake, product, head.feature_set, head.digest)
        window = self.evaluation.window(manifest, start, FAR_FUTURE)
        return _Sight(product, config, model, head, manifest, window)

    def _report(
        self, sight: _Sight, kind: str, measure: Callable[[_Sight], dict[str, Any] | None]
    ) -> Report | None:
        measured = measure(sight)
        if measured is None:
            return None
        report = {
            "id": sight.id(kind),
            "kind": kind,
            "time": iso(self.clock.now()),
            "model": sight.model.model,
            "version": sight.model.version,
            "feature_version": sight.head.digest,
            "feature_ordinal": sight.head.ordinal,
            "window": [sight.window.start, sight.head.max_event_time],
            **measured,
        }
        key = f"drift/{sight.product}/{report['id']}.json"
        self.logs.put(key, canonical_json(report), "application/json")
        self.models.add_report(sight.model.model, report)
        return report

    def _drift(self, sight: _Sight) -> dict[str, Any]:
        """PSI of every feature against the reference that was stored when the model was trained."""
        model = sight.model
        body = self.artifacts.get(output_key(model.product, model.run, REFERENCE))
        reference = read_reference(body, model.inputs)
        current = self.evaluation.engine.histograms(sight.window, reference)
        values = {name: psi(expected_counts(reference[name]), counts) for name, counts in current.items()}
        return {
            "psi": {name: round(value, 6) for name, value in sorted(values.items())},
            "threshold": DRIFTED,
            "drifted": sorted((n for n, v in values.items() if v > DRIFTED), key=lambda n: -values[n]),
            "rows": max((sum(c) for c in current.values()), default=0),
        }

    def _performance(self, sight: _Sight) -> dict[str, Any] | None:
        """AUCs over the rows that have a label by now, or None when there is none. The baselines are those of
        registration, learnt on the same rows: the model's training rows, less the embargo.
        """
        evaluation, config, model, window = self.evaluation, sight.config, sight.model, sight.window
        with self.scratch.directory() as directory:
            loaded = TrainerOutputs(self.artifacts, self.runtime).load(model, directory)
            scored = evaluation.score(loaded, window, model.inputs, config.label)
        if all(label is None for label in scored.labels):
            return None
        train = evaluation.window(sight.manifest, *sight.learnt_from)
        rows = len(scored.labels)
        learnt = LearntBaselines(evaluation).scores(sight.manifest, train, window, rows, config.label)
        compared = evaluation.compare(scored, train, window, config.label, config.baselines, learnt)
        return {
            "auc": compared.auc,
            "baselines": compared.baselines,
            "rows": len(compared.labels),
            "positives": sum(compared.labels),
            "holdout_auc": model.metrics["auc"],
            "train_window": [train.start, train.end],
        }


def _events(product: str, report: Report) -> list[DomainEvent]:
    """Ids and times come from the report, so that a repeat is recognised."""
    id_, time = report["id"], report["time"]
    shared = {"model": report["model"], "version": report["version"]}
    if report["kind"] == "performance":
        detail = {**shared, **{k: report[k] for k in ("auc", "rows", "window")}}
        return [DomainEvent(events.PERFORMANCE_MEASURED, product, id_, time, detail)]
    return [
        DomainEvent(
            events.DRIFT_DETECTED,
            product,
            f"{id_}-{feature}",
            time,
            {**shared, "feature": feature, "psi": report["psi"][feature]},
        )
        for feature in report["drifted"]
    ]
