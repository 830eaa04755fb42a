"""The rows of a window, where it ends within a day and partitions are cut at days."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from headgate.domain.feature_version import Partition
from headgate.services.models.evaluate_model import EvaluateModel


def partition(day: str) -> Partition:
    return Partition(
        day, day, f"data/{day}", "5" * 64, 1, 1, 0, f"{day}T00:00:00.000Z", f"{day}T23:59:00.000Z"
    )


COLUMNS = tuple(
    SimpleNamespace(name=name, role=role) for name, role in (("id", "entity"), ("at", "event_time"))
)
MANIFEST: Any = SimpleNamespace(
    columns=COLUMNS, partitions=tuple(partition(f"2024-01-{day:02d}") for day in range(1, 6))
)
LAKE: Any = SimpleNamespace(uri=lambda key: key)


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("2024-01-02", "2024-01-04", [2, 3]),
        ("2024-01-02", "2024-01-04T00:00:00.001", [2, 3, 4]),
        ("2024-01-02", "2024-01-04T12:00:00.000", [2, 3, 4]),
        ("2024-01-02T12:00:00.000", "2024-01-04", [2, 3]),
        ("2024-01-01", "9999-01-01", [1, 2, 3, 4, 5]),
    ],
)
def test_the_day_a_window_ends_in_belongs_to_it(start: str, end: str, days: list[int]) -> None:
    evaluation = EvaluateModel(LAKE, None, None)  # type: ignore[arg-type]

    window = evaluation.window(MANIFEST, start, end)

    assert window.uris == tuple(f"data/2024-01-{day:02d}" for day in days)
    assert (window.start, window.end) == (start, end)
