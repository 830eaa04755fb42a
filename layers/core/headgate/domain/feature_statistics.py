"""What the columns of a feature version look like: sketches of partitions, and what they say together.

A partition's sketch is a pure function of its rows, and a version's statistics one of its sketches: a version
that was built by partitions has the statistics of one that was built at once.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any, Literal

POINTS = 33
"""Quantiles of a sketch: the minimum, the maximum, and what lies between at equal shares."""
BINS = 10
"""Histogram bins of a version, of equal shares as far as values repeat little."""
VALUES = 50
"""Values of a categorical column that are counted by name."""


@dataclass(frozen=True)
class ColumnSketch:
    """One column of one partition. ``points`` are `POINTS` quantiles of the values of a numeric column, empty
    without values; ``values`` the most frequent ones of a categorical column with their counts, ``others``
    the count of the rest.
    """

    kind: Literal["numeric", "categorical"]
    rows: int
    nulls: int
    mean: float | None = None
    deviation: float | None = None
    points: tuple[float, ...] = ()
    values: tuple[tuple[str, int], ...] = ()
    others: int = 0

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "ColumnSketch":
        return cls(
            **{
                **document,
                "points": tuple(document["points"]),
                "values": tuple((v, n) for v, n in document["values"]),
            }
        )

    def to_document(self) -> dict[str, Any]:
        return asdict(self)


def summary(sketches: Sequence[ColumnSketch]) -> dict[str, Any]:
    """The statistics of a column over all its partitions: rows, nulls, and by kind minimum, maximum, mean,
    standard deviation and histogram edges with the share of values in each bin, or the frequent values.
    """
    rows, nulls = sum(s.rows for s in sketches), sum(s.nulls for s in sketches)
    kind = sketches[0].kind if sketches else "numeric"
    common = {"kind": kind, "rows": rows, "nulls": nulls}
    if kind == "categorical":
        return common | _values(sketches)
    return common | _numbers([s for s in sketches if s.points])


def _values(sketches: Iterable[ColumnSketch]) -> dict[str, Any]:
    counts: dict[str, int] = {}
    others = 0
    for sketch in sketches:
        others += sketch.others
        for value, count in sketch.values:
            counts[value] = counts.get(value, 0) + count
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return {
        "values": dict(ranked[:VALUES]),
        "others": others + sum(count for _, count in ranked[VALUES:]),
    }


def _numbers(sketches: Sequence[ColumnSketch]) -> dict[str, Any]:
    if not sketches:
        return {"minimum": None, "maximum": None, "mean": None, "deviation": None, "edges": [], "shares": []}
    weights = [s.rows - s.nulls for s in sketches]
    total = sum(weights)
    means = [s.mean or 0.0 for s in sketches]
    mean = math.fsum(w * m for w, m in zip(weights, means, strict=True)) / total
    variance = (
        math.fsum(
            w * ((s.deviation or 0.0) ** 2 + (m - mean) ** 2)
            for w, m, s in zip(weights, means, sketches, strict=True)
        )
        / total
    )
    edges = _edges(sketches, weights)
    return {
        "minimum": min(s.points[0] for s in sketches),
        "maximum": max(s.points[-1] for s in sketches),
        "mean": mean,
        "deviation": math.sqrt(variance),
        "edges": edges,
        "shares": _shares(sketches, weights, edges),
    }


def _edges(sketches: Sequence[ColumnSketch], weights: Sequence[int]) -> list[float]:
    """Inner edges: the values at every tenth of all, each once."""
    weighted = sorted(
        (point, weight / len(s.points))
        for s, weight in zip(sketches, weights, strict=True)
        for point in s.points
    )
    reached = list(accumulate(weight for _, weight in weighted))
    edges: list[float] = []
    position = 0
    for step in range(1, BINS):
        while position < len(weighted) - 1 and reached[position] < reached[-1] * step / BINS:
            position += 1
        edges.append(weighted[position][0])
    return sorted(set(edges))


def _shares(sketches: Sequence[ColumnSketch], weights: Sequence[int], edges: Sequence[float]) -> list[float]:
    """The share of values in each bin, (edge before, edge]: sums of what each partition has below an edge."""
    total = sum(weights)
    below = [
        math.fsum(_share_up_to(s.points, e) * w for s, w in zip(sketches, weights, strict=True)) / total
        for e in edges
    ]
    return [round(high - low, 6) for low, high in zip([0.0, *below], [*below, 1.0], strict=True)]


def _share_up_to(points: Sequence[float], value: float) -> float:
    """The share of values up to ``value``, straight between the quantiles."""
    if value >= points[-1]:
        return 1.0
    if value < points[0]:
        return 0.0
    last = max(i for i, point in enumerate(points) if point <= value)
    low, high = points[last], points[last + 1]
    return (last + (value - low) / (high - low)) / (len(points) - 1)
