"""On-demand features: what a request computes online is what the same flight had offline, to the last bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from headgate.adapters.engines.duckdb_features import DuckDbFeatureEngine
from headgate.adapters.engines.duckdb_session import Limits
from headgate.domain.feature_set import FeatureSet
from headgate.domain.product import Product

from tests.unit.products.flights_data import build, flight

CLOCKS = ("00:05", "05:59", "06:00", "09:31", "12:00", "17:45", "23:59")
Row = dict[str, Any]


@pytest.fixture(scope="module")
def offline(flights: Product, tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """Flights at every kind of hour, as the training table has them."""
    made = [flight(f"{day} {clock}", 5, flight=day) for day in (14, 15, 16) for clock in CLOCKS]
    return list(build(flights, tmp_path_factory.mktemp("offline"), {"flights": made}).values())


def online(feature_set: FeatureSet, rows: list[Row], folder: Path) -> list[Row]:
    """The on-demand features of the same flights, each asked for alone, as a call sends them."""
    engine = DuckDbFeatureEngine(Limits(256 * 1024**2, 1), folder)
    types = {c.name: c.type for c in feature_set.request}
    assert feature_set.on_demand is not None
    view = feature_set.on_demand

    def sent(row: Row) -> Row:
        values = {name: row[name] for name in types}
        return {n: v.isoformat() if hasattr(v, "isoformat") else v for n, v in values.items()}

    return [engine.on_demand(view, [sent(row)], types)[0] for row in rows]


def skewed(offline: list[Row], online: list[Row]) -> dict[str, int]:
    """How many rows differ, by feature."""
    found: dict[str, int] = {}
    for before, now in zip(offline, online, strict=True):
        for name, value in now.items():
            if before[name] != value:
                found[name] = found.get(name, 0) + 1
    return found


def test_there_is_no_skew(flights: Product, offline: list[Row], tmp_path: Path) -> None:
    assert skewed(offline, online(flights.feature_sets["departure"], offline, tmp_path)) == {}


def test_a_rounding_difference_would_be_found(flights: Product, offline: list[Row], tmp_path: Path) -> None:
    """Somebody writes the feature a second time for serving, and divides instead of cutting."""
    feature_set = flights.feature_sets["departure"]
    view = feature_set.on_demand
    assert view is not None
    rewritten = view.sql.replace("sched_dep_time // 100   ", "round(sched_dep_time / 100)")
    assert rewritten != view.sql
    again = replace(feature_set, on_demand=replace(view, sql=rewritten))

    assert set(skewed(offline, online(again, offline, tmp_path))) == {"hour"}
