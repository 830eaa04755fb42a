"""Which rows may be learnt from: never one of the embargo before the holdout."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from headgate.domain.training import Split
from headgate.domain.training_window import last_days, learning_interval
from hypothesis import given
from hypothesis import strategies as st

DAY = st.dates(date(2000, 1, 1), date(2030, 1, 1))


@given(DAY, st.integers(1, 400), st.integers(0, 40), st.floats(0, 2000, allow_nan=False))
def test_training_ends_before_the_embargo_and_not_later_than_declared(
    start: date, days: int, gap: int, embargo: float
) -> None:
    end = start + timedelta(days=days)
    holdout = end + timedelta(days=gap)
    after = holdout + timedelta(days=1)
    split = Split((str(start), str(end)), (str(holdout), str(after)), embargo)

    begun, ended = learning_interval(split)

    limit = datetime.combine(holdout, datetime.min.time()) - timedelta(hours=embargo)
    assert begun == str(start)
    assert datetime.fromisoformat(ended) <= datetime.combine(end, datetime.min.time())
    assert datetime.fromisoformat(ended) <= limit
    if limit >= datetime.combine(end, datetime.min.time()):
        assert ended == str(end)


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (("2024-01-01", "2024-02-01"), ("2024-01-25", "2024-02-01")),
        (("2024-01-01", "2024-01-31T12:00:00.000"), ("2024-01-24T12:00:00.000", "2024-01-31T12:00:00.000")),
        (("2024-01-30", "2024-02-01"), ("2024-01-30", "2024-02-01")),
        (("2024-01-25", "2024-02-01"), ("2024-01-25", "2024-02-01")),
    ],
)
def test_the_last_days_are_a_week_or_all_there_is(
    interval: tuple[str, str], expected: tuple[str, str]
) -> None:
    assert last_days(interval) == expected
