"""What the flights features say at scheduled departure, and above all what they do not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from headgate.domain.product import Product

from tests.unit.products.flights_data import build, flight, observation


def features(product: Product, folder: Path, due: str, **tables: Any) -> dict[str, Any]:
    """Features of the flight that is due at local ``hh:mm`` on January 15."""
    hour, minute = due.split(":")
    rows = build(product, folder, tables)
    (found,) = (row for key, row in rows.items() if f"T{(int(hour) + 5) % 24:02d}{minute}Z" in key)
    return found


def test_late_is_more_than_fifteen_minutes(flights: Product, tmp_path: Path) -> None:
    rows = build(flights, tmp_path, {"flights": [flight("10:00", 15), flight("11:00", 16)]})

    assert [row["late"] for row in rows.values()] == [0, 1]


def test_a_flight_is_named_by_carrier_number_origin_and_utc_departure(
    flights: Product, tmp_path: Path
) -> None:
    (key,) = build(flights, tmp_path, {"flights": [flight("19:05", flight=77, carrier="B6")]})

    assert key == "B6-77-JFK-20130116T0005Z"


def test_flights_without_arrival_have_no_label_but_are_seen_waiting(flights: Product, tmp_path: Path) -> None:
    cancelled = flight("10:00", None, flight=2)
    diverted = flight("10:00", 0, flight=3, arr_delay=None, air_time=None)

    rows = build(flights, tmp_path, {"flights": [cancelled, diverted, flight("11:00")]})

    (row,) = rows.values()
    assert (row["queue_due"], row["queue_waiting"]) == (2, 1)
    assert row["queue_delay"] == 30.0  # one left on time, one has waited for an hour


@pytest.mark.parametrize("delay", [-20, -1, 0, 1, 300])
def test_a_flight_is_never_in_its_own_features(flights: Product, tmp_path: Path, delay: int) -> None:
    """Six flights in ten leave early: by the actual clock their departure is known before they are due."""
    row = features(flights, tmp_path, "10:00", flights=[flight("10:00", delay, tailnum="N12345")])

    trailing = [name for name in row if name.startswith(("queue_", "carrier_", "origin_dep", "leg_"))]
    assert len(trailing) == 17
    assert {name: row[name] for name in trailing if row[name] is not None} == {}


def test_a_delay_grows_while_the_flight_waits_and_is_final_when_it_has_left(
    flights: Product, tmp_path: Path
) -> None:
    slow = flight("10:00", 40, flight=2)

    waiting = features(flights, tmp_path / "a", "10:30", flights=[slow, flight("10:30")])
    left = features(flights, tmp_path / "b", "11:00", flights=[slow, flight("11:00")])

    assert (waiting["queue_waiting"], waiting["queue_delay"], waiting["queue_left_delay"]) == (1, 30.0, None)
    assert (left["queue_waiting"], left["queue_delay"], left["queue_left_delay"]) == (0, 40.0, 40.0)
    assert waiting["origin_departures"] is None
    assert (left["origin_departures"], left["origin_departed_delay"]) == (1, 40.0)


def test_trailing_features_are_of_the_same_airport_and_of_two_hours(flights: Product, tmp_path: Path) -> None:
    others = [
        flight("10:00", 90, origin="EWR"),
        flight("08:50", 100, flight=2),
        flight("09:10", 50, flight=3),
    ]

    row = features(flights, tmp_path, "11:00", flights=[*others, flight("11:00")])

    assert (row["queue_due"], row["queue_delay"]) == (1, 50.0)
    assert (row["origin_departures"], row["origin_departed_delay"]) == (2, 75.0)


def test_a_quiet_airport_is_told_by_its_last_value_for_two_hours_at_most(
    flights: Product, tmp_path: Path
) -> None:
    def due(at: str) -> int | None:
        schedule = [flight("06:00", 5, flight=2), flight(at)]
        return features(flights, tmp_path / at, at, flights=schedule)["queue_due"]

    assert [due(at) for at in ("08:00", "10:00", "10:01")] == [1, 1, None]


def test_carriers_are_seen_apart(flights: Product, tmp_path: Path) -> None:
    others = [flight("10:00", 60, carrier="B6"), flight("10:00", 5, flight=2)]

    row = features(flights, tmp_path, "11:00", flights=[*others, flight("11:00")])

    assert (row["carrier_due"], row["carrier_delay"]) == (1, 5.0)
    assert (row["queue_due"], row["queue_late"]) == (2, 0.5)


@pytest.mark.parametrize(
    ("due", "dep_delay", "arr_delay"),
    [
        ("10:00", None, None),  # due before the aircraft left
        ("10:40", 30, None),  # in the air
        ("12:20", 30, None),  # landed at 11:30, reported at 12:30
        ("12:40", 30, 33),
    ],
)
def test_the_aircraft_s_previous_leg_is_known_when_it_happened(
    flights: Product, tmp_path: Path, due: str, dep_delay: int | None, arr_delay: int | None
) -> None:
    leg = flight("10:00", 30, flight=2, tailnum="N12345", arr_delay=33)
    leg = leg if due != "10:00" else {**leg, **flight("10:01", 30, flight=2, tailnum="N12345")}

    row = features(flights, tmp_path, due, flights=[leg, flight(due, tailnum="N12345")])

    assert (row["leg_dep_delay"], row["leg_arr_delay"]) == (dep_delay, arr_delay)


def test_landing_follows_the_clock_of_the_destination(flights: Product, tmp_path: Path) -> None:
    """Leaves at 10:00 in New York, lands at 13:00 in Los Angeles: six hours later, not three."""
    leg = flight("10:00", 0, flight=2, tailnum="N12345", dest="LAX", arr_time=1300, arr_delay=9)

    before = features(flights, tmp_path / "a", "16:50", flights=[leg, flight("16:50", tailnum="N12345")])
    after = features(flights, tmp_path / "b", "17:10", flights=[leg, flight("17:10", tailnum="N12345")])

    assert (before["leg_arr_delay"], after["leg_arr_delay"]) == (None, 9)


def test_weather_is_as_of_one_hour_before_and_not_older_than_six(flights: Product, tmp_path: Path) -> None:
    weather = [observation("09", temp=31.0), observation("10", temp=32.0)]

    def temp(due: str) -> float | None:
        return features(flights, tmp_path / due, due, flights=[flight(due)], weather=weather)["temp"]

    assert [temp(due) for due in ("09:59", "10:00", "10:59", "11:00", "17:00", "17:01")] == [
        None,
        31.0,
        31.0,
        32.0,
        32.0,
        None,
    ]


def test_a_broken_wind_sensor_is_no_wind(flights: Product, tmp_path: Path) -> None:
    weather = [observation("09", wind_speed=1048.36)]

    row = features(flights, tmp_path, "10:00", flights=[flight("10:00")], weather=weather)

    assert (row["wind_speed"], row["temp"]) == (None, 40.0)


def test_an_aircraft_the_registry_lacks_keeps_its_flight(flights: Product, tmp_path: Path) -> None:
    plane = {
        "tailnum": "N12345",
        "year": 1999,
        "type": "Fixed wing multi engine",
        "manufacturer": "A",
        "model": "B",
    }
    known = {**plane, "engines": 2, "seats": 150, "speed": None, "engine": "Turbo-fan"}
    pair = [flight("10:00", tailnum="N12345"), flight("11:00", tailnum="N99999")]

    rows = build(flights, tmp_path, {"flights": pair, "planes": [known]})

    assert [(row["built"], row["seats"]) for row in rows.values()] == [(1999, 150), (None, None)]


def test_the_schedule_is_read_from_the_request_alone(flights: Product, tmp_path: Path) -> None:
    row = features(flights, tmp_path, "22:30", flights=[flight("22:30", sched_arr_time=15)])

    assert (row["hour"], row["minute_of_day"], row["arrival_minute_of_day"]) == (22, 1350, 15)
    assert row["scheduled_block"] == 105
    assert row["weekday"] == 2  # January 15, 2013 was a Tuesday


def test_every_feature_the_model_asks_for_is_made(flights: Product, tmp_path: Path) -> None:
    row = features(flights, tmp_path, "10:00", flights=[flight("10:00")])

    assert flights.training is not None
    assert {feature.name for feature in flights.training.features} <= row.keys()
    outcomes = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"}
    assert not outcomes & row.keys()
