"""Searches: what a declaration comes to, the same on every machine, and what is refused by its field."""

import math
from typing import Any

import pytest
from headgate.domain.canonical import canonical_json
from headgate.domain.errors import InvalidRequest
from headgate.domain.search import MOST_TRIALS, Configuration, Search
from hypothesis import given
from hypothesis import strategies as st


def search(**document: Any) -> tuple[Configuration, ...]:
    found = Search.from_document({"method": "grid", **document})
    assert found is not None
    return found.configurations()


def test_a_grid_is_every_combination_in_the_order_of_its_names() -> None:
    found = search(space={"rounds": [5, 9], "objective": ["binary"], "lambda_l2": [0.5, 1, 2]})
    assert [tuple(each.values()) for each in found] == [
        (0.5, "binary", 5),
        (0.5, "binary", 9),
        (1, "binary", 5),
        (1, "binary", 9),
        (2, "binary", 5),
        (2, "binary", 9),
    ]
    assert list(found[0]) == ["lambda_l2", "objective", "rounds"]


def test_draws_are_the_same_for_the_same_seed_and_others_for_another() -> None:
    space = {
        "rate": {"low": 0.001, "high": 0.3, "log": True},
        "leaves": {"low": 4, "high": 64, "whole": True},
    }
    first = search(method="random", space=space, trials=12, seed=7)
    assert first == search(method="random", space=space, trials=12, seed=7)
    assert first != search(method="random", space=space, trials=12, seed=8)
    # These very numbers, on any machine: the runs' names are made of them
    assert first[0] == {"leaves": 23, "rate": 0.00236413}


@given(
    st.integers(0, 2**31),
    st.integers(1, 40),
    st.floats(1e-6, 1.0),
    st.floats(1.5, 1e4),
    st.booleans(),
    st.lists(st.integers(-5, 5), min_size=1, max_size=5, unique=True),
)
def test_draws_are_distinct_as_many_as_asked_and_inside(
    seed: int, trials: int, low: float, factor: float, log: bool, values: list[int]
) -> None:
    high = low * factor
    space = {"x": {"low": low, "high": high, "log": log}, "n": values}
    found = search(method="random", space=space, trials=trials, seed=seed)
    assert len({canonical_json(each) for each in found}) == len(found) == trials
    assert all(low <= each["x"] <= high and each["n"] in values for each in found)


def test_a_small_space_is_drawn_without_repeats_to_its_last_configuration() -> None:
    space = {"a": [1, 2, 3], "n": {"low": 1, "high": 4, "whole": True}}
    found = search(method="random", space=space, trials=12)
    assert {(each["a"], each["n"]) for each in found} == {(a, n) for a in (1, 2, 3) for n in (1, 2, 3, 4)}


def test_a_logarithm_spreads_its_draws_over_the_orders_of_magnitude() -> None:
    space = {"rate": {"low": 1e-4, "high": 1.0, "log": True}}
    found = search(method="random", space=space, trials=200)
    by_order = [sum(math.floor(math.log10(each["rate"])) == n for each in found) for n in (-4, -3, -2, -1)]
    assert all(30 < count < 70 for count in by_order), by_order


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"method": "guess", "space": {"a": [1]}}, "training.search.method: is 'guess'; known: grid, random"),
        ({"space": {}}, "training.search.space: names no parameter"),
        ({"space": {"a": []}}, "training.search.space.a: lists no value"),
        ({"space": {"a": [1, 1]}}, "training.search.space.a: lists a value twice"),
        ({"space": {"a": [[1]]}}, "training.search.space.a: plain values are needed"),
        ({"space": {"a": 3}}, "training.search.space.a: a list of values, or"),
        ({"space": {"a": {"low": 0, "high": 1}}}, "training.search.space.a: a grid needs a list"),
        ({"space": {"a": [1, 2]}, "trials": 2}, "training.search.trials: a grid has as many"),
        ({"space": {"a": list(range(17)), "b": list(range(16))}}, "training.search.space: is 272"),
        ({"space": {"a": [1]}, "metric": "f1"}, "training.search.metric: is 'f1'; known: auc"),
        ({"space": {"a": [1]}, "direction": "min"}, "direction: is 'min'; auc is better at its max"),
        ({"method": "random", "space": {"a": [1, 2]}}, "training.search.trials: is None"),
        ({"method": "random", "space": {"a": [1, 2]}, "trials": 3}, "trials: is 3; the space has only 2"),
        (
            {"method": "random", "space": {"a": {"low": 0, "high": 9}}, "trials": MOST_TRIALS + 1},
            "training.search.trials: is 257",
        ),
        (
            {"method": "random", "space": {"a": {"low": 0, "high": 1, "step": 1}}, "trials": 2},
            "training.search.space.a: low and high, log?, whole? are needed; found high, low, step",
        ),
        (
            {"method": "random", "space": {"a": {"low": 2, "high": 1}}, "trials": 2},
            "training.search.space.a: low must be less than high",
        ),
        (
            {"method": "random", "space": {"a": {"low": 0, "high": 1, "log": True}}, "trials": 2},
            "training.search.space.a: a logarithm needs low above 0",
        ),
        (
            {"method": "random", "space": {"a": {"low": "0", "high": 1}}, "trials": 2},
            "training.search.space.a: low and high must be numbers, found '0'",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused_by_its_field(document: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Search.from_document({"method": "grid", **document})
    assert field in str(refused.value)


def test_a_metric_brings_its_direction() -> None:
    found = Search.from_document({"method": "grid", "space": {"a": [1]}, "metric": "log_loss"})
    assert found is not None
    assert found.direction == "min"
