"""A search over a trainer's parameters, as training.yaml declares it, and the configurations it asks for.

Pure, and deterministic by its seed: the same declaration is the same configurations in the same order, on
every machine.
"""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, cast

from headgate.domain.canonical import canonical_json
from headgate.domain.errors import InvalidRequest

Method = Literal["grid", "random"]
Direction = Literal["max", "min"]
Configuration = Mapping[str, Any]
MOST_TRIALS = 256
BETTER: Mapping[str, Direction] = {
    "auc": "max",
    "average_precision": "max",
    "log_loss": "min",
    "brier": "min",
}
"""The held-out metrics a search may go by, and where they are better."""
_ENUMERABLE = 4 * MOST_TRIALS
_DIGITS = 6
"""Drawn numbers are rounded to so many significant digits: the last bits of exp and log differ by machine."""


@dataclass(frozen=True)
class Interval:
    """Numbers from ``low`` to ``high``, drawn evenly, or evenly over their logarithm."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    @property
    def size(self) -> float:
        return math.floor(self.high) - math.ceil(self.low) + 1 if self.whole else math.inf

    def values(self) -> tuple[Any, ...]:
        """All of a whole interval."""
        return tuple(range(math.ceil(self.low), math.floor(self.high) + 1))

    def draw(self, random: Random) -> float | int:
        if self.log:
            value = math.exp(random.uniform(math.log(self.low), math.log(self.high)))
        else:
            value = random.uniform(self.low, self.high)
        if self.whole:
            return min(max(round(value), math.ceil(self.low)), math.floor(self.high))
        return min(max(float(f"{value:.{_DIGITS}g}"), self.low), self.high)


Dimension = tuple[Any, ...] | Interval


@dataclass(frozen=True)
class Search:
    """``space`` maps a parameter to a list of values, or (random alone) to ``{"low", "high", "log"?,
    "whole"?}``. ``metric`` is one of the held-out metrics.
    """

    method: Method
    space: Mapping[str, Any]
    trials: int | None = None
    metric: str = "auc"
    direction: Direction = "max"
    seed: int = 0

    @classmethod
    def from_document(cls, document: Mapping[str, Any] | None) -> "Search | None":
        """Raises InvalidRequest naming the field that is wrong."""
        if document is None:
            return None
        if document.get("method") not in ("grid", "random"):
            raise _wrong("method", f"is {document.get('method')!r}; known: grid, random")
        metric = str(document.get("metric", "auc"))
        if metric not in BETTER:
            raise _wrong("metric", f"is {metric!r}; known: {', '.join(BETTER)}")
        direction = cast(Direction, document.get("direction", BETTER[metric]))
        if direction != BETTER[metric]:
            raise _wrong("direction", f"is {direction!r}; {metric} is better at its {BETTER[metric]}")
        trials = document.get("trials")
        search = cls(
            method=cast(Method, document["method"]),
            space=dict(document["space"]),
            trials=None if trials is None else int(trials),
            metric=metric,
            direction=direction,
            seed=int(document.get("seed", 0)),
        )
        search.require_possible()
        return search

    def require_possible(self) -> None:
        """Raises InvalidRequest when the space has a shape that is not known, or too few or too many
        configurations.
        """
        size = math.prod(_size(dimension) for dimension in self._dimensions().values())
        if self.method == "grid":
            if self.trials is not None:
                raise _wrong("trials", "a grid has as many trials as combinations: leave it out")
            if size > MOST_TRIALS:
                raise _wrong("space", f"is {int(size)} combinations; {MOST_TRIALS} are the most")
        elif self.trials is None or not 1 <= self.trials <= MOST_TRIALS:
            raise _wrong("trials", f"is {self.trials}; a random search needs 1 to {MOST_TRIALS}")
        elif size < self.trials:
            raise _wrong("trials", f"is {self.trials}; the space has only {int(size)} configurations")

    def configurations(self) -> tuple[Configuration, ...]:
        """Distinct settings of the searched parameters: every combination of a grid in the order of its
        names, or ``trials`` draws. Raises InvalidRequest when so many different ones are not drawn.
        """
        dimensions = self._dimensions()
        if self.method == "grid":
            return tuple(_combinations(dimensions))
        random, wanted = Random(self.seed), self.trials or 0  # noqa: S311 - a search, no secret
        if math.prod(_size(dimension) for dimension in dimensions.values()) <= _ENUMERABLE:
            return tuple(random.sample(list(_combinations(dimensions)), wanted))
        found: dict[bytes, Configuration] = {}
        for _ in range(100 * MOST_TRIALS):
            if len(found) == wanted:
                break
            drawn = {name: _draw(dimension, random) for name, dimension in dimensions.items()}
            found.setdefault(canonical_json(drawn), drawn)
        if len(found) < wanted:
            raise _wrong("trials", f"is {wanted}; no more than {len(found)} different ones were drawn")
        return tuple(found.values())

    def _dimensions(self) -> dict[str, Dimension]:
        if not self.space:
            raise _wrong("space", "names no parameter")
        return {name: self._dimension(name, self.space[name]) for name in sorted(self.space)}

    def _dimension(self, name: str, declared: Any) -> Dimension:
        field = f"space.{name}"
        if isinstance(declared, list | tuple):
            return _listed(field, declared)
        if isinstance(declared, Mapping):
            if self.method == "grid":
                raise _wrong(field, "a grid needs a list of values; an interval is for a random search")
            return _interval(field, declared)
        raise _wrong(field, "a list of values, or {low, high, log?, whole?}, is needed")


def _listed(field: str, values: Any) -> Dimension:
    if not values:
        raise _wrong(field, "lists no value")
    if any(isinstance(value, list | tuple | Mapping) for value in values):
        raise _wrong(field, "plain values are needed: numbers, texts, true, false or null")
    if len({canonical_json(value) for value in values}) < len(values):
        raise _wrong(field, "lists a value twice")
    return tuple(values)


def _interval(field: str, declared: Mapping[str, Any]) -> Interval:
    unknown = sorted(set(declared) - {"low", "high", "log", "whole"})
    if unknown or not {"low", "high"} <= set(declared):
        raise _wrong(field, f"low and high, log?, whole? are needed; found {', '.join(sorted(declared))}")
    low, high = declared["low"], declared["high"]
    for bound in (low, high):
        if isinstance(bound, bool) or not isinstance(bound, int | float) or not math.isfinite(bound):
            raise _wrong(field, f"low and high must be numbers, found {bound!r}")
    found = Interval(low, high, declared.get("log") is True, declared.get("whole") is True)
    if not low < high or found.size < 1:
        raise _wrong(field, f"low must be less than high, found {low} and {high}")
    if found.log and low <= 0:
        raise _wrong(field, f"a logarithm needs low above 0, found {low}")
    return found


def _size(dimension: Dimension) -> float:
    return dimension.size if isinstance(dimension, Interval) else len(dimension)


def _values(dimension: Dimension) -> tuple[Any, ...]:
    return dimension.values() if isinstance(dimension, Interval) else dimension


def _draw(dimension: Dimension, random: Random) -> Any:
    return dimension.draw(random) if isinstance(dimension, Interval) else random.choice(dimension)


def _combinations(dimensions: Mapping[str, Dimension]) -> Iterator[Configuration]:
    for values in itertools.product(*(_values(dimension) for dimension in dimensions.values())):
        yield dict(zip(dimensions, values, strict=True))


def _wrong(field: str, problem: str) -> InvalidRequest:
    return InvalidRequest(f"training.search.{field}: {problem}")
