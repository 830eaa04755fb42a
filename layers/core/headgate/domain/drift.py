"""Drift measures over counts, and the reference they are measured against."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from headgate.domain.errors import Corrupted
from headgate.domain.shape import any_text, enforce, items, number, one_of, parse_json, record, whole

DRIFTED = 0.25
"""PSI above which a feature counts as drifted: the usual reading is < 0.1 stable, 0.1-0.25 moved, > 0.25
drifted.
"""

_FLOOR = 1e-4


_COUNTS = {"counts": items(whole(0)), "nulls": whole(0)}
_NUMERIC = record({"kind": one_of("numeric"), "edges": items(number), **_COUNTS})
_CATEGORICAL = record({"kind": one_of("categorical"), "categories": items(any_text), **_COUNTS})


def read_reference(body: bytes, features: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """What each of ``features`` looked like in training: ``{"kind", "edges" or "categories", "counts",
    "nulls"}``.

    Raises InvalidRequest or Corrupted when a feature is missing, or its counts do not fit its bins.
    """
    document = parse_json(body, "reference.json")
    known = document.get("features") if isinstance(document, dict) else None
    if not isinstance(known, dict):
        raise Corrupted("reference.json has no features")
    found: dict[str, Mapping[str, Any]] = {}
    for name in features:
        entry: Any = known.get(name)
        where = f"reference.json: {name}"
        categorical = isinstance(entry, dict) and entry.get("kind") == "categorical"
        enforce(_CATEGORICAL if categorical else _NUMERIC, entry, where)
        bins = len(entry["categories"]) if categorical else len(entry["edges"]) + 1
        if len(entry["counts"]) != bins:
            raise Corrupted(f"{where}: {len(entry['counts'])} counts for {bins} bins")
        if not sum(entry["counts"]) + entry["nulls"]:
            raise Corrupted(f"{where}: no row was counted")
        found[name] = entry
    return found


def expected_counts(reference: Mapping[str, Any]) -> Sequence[int]:
    """The reference's counts in the order a histogram has them: bins or categories, others (0 in training),
    nulls.
    """
    others = [] if reference["kind"] == "numeric" else [0]
    return [*reference["counts"], *others, reference["nulls"]]


def psi(expected: Sequence[int], actual: Sequence[int]) -> float:
    """Population stability index of two histograms over the same bins; an empty bin counts as a share of
    1e-4.

    Raises ValueError when the lengths differ or either histogram is empty.
    """
    if len(expected) != len(actual):
        raise ValueError(f"{len(expected)} reference bins against {len(actual)} current ones")
    total_expected, total_actual = sum(expected), sum(actual)
    if not total_expected or not total_actual:
        raise ValueError("a histogram without rows has no PSI")
    return sum(
        (a - e) * math.log(a / e)
        for e, a in (
            (max(x / total_expected, _FLOOR), max(y / total_actual, _FLOOR))
            for x, y in zip(expected, actual, strict=True)
            if x or y
        )
    )
