"""What a column is compared with is a value of its type, or the contract is refused."""

from __future__ import annotations

import pytest
from headgate.domain.bound_value import is_value_of
from headgate.domain.column_type import parse_type


@pytest.mark.parametrize(
    ("kind", "value", "good"),
    [
        ("INTEGER", 5, True),
        ("INTEGER", 5.0, True),
        ("INTEGER", 0.5, False),
        ("TINYINT", -128, True),
        ("TINYINT", 128, False),
        ("BIGINT", 1e300, False),
        ("DECIMAL(6,2)", 9999.99, True),
        ("DECIMAL(6,2)", 0.005, False),
        ("DECIMAL(6,2)", 10_000, False),
        ("DOUBLE", 1e300, True),
        ("DOUBLE", float("nan"), False),
        ("DATE", "2024-02-29", True),
        ("DATE", "2023-02-29", False),
        ("DATE", "20240229", False),
        ("TIMESTAMP", "2024-02-29 08:00:00", True),
        ("TIMESTAMPTZ", "2024-02-29T08:00:00+02:00", True),
        ("TIMESTAMP", "yesterday", False),
        ("TIME", "08:00:00", True),
        ("TIME", "25:00:00", False),
        ("VARCHAR", "anything", True),
        ("INTEGER", "5", False),
    ],
)
def test_a_bound_is_a_value_of_its_type(kind: str, value: float | str, good: bool) -> None:
    assert is_value_of(parse_type(kind), value) is good
