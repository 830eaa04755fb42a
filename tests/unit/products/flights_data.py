"""Flights by hand: typed rows as their contracts type them, as Parquet inputs of a feature build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from headgate.domain.product import Product

from tests.support.local_features import build_locally, planned_input

ARROW = {
    "INTEGER": pa.int32(),
    "DOUBLE": pa.float64(),
    "VARCHAR": pa.string(),
    "TIMESTAMP": pa.timestamp("us"),
}
UTC_OFFSET = timedelta(hours=5)
AIRPORTS = [
    {"faa": faa, "name": faa, "lat": 40.0, "lon": -80.0, "alt": 10, "tz": tz, "dst": "A", "tzone": None}
    for faa, tz in (("BOS", -5), ("ORD", -6), ("LAX", -8))
]


def flight(due: str, delay: int | None = 0, **more: Any) -> dict[str, Any]:
    """A January flight due at local ``hh:mm`` that left ``delay`` minutes later (None: cancelled), 60
    minutes to Boston.
    """
    day, _, clock = due.rpartition(" ")
    at = datetime.fromisoformat(f"2013-01-{int(day or 15):02d}T{clock}")
    left = None if delay is None else at + timedelta(minutes=delay)
    landed = None if left is None else left + timedelta(minutes=60)
    return {
        "year": at.year,
        "month": at.month,
        "day": at.day,
        "dep_time": left and left.hour * 100 + left.minute,
        "sched_dep_time": at.hour * 100 + at.minute,
        "dep_delay": delay,
        "arr_time": landed and landed.hour * 100 + landed.minute,
        "sched_arr_time": (at.hour + 1) % 24 * 100 + at.minute,
        "arr_delay": delay,
        "carrier": "AA",
        "flight": 1,
        "tailnum": None,
        "origin": "JFK",
        "dest": "BOS",
        "air_time": None if left is None else 40,
        "distance": 187,
        "hour": at.hour,
        "minute": at.minute,
        "time_hour": at.replace(minute=0) + UTC_OFFSET,
        **more,
    }


def observation(hour: str, **more: Any) -> dict[str, Any]:
    """Weather at JFK filed under the local hour ``hh`` of January 15."""
    at = datetime.fromisoformat(f"2013-01-15T{hour}:00")
    calm = {"temp": 40.0, "dewp": 30.0, "humid": 60.0, "wind_dir": 200, "wind_speed": 8.0, "wind_gust": None}
    fixed = {"precip": 0.0, "pressure": 1012.0, "visib": 10.0, "time_hour": at + UTC_OFFSET}
    place = {"origin": "JFK", "year": 2013, "month": 1, "day": 15, "hour": at.hour}
    return {**place, **calm, **fixed, **more}


def typed(
    product: Product, name: str, folder: Path, given: Sequence[Mapping[str, Any]] | pa.Table | None
) -> Path:
    """A Parquet file of the rows, typed as the contract has them; of airports the few that flights go to."""
    rows = given if given is not None else AIRPORTS if name == "airports" else []
    schema = pa.schema([(c.name, ARROW[c.type]) for c in product.datasets[name].columns])
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(list(rows), schema)
    path = folder / f"{name}.parquet"
    pq.write_table(table, path)
    return path


def build(
    product: Product, folder: Path, tables: Mapping[str, Sequence[Mapping[str, Any]] | pa.Table]
) -> dict[str, dict[str, Any]]:
    """Rows of the feature set by flight_id."""
    folder.mkdir(parents=True, exist_ok=True)
    inputs = {}
    feature_set = product.feature_sets["departure"]
    for name in feature_set.inputs:
        contract = product.datasets[name]
        path = typed(product, name, folder, tables.get(name))
        inputs[name] = planned_input(name, [path], contract.event_time, contract.primary_key)
    built = build_locally(feature_set, inputs, folder / "build")
    return {row["flight_id"]: row for row in built.rows}
