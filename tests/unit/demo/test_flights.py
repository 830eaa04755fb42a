"""Reading the schedule that a caller of the demo knows."""

from pathlib import Path

import pytest
from headgate.cli.compile_product import compile_product
from headgate.cli.failures import NotSetUp
from headgate_local.demo_flights import month_files, schedule

FLIGHTS = Path(__file__).resolve().parents[3] / "infra/products/flights"
HEADER = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,"
    "origin,dest,air_time,distance,hour,minute,time_hour"
)


def line(scheduled: str, arr_delay: str, flight: int) -> str:
    hour, minute = int(scheduled[:-2]), int(scheduled[-2:])
    return (
        f"2013,11,1,{scheduled},{scheduled},0,900,850,{arr_delay},UA,{flight},N1,EWR,SFO,300,2565,{hour},{minute},"
        f"2013-11-01T{hour + 4:02d}:00:00Z"
    )


def test_schedule_holds_what_is_known_before_and_keeps_the_outcome_apart(tmp_path: Path) -> None:
    # Given
    file = tmp_path / "november.csv"
    file.write_text(
        "\n".join([HEADER, line("615", "40", 2), line("600", "3", 1), line("700", "0", 3)]) + "\n"
    )
    # When
    flights = schedule(compile_product(FLIGHTS), file, 2)
    # Then
    assert [flight.row["flight_id"] for flight in flights] == [
        "UA-1-EWR-20131101T1000Z",
        "UA-2-EWR-20131101T1015Z",
    ]
    assert [flight.late for flight in flights] == [False, True]
    first = flights[0].row
    assert first["scheduled_at"] == "2013-11-01T10:00:00Z"
    assert first["flight_date"] == "2013-11-01"
    assert {"late", "arr_delay", "dep_time", "dep_delay"}.isdisjoint(first)


def test_missing_month_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotSetUp, match="delete"):
        month_files(tmp_path, "flights", [1])
