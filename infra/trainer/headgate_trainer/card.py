"""The model card: every number in it comes from the run. Owns its wording and layout, measures nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headgate_trainer.data import TrainingSet
from headgate_trainer.run_spec import RunSpec

MANY_NULLS = 0.2
LATE_SHIFT = 0.05
SHOWN = 12


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
            **evidence.facts,
        },
        "metrics": dict(evidence.metrics),
        "parity": dict(evidence.parity),
        "features": _features(spec, evidence),
        "limits": limits(spec, data, evidence),
        "code_digest": spec.document.get("code_digest"),
        "environment_digest": spec.document.get("environment_digest"),
        "environment": dict(evidence.environment),
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


def limits(spec: RunSpec, data: TrainingSet, evidence: Evidence) -> list[str]:
    """Sentences about what the numbers do not show, each said only where the run gives cause."""
    found = [
        f"Learnt from rows with a known `{spec.label}` between {spec.train.start} and {spec.train.end} "
        "(UTC); rows without an outcome were never seen."
    ]
    learnt, held_out = float(data.train.labels.mean()), float(data.holdout.labels.mean())
    if abs(learnt - held_out) > LATE_SHIFT:
        found.append(
            f"The share of positives moved from {learnt:.1%} in training to {held_out:.1%} in the holdout: "
            "scores rank better than they are calibrated."
        )
    shares = {
        name: entry["nulls"] / evidence.reference["rows"]
        for name, entry in evidence.reference["features"].items()
    }
    scarce = sorted(name for name, share in shares.items() if share > MANY_NULLS)
    if scarce:
        found.append(f"More than {MANY_NULLS:.0%} of the training rows lack {', '.join(scarce)}.")
    unused = sorted(name for name, share in evidence.importance.items() if share == 0)
    if unused:
        found.append(f"Nothing was learnt from {', '.join(unused)}.")
    return found


def card_markdown(card: Mapping[str, Any]) -> str:
    """The same, to read."""
    data, trainer, holdout = card["data"], card["trainer"], card["metrics"]["holdout"]
    features, parity = card["features"][:SHOWN], card["parity"]
    lines = [
        f"# {card['model']}",
        "",
        f"{trainer['kind'].capitalize()} ({_size(trainer)}) of the product "
        f"{card['product']}, for the label `{card['target']['label']}`. Run `{card['run']}`.",
        "",
        "## Data",
        "",
        *_table(
            ["window", "from", "to", "rows", "positives"],
            [_window_row(name, data[name]) for name in ("train", "holdout")],
        ),
        "",
        f"Feature set `{data['feature_set']}`: {len(data['partitions'])} partitions, verified by sha256.",
        "",
        "## Held-out results",
        "",
        *_table(["", "AUC", "average precision", "log loss", "Brier"], _metric_rows(card["metrics"])),
        "",
        f"Lift over the best baseline: {card['metrics']['lift_over_best_baseline']:.4f} AUC. The artifact is "
        f"off the trained model by at most {parity['max_abs_error']:.1e} over {parity['rows']} rows.",
        "",
        *_table(
            ["mean score", "what happened", "rows"],
            [[f"{b['mean_score']:.3f}", f"{b['rate']:.3f}", str(b["rows"])] for b in holdout["calibration"]],
        ),
        "",
        "## Features",
        "",
        *_table(
            ["feature", "kind", "importance", "null"],
            [[f["name"], f["kind"], f"{f['importance']:.1%}", f"{f['null_share']:.1%}"] for f in features],
        ),
        "",
        f"{len(card['features'])} in all; the most important ones are shown.",
        "",
        "## Limits",
        "",
        *[f"- {sentence}" for sentence in card["limits"]],
        "",
    ]
    return "\n".join(lines)


def _size(trainer: Mapping[str, Any]) -> str:
    """The engine, and how much of a model it made, in the measure of its kind."""
    counted = [f"{trainer[unit]} {unit}" for unit in ("trees", "weights") if unit in trainer]
    return ", ".join([trainer["engine"], *counted])


def _window_row(name: str, window: Mapping[str, Any]) -> list[str]:
    return [name, window["from"], window["to"], str(window["rows"]), f"{window['positive_rate']:.1%}"]


def _metric_rows(metrics: Mapping[str, Any]) -> list[list[str]]:
    named = {"model": metrics["holdout"], **metrics["baselines"]}
    keys = ("auc", "average_precision", "log_loss", "brier")
    return [[name, *(f"{values[key]:.4f}" for key in keys)] for name, values in named.items()]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [_row(header), _row(["---"] * len(header)), *map(_row, rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
