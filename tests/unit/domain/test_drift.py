"""Population stability, and the reference it is measured against."""

import json
from typing import Any

import pytest
from headgate.domain.drift import expected_counts, psi, read_reference
from headgate.domain.errors import Corrupted, InvalidRequest
from hypothesis import assume, given
from hypothesis import strategies as st

COUNTS = st.lists(st.integers(0, 10_000), min_size=1, max_size=12)
PAIR = COUNTS.flatmap(
    lambda one: st.tuples(
        st.just(one), st.lists(st.integers(0, 10_000), min_size=len(one), max_size=len(one))
    )
).filter(lambda pair: sum(pair[0]) > 0 and sum(pair[1]) > 0)
NUMERIC = {"kind": "numeric", "edges": [1.0, 2.0], "counts": [3, 4, 5], "nulls": 6}
CATEGORICAL = {"kind": "categorical", "categories": ["a", "b"], "counts": [3, 4], "nulls": 5}


@given(COUNTS)
def test_equal_shares_have_not_moved(counts: list[int]) -> None:
    assume(sum(counts))
    assert psi(counts, counts) == 0
    assert psi(counts, [3 * c for c in counts]) == pytest.approx(0, abs=1e-9)


@given(PAIR)
def test_psi_is_never_negative_and_the_same_both_ways(pair: tuple[list[int], list[int]]) -> None:
    one, other = pair
    assert psi(one, other) >= 0
    assert psi(one, other) == pytest.approx(psi(other, one))


@given(PAIR, st.randoms(use_true_random=False))
def test_psi_knows_no_order_of_bins(pair: tuple[list[int], list[int]], random: Any) -> None:
    bins = list(zip(*pair, strict=True))
    mixed = random.sample(bins, len(bins))
    assert psi(*pair) == pytest.approx(psi([e for e, _ in mixed], [a for _, a in mixed]))


def test_psi_of_a_known_case() -> None:
    # (0.25 - 0.5) ln(0.25 / 0.5) + (0.75 - 0.5) ln(0.75 / 0.5)
    assert psi([50, 50], [25, 75]) == pytest.approx(0.25 * 0.6931472 + 0.25 * 0.4054651)


def test_a_bin_that_filled_up_counts_and_stays_finite() -> None:
    assert psi([100, 0], [50, 50]) > 1
    assert psi([100, 0, 0], [50, 50, 0]) == psi([100, 0], [50, 50])


@pytest.mark.parametrize(("one", "other"), [([1], [1, 2]), ([0, 0], [1, 2]), ([1, 2], [0, 0]), ([], [])])
def test_what_cannot_be_compared_is_refused(one: list[int], other: list[int]) -> None:
    with pytest.raises(ValueError, match="bins|without rows"):
        psi(one, other)


def test_a_reference_is_read_for_the_features_asked_for() -> None:
    body = json.dumps({"features": {"size": NUMERIC, "colour": CATEGORICAL, "other": 5}}).encode()
    found = read_reference(body, ["colour", "size"])
    assert found == {"colour": CATEGORICAL, "size": NUMERIC}
    assert expected_counts(found["size"]) == [3, 4, 5, 6]
    assert expected_counts(found["colour"]) == [3, 4, 0, 5]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (None, "an object is needed"),
        ({**NUMERIC, "kind": "ordinal"}, "numeric is needed"),
        ({**NUMERIC, "edges": ["1"]}, "a number is needed"),
        ({**NUMERIC, "edges": [1.0]}, "3 counts for 2 bins"),
        ({**NUMERIC, "counts": [1, -2, 3]}, "at least 0"),
        ({**NUMERIC, "counts": [1.5, 2, 3]}, "a whole number"),
        ({**NUMERIC, "counts": [0, 0, 0], "nulls": 0}, "no row was counted"),
        ({**CATEGORICAL, "categories": ["a"]}, "2 counts for 1 bins"),
        ({**CATEGORICAL, "edges": []}, "unknown field"),
    ],
)
def test_a_malformed_reference_is_refused(entry: Any, reason: str) -> None:
    with pytest.raises((InvalidRequest, Corrupted)) as refused:
        read_reference(json.dumps({"features": {"size": entry}}).encode(), ["size"])
    assert reason in str(refused.value)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"features": []}', b'{"features": {"size": NaN}}'])
def test_what_is_no_reference_is_refused(body: bytes) -> None:
    with pytest.raises((InvalidRequest, Corrupted)):
        read_reference(body, ["size"])
