"""Drift measures over counts."""

import math
from collections.abc import Sequence

DRIFTED = 0.25
"""PSI above which a feature counts as drifted: the usual reading is < 0.1 stable, 0.1-0.25 moved, > 0.25
drifted.
"""

_FLOOR = 1e-4


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
