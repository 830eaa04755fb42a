"""Keys of entities: equal values have one key, others have another, whatever they are written as."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from headgate.domain.entity_key import entity_key, entity_parts
from headgate.domain.errors import InvalidRequest
from hypothesis import given
from hypothesis import strategies as st

INSTANT = datetime(2024, 1, 1, 5)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("TIMESTAMP", INSTANT, "2024-01-01T05:00:00Z"),
        ("TIMESTAMP", INSTANT, "2024-01-01 05:00:00"),
        ("TIMESTAMP WITH TIME ZONE", INSTANT.replace(tzinfo=UTC), "2024-01-01T07:00:00+02:00"),
        ("TIMESTAMP_S", INSTANT, datetime(2024, 1, 1, 7, tzinfo=timezone(timedelta(hours=2)))),
        ("DATE", date(2024, 1, 1), "2024-01-01"),
        ("TIME", time(5), "05:00"),
        ("BOOLEAN", True, "TRUE"),
        ("BIGINT", 2**62 + 1, str(2**62 + 1)),
        ("UINTEGER", 5, 5.0),
        ("HUGEINT", 2**126, Decimal(2**126)),
        ("DECIMAL(10,2)", Decimal("1.10"), 1.1),
        ("DECIMAL(38, 0)", Decimal(10**37 + 1), str(10**37 + 1)),
        ("DECIMAL(18,3)", Decimal("0.000"), -0.0),
        ("decimal", Decimal("1.500"), "1.5"),
        ("DOUBLE", 5.0, "5"),
        ("FLOAT", 0.10000000149011612, 0.1),
        ("UUID", UUID(int=1), "00000000-0000-0000-0000-000000000001".upper()),
        ("VARCHAR", "true", True),
        ("VARCHAR", "5", 5),
    ],
)
def test_equal_values_have_one_key(kind: str, one: Any, other: Any) -> None:
    assert entity_key([one], [kind]) == entity_key([other], [kind])


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("DECIMAL(20,0)", Decimal("90071992547409931"), Decimal("90071992547409932")),
        ("BIGINT", 2**62 + 1, 2**62),
        ("TIMESTAMP", INSTANT, "2024-01-01T05:00:00+02:00"),
        ("TIMESTAMP", INSTANT, datetime(2024, 1, 1, 5, 0, 0, 1)),
        ("VARCHAR", None, ""),
        ("VARCHAR", "é", "e\u0301"),
    ],
)
def test_other_values_have_another_key(kind: str, one: Any, other: Any) -> None:
    assert entity_key([one], [kind]) != entity_key([other], [kind])


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("DATE", "tomorrow"),
        ("TIMESTAMP", "noon"),
        ("BIGINT", 5.5),
        ("BIGINT", "many"),
        ("BOOLEAN", "maybe"),
        ("UUID", "me"),
        ("DECIMAL(4,2)", "much"),
        ("FLOAT", 1e300),
    ],
)
def test_a_value_that_does_not_fit_is_refused_without_being_told(kind: str, value: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        entity_key([value], [kind])
    assert str(value) not in str(refused.value)


@given(st.lists(st.text(max_size=8), min_size=1, max_size=4))
def test_texts_come_back_from_their_key(parts: list[str]) -> None:
    assert entity_parts(entity_key(parts, ["VARCHAR"] * len(parts))) == tuple(parts)


@given(st.decimals(-(10**15), 10**15, places=4))
def test_a_decimal_is_one_entity_as_text_and_as_number(value: Decimal) -> None:
    kind = ["DECIMAL(20,4)"]
    assert entity_key([value], kind) == entity_key([str(value)], kind) == entity_key([value + 0], kind)
    assert Decimal(entity_key([value], kind)) == value
