"""The leak proof: what happens after an instant changes no feature of a flight that is due by then.

On real days of January: everything not yet known at an instant is replaced by noise, and the features of
all flights due by then must stay as they are, to the last bit.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from headgate.adapters.engines.duckdb_ingest import DuckDbIngestEngine
from headgate.adapters.engines.duckdb_session import Limits
from headgate.domain.product import Product

from tests.unit.products.flights_data import build

# 06:00 in New York, when a whole bank of flights is due at once
INSTANT = datetime(2013, 1, 16, 11)
DROPS = {
    "flights": "flights/flights-2013-01.csv",
    "weather": "weather/weather-2013-01.csv",
    "planes": "planes/planes.csv",
    "airports": "airports/airports.csv",
}
ANOTHER_FUTURE = {
    # A flight due later may do anything; one that is due but has not left leaves later; who left less than an
    # hour ago has not landed. What is known by the instant stays.
    "flights": """
        WITH timed AS (
            SELECT *, time_hour + to_minutes(minute) AS due, due + to_minutes(greatest(dep_delay, 0)) AS gone,
                CAST(hash(flight, time_hour, origin) % 400 AS INTEGER) AS noise
            FROM flights
        )
        SELECT * EXCLUDE (due, gone, noise) REPLACE (
            CASE WHEN due >= $instant THEN noise - 100
                WHEN gone IS NULL OR gone > $instant
                    THEN CAST(date_diff('minute', due, $instant) AS INTEGER) + 1 + noise
                ELSE dep_delay END AS dep_delay,
            CASE WHEN arr_delay IS NOT NULL AND gone > $instant - INTERVAL 1 HOUR THEN noise
                ELSE arr_delay END AS arr_delay)
        FROM timed""",
    "weather": """
        SELECT * REPLACE (CASE WHEN time_hour + INTERVAL 1 HOUR > $instant THEN -temp ELSE temp END AS temp)
        FROM weather""",
}


@pytest.fixture(scope="module")
def january(flights: Product, root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    """Four days of the first month's drops, as ingest types them."""
    drops = root / "build/data/drops"
    if not all((drops / file).is_file() for file in DROPS.values()):
        pytest.skip(f"no drops in {drops}; infra/products/flights/drops.py makes them")
    folder = tmp_path_factory.mktemp("january")
    engine = DuckDbIngestEngine(Limits(2**29, 2))
    tables = {}
    for name, file in DROPS.items():
        source, target = folder / f"{name}.csv", folder / f"{name}.parquet"
        source.write_bytes((drops / file).read_bytes())
        engine.convert(source, file, flights.datasets[name], target)
        days = [("day", ">=", 14), ("day", "<=", 17)] if name in ANOTHER_FUTURE else None
        tables[name] = pq.read_table(target, filters=days)
    return tables


def with_another_future(tables: dict[str, pa.Table]) -> dict[str, pa.Table]:
    with duckdb.connect() as connection:
        for name in ANOTHER_FUTURE:
            connection.register(name, tables[name])
        changed = {
            name: connection.execute(query, {"instant": INSTANT}).to_arrow_table()
            for name, query in ANOTHER_FUTURE.items()
        }
    return {**tables, **changed}


def changes(product: Product, folder: Path, tables: dict[str, pa.Table]) -> tuple[set[str], set[str]]:
    """Features that changed on flights due by the instant, and on later ones."""
    before = build(product, folder / "before", tables)
    after = build(product, folder / "after", with_another_future(tables))
    early: set[str] = set()
    late: set[str] = set()
    for key, row in before.items():
        found = early if row["scheduled_at"] <= INSTANT else late
        found.update(name for name, value in row.items() if after[key][name] != value)
    return early - {"late"}, late - {"late"}


def test_no_feature_knows_what_happens_later(
    flights: Product, january: dict[str, pa.Table], tmp_path: Path
) -> None:
    early, late = changes(flights, tmp_path, january)

    assert early == set()
    # the noise was there to be seen
    assert {"temp", "origin_departed_delay", "queue_delay", "carrier_delay", "leg_dep_delay"} <= late


def changed(value: Any, honest: Any, leaking: Any) -> Any:
    """``value`` with the leak in place of what is honest, which must be there."""
    if isinstance(value, str):
        assert honest in value
        return value.replace(honest, leaking)
    assert value == honest
    return leaking


@pytest.mark.parametrize(
    ("view", "leaking", "feature"),
    [
        ("aircraft", {"sql": ("greatest(dep_delay, 0) + 1", "dep_delay")}, "leg_dep_delay"),
        ("origin_delay", {"sql": ("greatest(dep_delay, 0)", "dep_delay")}, "origin_departed_delay"),
        ("origin_weather", {"available_after": (3600, 0)}, "temp"),
    ],
)
def test_the_proof_finds_a_leak(
    flights: Product,
    january: dict[str, pa.Table],
    tmp_path: Path,
    view: str,
    leaking: dict[str, tuple[Any, Any]],
    feature: str,
) -> None:
    feature_set = flights.feature_sets["departure"]
    views = tuple(
        replace(each, **{field: changed(getattr(each, field), *pair) for field, pair in leaking.items()})
        if each.name == view
        else each
        for each in feature_set.views
    )
    leaky = replace(flights, feature_sets={"departure": replace(feature_set, views=views)})

    early, _ = changes(leaky, tmp_path, january)

    assert feature in early
