"""What a run spec declares beside rows and trainer: how the model is validated, and what counts as the same.

Owns reading these parts; a field that is wrong is named in the ValueError.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

CHOICES = ("max_f1", "min_cost", "min_precision", "min_recall")
MOST_WINDOWS = 24
LONGEST_EMBARGO_HOURS = 24.0 * 366


@dataclass(frozen=True)
class Backtest:
    """Rolling windows inside the training interval, newest last, that end where it ends. ``train_days`` None
    learns from all there is before a window.
    """

    windows: int
    test_days: int
    train_days: int | None = None
    embargo_hours: float = 0.0


@dataclass(frozen=True)
class Threshold:
    """From which score on a row counts as positive. ``at`` bounds min_precision and min_recall; the costs are
    those of min_cost, in any one unit.
    """

    choose: str = "max_f1"
    at: float = 0.5
    false_positive: float = 1.0
    false_negative: float = 1.0


@dataclass(frozen=True)
class Tolerance:
    """What counts as the same score: |a - b| <= absolute + relative * |b|."""

    absolute: float = 1e-5
    relative: float = 1e-4


@dataclass(frozen=True)
class Baseline:
    """The label's mean by the values of columns."""

    name: str
    mean_by: tuple[str, ...]


RESERVED_BASELINES = ("constant", "naive", "seasonal")
"""Always computed, so no declared one may have such a name."""


def read_backtest(found: Any) -> Backtest | None:
    if found is None:
        return None
    _known("backtest", found, Backtest.__dataclass_fields__)
    days = found.get("train_days")
    return Backtest(
        windows=_whole("backtest.windows", found["windows"], 1, MOST_WINDOWS),
        test_days=_whole("backtest.test_days", found["test_days"], 1, 3660),
        train_days=None if days is None else _whole("backtest.train_days", days, 1, 36_600),
        embargo_hours=read_hours("backtest.embargo_hours", found.get("embargo_hours", 0.0)),
    )


def read_threshold(found: Any) -> Threshold | None:
    if found is None:
        return None
    _known("threshold", found, Threshold.__dataclass_fields__)
    choose = found.get("choose", "max_f1")
    if choose not in CHOICES:
        raise ValueError(f"threshold.choose is {choose!r}; known: {', '.join(CHOICES)}")
    at = _number("threshold.at", found.get("at", 0.5), 0.0, 1.0)
    if at == 0:
        raise ValueError("threshold.at is 0; a number above 0, up to 1, is needed")
    costs = {
        name: _number(f"threshold.{name}", found.get(name, 1.0), 0.0, 1e12)
        for name in ("false_positive", "false_negative")
    }
    return Threshold(choose, at, **costs)


def read_tolerance(found: Any) -> Tolerance:
    if found is None:
        return Tolerance()
    _known("tolerance", found, Tolerance.__dataclass_fields__)
    default = Tolerance()
    return Tolerance(
        _number("tolerance.absolute", found.get("absolute", default.absolute), 0.0, 1.0),
        _number("tolerance.relative", found.get("relative", default.relative), 0.0, 1.0),
    )


def read_baseline(found: Mapping[str, Any]) -> Baseline:
    unknown = sorted(set(found) - {"name", "mean_by"})
    if unknown or not found["mean_by"]:
        raise ValueError(f"baseline {found['name']}: mean_by names columns, and nothing else is known")
    return Baseline(found["name"], tuple(found["mean_by"]))


def read_texts(field: str, found: Any) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(text, str) and text for text in found):
        raise ValueError(f"{field} is {found!r}; a list of texts is needed")
    return tuple(found)


def read_hours(field: str, found: Any) -> float:
    return _number(field, found, 0.0, LONGEST_EMBARGO_HOURS)


def read_minutes(field: str, found: Any) -> float:
    return _number(field, found, 0.0, 24.0 * 60)


def _known(part: str, found: Any, names: Collection[str]) -> None:
    if not isinstance(found, Mapping):
        raise ValueError(f"{part} is {found!r}; an object is needed")
    unknown = sorted(set(found) - set(names))
    if unknown:
        raise ValueError(f"{part}.{unknown[0]} is not known; known: {', '.join(sorted(names))}")


def _number(field: str, found: Any, least: float, most: float) -> float:
    plain = isinstance(found, int | float) and not isinstance(found, bool)
    if not plain or not least <= found <= most:
        raise ValueError(f"{field} is {found!r}; a number from {least:g} to {most:g} is needed")
    return float(found)


def _whole(field: str, found: Any, least: int, most: int) -> int:
    if not isinstance(found, int) or isinstance(found, bool) or not least <= found <= most:
        raise ValueError(f"{field} is {found!r}; a whole number from {least} to {most} is needed")
    return found
