"""The generated leak test, on small tables whose future is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import duckdb
import pytest
from headgate.adapters.engines.duckdb_session import Limits, open_session
from headgate.adapters.engines.leak_test import Leak, LeakInput, find_leaks
from headgate.domain.errors import InvalidRequest
from headgate.domain.feature import FeatureView
from hypothesis import given
from hypothesis import strategies as st

NOON = datetime(2024, 5, 1, 12)
TRIPS = LeakInput(
    name="trips",
    relation="""
        SELECT * FROM (VALUES
            (1, TIMESTAMP '2024-05-01 10:00:00', 5, 'a'),
            (2, TIMESTAMP '2024-05-01 11:30:00', 90, 'a'),
            (3, TIMESTAMP '2024-05-01 11:45:00', 5, 'b'),
            (4, TIMESTAMP '2024-05-01 13:00:00', 5, 'b')) AS t(id, at_time, late, town) -- four of them""",
    columns=(("id", "INTEGER"), ("at_time", "TIMESTAMP"), ("late", "INTEGER"), ("town", "VARCHAR")),
    event_time="at_time",
    key=("id",),
    known_at={"late": "at_time + to_minutes(this.late) -- when it is over"},
)
HONEST = "SELECT town, at_time + to_minutes(late) AS seen, late FROM trips"


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A locked session, as builds have it."""
    with open_session(Limits(2**28, 1), tmp_path_factory.mktemp("scratch")) as session:
        yield session


def view(sql: str, **fields: object) -> FeatureView:
    made = FeatureView("load", "feature", ("trips",), ("town",), "seen", None, False, f"{sql} -- a view")
    return replace(made, **fields)  # type: ignore[arg-type]


def named(leaks: list[Leak]) -> set[tuple[str, str, int]]:
    return {(leak.feature, f"{leak.input}.{leak.column}", leak.rows) for leak in leaks}


def test_a_view_that_waits_until_it_knows_has_no_leak(connection: duckdb.DuckDBPyConnection) -> None:
    assert find_leaks(connection, view(HONEST), [TRIPS], NOON) == []


def test_a_value_that_is_told_too_early_is_named(connection: duckdb.DuckDBPyConnection) -> None:
    (leak,) = find_leaks(connection, view("SELECT town, at_time AS seen, late FROM trips"), [TRIPS], NOON)

    assert leak == Leak("load", "late", "trips", "late", 1, "town=a, seen=2024-05-01 11:30:00")
    assert leak.sentence == (
        "view load: feature late of 1 row changes when trips.late changes after it was known "
        "(first: town=a, seen=2024-05-01 11:30:00)"
    )


def test_a_row_that_is_there_too_early_is_named(connection: duckdb.DuckDBPyConnection) -> None:
    early = view("SELECT town, at_time AS seen, id FROM trips WHERE late > 60")

    (leak,) = find_leaks(connection, early, [TRIPS], NOON)

    assert (leak.feature, leak.column, leak.rows, leak.whole) == ("seen", "late", 1, True)
    assert leak.sentence.startswith("view load: 1 row appears or vanishes when trips.late changes")


def test_rows_that_come_later_are_counted_as_a_leak(connection: duckdb.DuckDBPyConnection) -> None:
    ahead = view("SELECT town, at_time AS seen, count(*) OVER () AS n FROM trips")

    (leak,) = find_leaks(connection, ahead, [TRIPS], NOON)

    assert (leak.feature, leak.input, leak.column, leak.rows) == ("n", "trips", "rows", 3)
    assert "when rows of trips change after it was known" in leak.sentence


def test_what_skips_nulls_shows_when_values_are_others(connection: duckdb.DuckDBPyConnection) -> None:
    """The later row has the largest number of all only when it is another number."""
    ahead = view("SELECT town, at_time AS seen, max(late) OVER () > 90 AS storm FROM trips")

    assert named(find_leaks(connection, ahead, [TRIPS], NOON)) == {("storm", "trips.late", 3)}


def test_a_view_says_itself_when_its_rows_are_known(connection: duckdb.DuckDBPyConnection) -> None:
    early = "SELECT town, at_time AS seen, at_time + to_minutes(late) AS told, late FROM trips"

    assert find_leaks(connection, view(early), [TRIPS], NOON)
    waits = view(f"{early} WHERE late IS NOT NULL", known_at="told")
    assert find_leaks(connection, waits, [TRIPS], NOON) == []
    assert find_leaks(connection, view(early, available_after=90 * 60), [TRIPS], NOON) == []
    assert find_leaks(connection, view(early, available_after=29 * 60), [TRIPS], NOON)


def test_a_row_that_forgets_when_it_is_known_counts_from_its_event_time(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """Computed at noon, the row of the late trip would be served without an instant of its own."""
    early = "SELECT town, at_time AS seen, at_time + to_minutes(late) AS told, late FROM trips"

    (leak,) = find_leaks(connection, view(early, known_at="told"), [TRIPS], NOON)

    assert (leak.column, leak.whole, leak.example) == ("late", True, "town=a, seen=2024-05-01 11:30:00")


def test_a_view_without_an_event_time_is_known_as_a_whole(connection: duckdb.DuckDBPyConnection) -> None:
    totals = view("SELECT town, sum(late) AS total FROM trips GROUP BY town", event_time=None)

    assert ("total", "trips.late") in {
        (leak.feature, f"{leak.input}.{leak.column}")
        for leak in find_leaks(connection, totals, [TRIPS], NOON)
    }
    assert find_leaks(connection, totals, [TRIPS], NOON + timedelta(days=1)) == []


def test_an_input_without_an_event_time_is_known_but_for_what_says_otherwise(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    still = replace(TRIPS, event_time=None)
    early = view("SELECT town, at_time AS seen, late, id FROM trips")

    assert find_leaks(connection, early, [replace(still, known_at={})], NOON + timedelta(days=9)) == []
    assert find_leaks(connection, early, [replace(still, known_at={})], NOON) == []
    assert named(find_leaks(connection, early, [still], NOON)) == {("late", "trips.late", 1)}


def test_a_value_without_an_instant_is_known_with_its_row(connection: duckdb.DuckDBPyConnection) -> None:
    early = view("SELECT town, at_time AS seen, late FROM trips")

    assert find_leaks(connection, early, [replace(TRIPS, known_at={"late": "NULL"})], NOON) == []


def test_another_value_is_never_one_that_would_be_known(connection: duckdb.DuckDBPyConnection) -> None:
    """A larger number would be known earlier here: the view that waits for it is honest."""
    given = replace(TRIPS, known_at={"late": "at_time + to_minutes(200 - late)"})
    honest = view("SELECT town, at_time + to_minutes(200 - late) AS seen, late FROM trips")

    assert find_leaks(connection, honest, [given], NOON) == []


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("TINYINT", "5"),
        ("BIGINT", "9007199254740993"),
        ("HUGEINT", "5"),
        ("DOUBLE", "0.5"),
        ("DECIMAL(6,2)", "1.25"),
        ("VARCHAR", "'x'"),
        ("BOOLEAN", "true"),
        ("DATE", "'2024-01-01'"),
        ("TIME", "'10:00:00'"),
        ("TIMESTAMP", "'2024-01-01'"),
        ("TIMESTAMPTZ", "'2024-01-01'"),
        ("UUID", "'00000000-0000-0000-0000-000000000000'"),
        ("INTEGER[]", "[1]"),
        ("STRUCT(a INTEGER)", "{'a': 1}"),
    ],
)
def test_a_leak_shows_whatever_the_type(connection: duckdb.DuckDBPyConnection, kind: str, value: str) -> None:
    """The view reads the later row through what ignores null, or through null itself."""
    given = LeakInput(
        "trips",
        f"SELECT 1 AS id, TIMESTAMP '2024-05-01' AS t, CAST({value} AS {kind}) AS x, 'a' AS town UNION ALL "
        f"SELECT 2, TIMESTAMP '2024-05-02', CAST({value} AS {kind}), 'a'",
        (("id", "INTEGER"), ("t", "TIMESTAMP"), ("x", kind), ("town", "VARCHAR")),
        "t",
        ("id",),
        {},
    )
    ahead = view("SELECT 'a' AS town, a.t AS seen, b.x AS next FROM trips a JOIN trips b ON b.id = a.id + 1")

    found = find_leaks(connection, ahead, [given], datetime(2024, 5, 1, 1))

    assert ("next", "trips.x", 1) in named(found)


def test_a_view_that_shifted_values_break_is_judged_by_hidden_ones(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    honest = view(f"{HONEST} WHERE make_time(coalesce(late, 0) // 100, 0, 0) IS NOT NULL")
    early = view("SELECT town, at_time AS seen, make_time(late // 100, 0, 0) AS clock FROM trips")
    given = replace(TRIPS, relation=f"SELECT * REPLACE (late * 20 AS late) FROM ({TRIPS.relation}\n)")

    assert find_leaks(connection, honest, [given], NOON) == []
    assert {leak.column for leak in find_leaks(connection, early, [given], NOON)} == {"late"}


def test_one_hidden_column_alone_need_not_be_a_past_that_was(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """The later row is away as a whole in what was known; without its town alone the view fails."""
    ahead = view(
        "SELECT coalesce(town, error('no town')) AS town, at_time AS seen, max(late) OVER () AS m FROM trips"
    )

    assert named(find_leaks(connection, ahead, [TRIPS], NOON)) == {("m", "trips.late", 3)}


def test_a_view_that_cannot_be_computed_of_what_is_known_is_refused(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    broken = view("SELECT town, at_time AS seen, coalesce(late, error('no late')) AS late FROM trips")

    with pytest.raises(InvalidRequest, match=r"view load, leak test at TIMESTAMP '2024-05-01 .*: .*no late"):
        find_leaks(connection, broken, [TRIPS], NOON)


def test_two_inputs_are_told_apart(connection: duckdb.DuckDBPyConnection) -> None:
    other = replace(TRIPS, name="tours")
    early = view(
        "SELECT town, at_time + to_minutes(trips.late) AS seen, tours.late FROM trips "
        "JOIN tours USING (id, at_time, town)"
    )
    later = replace(other, known_at={"late": "at_time + INTERVAL 3 HOUR"})

    assert find_leaks(connection, early, [TRIPS, other], NOON) == []
    assert {(leak.input, leak.column) for leak in find_leaks(connection, early, [TRIPS, later], NOON)} == {
        ("tours", "late")
    }


def test_rows_are_compared_as_often_as_they_stand_there(connection: duckdb.DuckDBPyConnection) -> None:
    twice = view("SELECT NULL AS town, TIMESTAMP '2024-05-01' AS seen FROM trips")

    (leak,) = find_leaks(connection, twice, [TRIPS], NOON)

    assert (leak.column, leak.rows, leak.example) == ("rows", 1, "town=None, seen=2024-05-01 00:00:00")


def test_further_relations_stay_and_everything_is_put_back(connection: duckdb.DuckDBPyConnection) -> None:
    ended = view(f'{HONEST} WHERE at_time <= (SELECT "at" FROM watermark)')
    extra = {"watermark": """SELECT TIMESTAMP '2024-05-02' AS "at" """}
    rows = "SELECT count(*) FROM trips"

    assert find_leaks(connection, ended, [TRIPS], NOON, extra) == []
    assert connection.execute(rows).fetchone() == (4,)
    with pytest.raises(InvalidRequest):
        find_leaks(connection, view("SELECT nothing FROM trips"), [TRIPS], NOON)
    assert connection.execute(rows).fetchone() == (4,)
    left = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    assert [name for (name,) in left if name.startswith("__leak")] == []


def test_an_instant_is_utc_whatever_its_zone(connection: duckdb.DuckDBPyConnection) -> None:
    early = view("SELECT town, at_time AS seen, late FROM trips")
    east = NOON.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=9)))

    assert find_leaks(connection, early, [TRIPS], east) == find_leaks(connection, early, [TRIPS], NOON)


ROW = st.tuples(st.integers(0, 20), st.one_of(st.none(), st.integers(0, 9)), st.integers(0, 12))


@given(rows=st.lists(ROW, min_size=1, max_size=6), at=st.integers(-1, 33))
def test_a_leak_is_found_where_there_is_one_and_nowhere_else(
    connection: duckdb.DuckDBPyConnection, rows: list[tuple[int, int | None, int]], at: int
) -> None:
    """Each row is known ``wait`` hours after it happened; the view that tells it at once leaks what happened
    by the instant, has a value, and is not known yet.
    """
    start = datetime(2024, 1, 1)
    values = ", ".join(
        f"({n}, TIMESTAMP '{start + timedelta(hours=hour)}', {'NULL' if value is None else value}, {wait})"
        for n, (hour, value, wait) in enumerate(rows)
    )
    given_ = LeakInput(
        "trips",
        f"SELECT id, t, CAST(v AS INTEGER) AS v, wait FROM (VALUES {values}) AS x(id, t, v, wait)",
        (("id", "INTEGER"), ("t", "TIMESTAMP"), ("v", "INTEGER"), ("wait", "INTEGER")),
        "t",
        ("id",),
        {"v": "t + to_hours(wait)"},
    )
    told = "SELECT id AS town, t + to_hours({}) AS seen, v FROM trips"
    instant = start + timedelta(hours=at)

    honest = find_leaks(connection, view(told.format("wait")), [given_], instant)
    early = find_leaks(connection, view(told.format("0")), [given_], instant)

    leaking = sum(hour <= at < hour + wait and value is not None for hour, value, wait in rows)
    assert honest == []
    assert named(early) == ({("v", "trips.v", leaking)} if leaking else set())
