"""What a card's numbers do not show, in sentences. Owns from where on something is worth saying."""

from collections.abc import Mapping
from typing import Any

from headgate_trainer.data import TrainingSet
from headgate_trainer.run_spec import RunSpec

MANY_NULLS = 0.2
LATE_SHIFT = 0.05
SLOPES = (0.8, 1.25)
WIDE_SPREAD = 0.03
NO_BETTER_THAN_CHANCE = 0.5
SHOWN = 12


def limits(
    spec: RunSpec,
    data: TrainingSet,
    metrics: Mapping[str, Any],
    reference: Mapping[str, Any],
    importance: Mapping[str, float],
) -> list[str]:
    """Sentences, each said only where the run gives cause."""
    return [
        *_of_time(spec, data),
        *_of_metrics(metrics),
        *_of_features(reference, importance),
    ]


def _of_time(spec: RunSpec, data: TrainingSet) -> list[str]:
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
    return found


def _of_metrics(metrics: Mapping[str, Any]) -> list[str]:
    found = []
    slope = metrics["calibration"]["slope"]
    if slope is not None and not SLOPES[0] <= slope <= SLOPES[1]:
        sure = "too sure" if slope < 1 else "not sure enough"
        found.append(
            f"Scores are {sure}: the slope of their recalibration is {slope:.2f}, and 1 would be right."
        )
    spread = (metrics["backtest"] or {}).get("spread")
    if spread and spread["auc"] > WIDE_SPREAD:
        found.append(f"The backtest's windows differ by {spread['auc']:.3f} AUC (standard deviation).")
    for column, entries in sorted(metrics["segments"].items()):
        weak = [e["value"] for e in entries if e["auc"] is not None and e["auc"] < NO_BETTER_THAN_CHANCE]
        if weak:
            found.append(f"No better than chance by `{column}` for {', '.join(weak[:SHOWN])}.")
    threshold = metrics["threshold"]
    if threshold and not threshold["met"]:
        found.append(
            f"No threshold reaches the declared bound of {threshold['at']:g} ({threshold['choose']})."
        )
    return found


def _of_features(reference: Mapping[str, Any], importance: Mapping[str, float]) -> list[str]:
    found = []
    shares = {name: entry["nulls"] / reference["rows"] for name, entry in reference["features"].items()}
    scarce = sorted(name for name, share in shares.items() if share > MANY_NULLS)
    if scarce:
        found.append(f"More than {MANY_NULLS:.0%} of the training rows lack {', '.join(scarce)}.")
    unused = sorted(name for name, share in importance.items() if share == 0)
    if unused:
        found.append(f"Nothing was learnt from {', '.join(unused)}.")
    return found
