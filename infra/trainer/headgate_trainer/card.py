"""The model card as a document: every number in it comes from the run. Measures nothing."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from headgate_trainer.card_limits import limits
from headgate_trainer.data import TrainingSet
from headgate_trainer.run_spec import RunSpec


@dataclass(frozen=True)
class Evidence:
    """What the run found out, as plain documents."""

    metrics: Mapping[str, Any]
    parity: Mapping[str, Any]
    reference: Mapping[str, Any]
    importance: Mapping[str, float]
    facts: Mapping[str, Any]
    environment: Mapping[str, Any]


def card_document(spec: RunSpec, data: TrainingSet, evidence: Evidence) -> dict[str, Any]:
    """The card as JSON; ``card.md`` says the same to people."""
    return {
        "format": "headgate.card/1",
        "model": spec.model,
        "product": spec.product,
        "run": spec.digest,
        "target": {"label": spec.label, "kind": "binary"},
        "data": _data(spec, data),
        "trainer": {
            "name": spec.trainer,
            "params": dict(spec.params),
            "seed": spec.seed,
            "compute_class": spec.compute_class,
            "command": list(spec.command),
            **evidence.facts,
        },
        "validation": _validation(spec),
        "metrics": dict(evidence.metrics),
        "parity": dict(evidence.parity),
        "features": _features(spec, evidence),
        "limits": limits(spec, data, evidence.metrics, evidence.reference, evidence.importance),
        "code_digest": spec.document.get("code_digest"),
        "environment_digest": spec.document.get("environment_digest"),
        "environment": dict(evidence.environment),
    }


def _validation(spec: RunSpec) -> dict[str, Any]:
    """How the metrics came about, as it was declared."""
    return {
        "embargo_hours": spec.embargo_hours,
        "backtest": None if spec.backtest is None else asdict(spec.backtest),
        "segments": list(spec.segments),
        "threshold": None if spec.threshold is None else asdict(spec.threshold),
        "tolerance": asdict(spec.tolerance),
        "reproduces": None if spec.reproduces is None else dict(spec.reproduces),
    }


def _data(spec: RunSpec, data: TrainingSet) -> dict[str, Any]:
    windows = (("train", spec.train, data.train), ("holdout", spec.holdout, data.holdout))
    return {
        "feature_set": spec.document["training_set"]["feature_set"],
        "partitions": [{"name": p.name, "rows": p.rows, "sha256": p.sha256} for p in spec.partitions],
        **{
            name: {
                "from": window.start,
                "to": window.end,
                "rows": table.rows,
                "positive_rate": float(table.labels.mean()),
            }
            for name, window, table in windows
        },
    }


def _features(spec: RunSpec, evidence: Evidence) -> list[dict[str, Any]]:
    rows = evidence.reference["rows"]
    kinds = {feature.name: feature.kind for feature in spec.features}
    ordered = sorted(evidence.importance, key=lambda name: (-evidence.importance[name], name))
    return [
        {
            "name": name,
            "kind": kinds[name],
            "importance": evidence.importance[name],
            "null_share": evidence.reference["features"][name]["nulls"] / rows,
        }
        for name in ordered
    ]
