"""The flight's own delay as a feature of itself: a build is refused, and told which column leaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from headgate.domain.errors import InvalidRequest
from headgate.domain.feature import FeatureView
from headgate.domain.feature_set import FeatureSet
from headgate.domain.product import Product

from tests.support.local_features import build_locally, planned_input
from tests.unit.products.flights_data import flight, typed

OWN = """
SELECT
    carrier || '-' || flight || '-' || origin || '-'
        || strftime(time_hour + to_minutes(minute), '%Y%m%dT%H%MZ') AS flight_id,
    time_hour + to_minutes(minute) AS due_at,
    dep_delay AS own_delay
FROM flights
"""
"""Every flight's delay as if it were known at its schedule."""


def leaking_view(feature_set: FeatureSet) -> FeatureSet:
    like = next(v for v in feature_set.views if v.name == "origin_queue")
    own = replace(
        like, name="own", inputs=("flights",), entity=("flight_id",), event_time="due_at", sql=OWN, tests=()
    )
    views: tuple[FeatureView, ...] = (*feature_set.views, own)
    return replace(feature_set, views=views)


def leaking_spine(feature_set: FeatureSet) -> FeatureSet:
    spine = feature_set.spine
    sql = spine.sql.replace("    distance,\n", "    distance,\n    dep_delay,\n")
    assert sql != spine.sql
    return replace(feature_set, spine=replace(spine, sql=sql))


def build_with_tests(product: Product, feature_set: FeatureSet, folder: Path) -> None:
    made = [
        flight(f"{day} {6 + n // 6:02d}:{10 * (n % 6):02d}", (n * 7) % 50 - 9, flight=n)
        for day in (14, 15)
        for n in range(60)
    ]
    inputs = {}
    for name in feature_set.inputs:
        contract = product.datasets[name]
        path = typed(product, name, folder, made if name == "flights" else None)
        known_at = {c.name: c.known_at for c in contract.columns if c.known_at}
        inputs[name] = planned_input(name, [path], contract.event_time, contract.primary_key, known_at)
    build_locally(feature_set, inputs, folder / "build", tests=True)


def test_the_honest_views_pass(flights: Product, tmp_path: Path) -> None:
    build_with_tests(flights, flights.feature_sets["departure"], tmp_path)


@pytest.mark.parametrize(
    ("plant", "feature"),
    [
        (leaking_view, "view own: feature own_delay"),
        (leaking_spine, "view departures: feature dep_delay"),
    ],
)
def test_dep_delay_is_caught_and_named(
    flights: Product, tmp_path: Path, plant: Callable[[FeatureSet], FeatureSet], feature: str
) -> None:
    leaky = plant(flights.feature_sets["departure"])
    with pytest.raises(InvalidRequest, match=rf"{feature} .* flights\.dep_delay changes after it was known"):
        build_with_tests(flights, leaky, tmp_path)
