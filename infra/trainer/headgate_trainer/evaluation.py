"""metrics.json: what the model and the baselines reach on the holdout, and everything that qualifies it."""

from dataclasses import dataclass
from typing import Any

from headgate_trainer.backtest import Tested, backtest_document, pooled
from headgate_trainer.baselines import baseline_scores
from headgate_trainer.calibration import calibration_summary
from headgate_trainer.checkpoints import Points
from headgate_trainer.data import Floats, TrainingSet
from headgate_trainer.metrics import calibration, measure
from headgate_trainer.run_spec import RunSpec
from headgate_trainer.segments import MINIMUM_ROWS, segment_metrics
from headgate_trainer.threshold import threshold_document


@dataclass(frozen=True)
class Fitted:
    """What a fit left to be measured: the model's scores of both windows, and how it got there."""

    train: Floats
    holdout: Floats
    curve: Points


def metrics_document(
    spec: RunSpec, data: TrainingSet, fitted: Fitted, windows: list[Tested]
) -> dict[str, Any]:
    labels, scores = data.holdout.labels, fitted.holdout
    baselines = baseline_scores(data.train, data.holdout, spec.train, spec.baselines)
    measured = {name: measure(labels, values) for name, values in baselines.items()}
    holdout = measure(labels, scores)
    return {
        "holdout": {**holdout, "calibration": calibration(labels, scores)},
        "train": measure(data.train.labels, fitted.train),
        "baselines": measured,
        "lift_over_best_baseline": holdout["auc"] - max(each["auc"] for each in measured.values()),
        "rows": {"train": data.train.rows, "holdout": data.holdout.rows},
        "calibration": calibration_summary(labels, scores),
        "segments": _segments(spec, data, scores),
        "segment_minimum_rows": MINIMUM_ROWS,
        "threshold": _threshold(spec, data, fitted, windows),
        "backtest": backtest_document(windows),
        "learning_curve": fitted.curve,
    }


def _segments(spec: RunSpec, data: TrainingSet, scores: Floats) -> dict[str, list[dict[str, Any]]]:
    return {
        column: segment_metrics(data.holdout.labels, scores, data.holdout.codes[column], data.texts[column])
        for column in spec.segments
    }


def _threshold(
    spec: RunSpec, data: TrainingSet, fitted: Fitted, windows: list[Tested]
) -> dict[str, Any] | None:
    if spec.threshold is None:
        return None
    tested = pooled(windows)
    where = "training" if tested is None else "backtest"
    chosen = (data.train.labels, fitted.train) if tested is None else tested
    return threshold_document(spec.threshold, where, chosen, (data.holdout.labels, fitted.holdout))
