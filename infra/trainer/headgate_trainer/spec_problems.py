"""What makes a well-formed run spec one that no run can honour. Owns the sentences of these refusals."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from headgate_trainer.declared import RESERVED_BASELINES, Backtest
from headgate_trainer.windows import Window, folds

if TYPE_CHECKING:
    from headgate_trainer.run_spec import RunSpec

OUTPUT = "score"
"""The name of the graph's one output."""


def spec_problems(spec: "RunSpec") -> Iterable[str]:
    """Sentences, the gravest first; none where the spec can be honoured as far as it alone tells."""
    yield from _feature_problems(spec)
    yield from _grouping_problems(spec)
    yield from _time_problems(spec)


def _feature_problems(spec: "RunSpec") -> Iterable[str]:
    if not spec.features:
        yield "no features"
    if not spec.partitions:
        yield "no partitions"
    names = [feature.name for feature in spec.features]
    for repeated in sorted({n for n in names if names.count(n) > 1}):
        yield f"the feature {repeated!r} is declared twice"
    for reserved in {spec.label, spec.event_time} & set(names):
        yield f"{reserved!r} is the label or the event time and cannot be a feature"
    for name in names:
        if name == OUTPUT or name.startswith("__"):
            yield f"the feature name {name!r} is taken by the model's own graph"
    for feature in spec.features:
        if feature.kind not in ("numeric", "categorical"):
            yield f"feature {feature.name}: kind is {feature.kind!r}; known: numeric, categorical"


def _grouping_problems(spec: "RunSpec") -> Iterable[str]:
    for baseline in spec.baselines:
        if baseline.name in RESERVED_BASELINES or spec.label in baseline.mean_by:
            yield f"baseline {baseline.name!r} is a built-in one, or reads the label"
    for column in {spec.label, spec.event_time} & set(spec.segments):
        yield f"segments: {column!r} is the label or the event time"


def _time_problems(spec: "RunSpec") -> Iterable[str]:
    start, end = spec.document["split"]["train"]
    if not start < end <= spec.holdout.start < spec.holdout.end:
        yield "split: training must start before it ends, and end before the holdout starts"
    elif not spec.train.start < spec.train.end:
        yield f"split.embargo_hours: {spec.embargo_hours:g} hours leave nothing to learn from"
    elif spec.backtest is not None:
        yield from _backtest_problems(spec.train, spec.backtest)


def _backtest_problems(train: Window, backtest: Backtest) -> Iterable[str]:
    oldest = folds(train, backtest)[0]
    if not oldest.train.start < oldest.train.end or oldest.train.start < train.start:
        yield (
            f"backtest: {backtest.windows} windows of {backtest.test_days} days have the oldest one learn "
            f"from {oldest.train.start} to {oldest.train.end}, and training begins at {train.start}"
        )
