"""The flights contracts: they hold for the published data, and refuse what an export gets wrong."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from headgate.adapters.engines.duckdb_ingest import DuckDbIngestEngine
from headgate.adapters.engines.duckdb_session import Limits
from headgate.domain.errors import DropRefused
from headgate.domain.product import Product
from headgate.ports import Converted

FLIGHT = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,"
    "origin,dest,air_time,distance,hour,minute,time_hour\n"
    "2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z\n"
    "2013,1,1,533,529,4,850,830,20,UA,1714,N24211,LGA,IAH,227,1416,5,29,2013-01-01T10:00:00Z\n"
    "2013,7,1,NA,2359,NA,NA,350,NA,B6,745,NA,JFK,PSE,NA,1617,23,59,2013-07-02T03:00:00Z\n"
)
WEATHER = (
    "origin,year,month,day,hour,temp,dewp,humid,wind_dir,wind_speed,wind_gust,precip,pressure,visib,time_hour\n"
    "EWR,2013,1,1,1,39.02,26.06,59.37,270,10.35702,NA,0,1012,10,2013-01-01T06:00:00Z\n"
    "EWR,2013,1,1,2,39.02,26.96,61.63,NA,8.05546,NA,0,NA,10,2013-01-01T07:00:00Z\n"
)
PLANE = (
    "tailnum,year,type,manufacturer,model,engines,seats,speed,engine\n"
    "N10156,2004,Fixed wing multi engine,EMBRAER,EMB-145XR,2,55,NA,Turbo-fan\n"
)
AIRPORT = "faa,name,lat,lon,alt,tz,dst,tzone\n04G,Lansdowne Airport,41.13,-80.61,1044,-5,A,America/New_York\n"
AIRLINE = "carrier,name\n9E,Endeavor Air Inc.\n"
GOOD = {"flights": FLIGHT, "weather": WEATHER, "planes": PLANE, "airports": AIRPORT, "airlines": AIRLINE}


def arrive(product: Product, folder: Path, dataset: str, content: str) -> Converted:
    source = folder / f"{dataset}.csv"
    source.write_text(content)
    engine = DuckDbIngestEngine(Limits(2**28, 1))
    return engine.convert(source, source.name, product.datasets[dataset], folder / f"{dataset}.parquet")


def with_field(content: str, column: str, value: str) -> str:
    """The drop with ``column`` of its first row changed."""
    rows = list(csv.DictReader(io.StringIO(content)))
    assert rows[0][column] != value
    rows[0][column] = value
    written = io.StringIO()
    writer = csv.DictWriter(written, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


@pytest.mark.parametrize("dataset", GOOD)
def test_a_drop_like_the_published_ones_is_accepted(flights: Product, tmp_path: Path, dataset: str) -> None:
    found = arrive(flights, tmp_path, dataset, GOOD[dataset])

    assert found.rows == GOOD[dataset].count("\n") - 1
    assert all(check["passed"] for check in found.checks)


@pytest.mark.parametrize(
    ("dataset", "column", "value", "rule"),
    [
        ("flights", "year", "NA", "not_null:year"),
        ("flights", "month", "13", "maximum:month"),
        ("flights", "carrier", "United", "pattern:carrier"),
        ("flights", "tailnum", "?", "pattern:tailnum"),
        ("flights", "origin", "BOS", "rule:origin_in_new_york"),
        ("flights", "dest", "EWR", "rule:leaves_for_elsewhere"),
        ("flights", "distance", "-1", "minimum:distance"),
        ("flights", "distance", "far", "wrong_type"),
        ("flights", "dep_time", "NA", "rule:outcome_complete"),
        ("flights", "minute", "16", "rule:schedule_agrees"),
        ("flights", "time_hour", "2013-01-01T05:00:00Z", "rule:time_hour_is_utc"),
        ("flights", "time_hour", "2013-01-01 10 o'clock", "wrong_type"),
        ("flights", "day", "30", "rule:time_hour_is_utc"),
        ("weather", "humid", "101", "maximum:humid"),
        ("weather", "precip", "NA", "not_null:precip"),
        ("weather", "origin", "BOS", "rule:station_in_new_york"),
        ("weather", "time_hour", "2013-01-01T07:00:00Z", "primary_key:origin+time_hour"),
        ("planes", "type", "Balloon", "rule:type_known"),
        ("planes", "engines", "0", "minimum:engines"),
        ("planes", "engine", "Steam", "rule:engine_known"),
        ("airports", "lat", "91", "maximum:lat"),
        ("airports", "dst", "Z", "rule:dst_known"),
        ("airlines", "carrier", "9", "pattern:carrier"),
        ("airlines", "name", "NA", "not_null:name"),
    ],
)
def test_what_an_export_gets_wrong_is_refused_by_name(
    flights: Product, tmp_path: Path, dataset: str, column: str, value: str, rule: str
) -> None:
    with pytest.raises(DropRefused) as refused:
        arrive(flights, tmp_path, dataset, with_field(GOOD[dataset], column, value))

    assert refused.value.rule == rule


def test_an_impossible_date_is_refused_by_its_rule(flights: Product, tmp_path: Path) -> None:
    content = with_field(with_field(FLIGHT, "month", "2"), "day", "30")

    with pytest.raises(DropRefused) as refused:
        arrive(flights, tmp_path, "flights", content)

    assert refused.value.rule == "rule:time_hour_is_utc"


def test_a_broken_wind_sensor_is_accepted_with_a_warning(flights: Product, tmp_path: Path) -> None:
    found = arrive(flights, tmp_path, "weather", with_field(WEATHER, "wind_speed", "1048.36"))

    assert [check["name"] for check in found.checks if not check["passed"]] == ["rule:wind_speed_plausible"]


def test_every_published_drop_is_accepted(flights: Product, root: Path, tmp_path: Path) -> None:
    drops = sorted((root / "build/data/drops").glob("*/*.csv"))
    if not drops:
        pytest.skip("no build/data/drops; infra/products/flights/drops.py makes them")
    warned = []

    for path in drops:
        found = arrive(flights, tmp_path, path.parent.name, path.read_text())
        warned += [path.name for check in found.checks if not check["passed"]]

    assert len(drops) == 27
    assert warned == ["weather-2013-02.csv"]
