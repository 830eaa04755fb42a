"""The generated leak test on the views of flights: silent on the honest ones, and it names what others read
too early.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from headgate.adapters.engines.duckdb_ingest import DuckDbIngestEngine
from headgate.adapters.engines.duckdb_session import Limits, open_session
from headgate.adapters.engines.leak_test import Leak, LeakInput, find_leaks
from headgate.domain.contract import Contract
from headgate.domain.feature import FeatureView
from headgate.domain.product import Product

DROPS = {
    "flights": "flights/flights-2013-01.csv",
    "weather": "weather/weather-2013-01.csv",
    "planes": "planes/planes.csv",
    "airports": "airports/airports.csv",
}
WATERMARK = {"watermark": "SELECT TIMESTAMP '2013-01-18 04:00:00' AS reached"}


@pytest.fixture(scope="module")
def january(
    flights: Product, root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[duckdb.DuckDBPyConnection, dict[str, LeakInput]]]:
    """Four days of the first month's drops, as ingest types them, in a locked session."""
    drops = root / "build/data/drops"
    if not all((drops / file).is_file() for file in DROPS.values()):
        pytest.skip(f"no drops in {drops}; infra/products/flights/drops.py makes them")
    folder = tmp_path_factory.mktemp("january")
    engine = DuckDbIngestEngine(Limits(2**29, 2))
    inputs, files = {}, []
    for name, file in DROPS.items():
        source, target = folder / f"{name}.csv", folder / f"{name}.parquet"
        source.write_bytes((drops / file).read_bytes())
        engine.convert(source, file, flights.datasets[name], target)
        files.append(str(target))
        inputs[name] = leak_input(flights.datasets[name], target)
    with open_session(Limits(2**29, 2), folder, readable=files) as connection:
        yield connection, inputs


def leak_input(contract: Contract, file: Path) -> LeakInput:
    days = " WHERE day BETWEEN 14 AND 17" if contract.event_time else ""
    return LeakInput(
        name=contract.name,
        relation=f"SELECT * FROM read_parquet('{file}'){days}",
        columns=tuple((c.name, c.type) for c in contract.columns),
        event_time=contract.event_time,
        key=contract.primary_key,
        known_at={c.name: c.known_at for c in contract.columns if c.known_at},
    )


def view_of(flights: Product, name: str, honest: str = "", leaking: str = "") -> FeatureView:
    """The view with one text of it exchanged."""
    (view,) = (each for each in flights.feature_sets["departure"].views if each.name == name)
    assert honest in view.sql
    return replace(view, sql=view.sql.replace(honest, leaking))


def leaks(
    january: tuple[duckdb.DuckDBPyConnection, dict[str, LeakInput]], view: FeatureView, at: str
) -> list[Leak]:
    connection, inputs = january
    read = [inputs[name] for name in view.inputs if name in inputs]
    return find_leaks(connection, view, read, datetime.fromisoformat(at), WATERMARK)


@pytest.mark.parametrize(
    "at", ["2013-01-15T03:10:00", "2013-01-16T11:00:00", "2013-01-16T17:59:59.999999", "2013-01-17T22:30:00"]
)
@pytest.mark.parametrize(
    "name", ["origin_weather", "origin_delay", "origin_queue", "carrier_queue", "aircraft", "plane"]
)
def test_the_views_of_flights_do_not_look_ahead(
    flights: Product,
    january: tuple[duckdb.DuckDBPyConnection, dict[str, LeakInput]],
    name: str,
    at: str,
) -> None:
    assert leaks(january, view_of(flights, name), at) == []


@pytest.mark.parametrize(
    ("name", "honest", "leaking", "at", "found"),
    [
        ("aircraft", "greatest(dep_delay, 0) + 1", "dep_delay", "12:57", ("known_at", "flights.dep_delay")),
        ("aircraft", "% 1440 + 60", "% 1440 - 120", "18:00", ("leg_arr_delay", "flights.arr_delay")),
        (
            "origin_delay",
            "greatest(dep_delay, 0)",
            "dep_delay",
            "11:50",
            ("origin_departed_delay", "flights.dep_delay"),
        ),
    ],
)
def test_what_a_view_reads_too_early_is_named(
    flights: Product,
    january: tuple[duckdb.DuckDBPyConnection, dict[str, LeakInput]],
    name: str,
    honest: str,
    leaking: str,
    at: str,
    found: tuple[str, str],
) -> None:
    told = leaks(january, view_of(flights, name, honest, leaking), f"2013-01-16T{at}:00")

    assert found in {(leak.feature, f"{leak.input}.{leak.column}") for leak in told}, told


def test_weather_that_is_told_an_hour_early_is_named(
    flights: Product, january: tuple[duckdb.DuckDBPyConnection, dict[str, LeakInput]]
) -> None:
    early = replace(view_of(flights, "origin_weather"), available_after=0)

    told = leaks(january, early, "2013-01-16T18:00:00")

    assert ("temp", "weather.temp") in {(leak.feature, f"{leak.input}.{leak.column}") for leak in told}, told


def test_a_flight_that_tells_its_own_delay_is_found(
    flights: Product, january: tuple[duckdb.DuckDBPyConnection, dict[str, LeakInput]]
) -> None:
    sql = "SELECT flight, origin, time_hour + to_minutes(minute) AS due, dep_delay AS delay FROM flights"
    entity = ("flight", "origin")
    view = FeatureView("tell_tale", "feature", ("flights",), entity, "due", None, False, sql)

    (leak,) = leaks(january, view, "2013-01-16T18:00:00")

    assert (leak.feature, leak.input, leak.column) == ("delay", "flights", "dep_delay")
    assert leak.sentence.startswith(
        f"view tell_tale: feature delay of {leak.rows} rows changes when flights.dep"
    )
