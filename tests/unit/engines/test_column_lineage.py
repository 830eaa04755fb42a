"""Column lineage of the flights views, checked by hand, and of what cannot be told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pytest
from headgate.adapters.engines.column_lineage import column_lineage
from headgate.domain.column_lineage import ColumnLineage, ColumnSource, of_rows
from headgate.domain.errors import LineageUnknown

from tests.unit.engines.test_column_lineage_truth import FEATURES, FLIGHTS_TABLES

TABLES: Mapping[str, Sequence[str]] = {name: list(columns) for name, columns in FLIGHTS_TABLES.items()}
T = {"t": ("a", "b", "l"), "u": ("k", "x")}


def of_view(name: str) -> ColumnLineage:
    return column_lineage((FEATURES / f"{name}.sql").read_text(encoding="utf-8"), TABLES)


def written(sources: Iterable[ColumnSource]) -> str:
    """Sources as ``column SUBTYPE, …``, sorted."""
    return ", ".join(sorted(f"{s.column} {s.subtype}" for s in sources))


def own(lineage: ColumnLineage) -> dict[str, str]:
    """What each column has beyond what concerns all rows."""
    rows = of_rows(lineage)
    return {column: written(set(sources) - rows) for column, sources in lineage.items()}


def test_departures() -> None:
    found = of_view("departures")

    assert written(of_rows(found)) == "arr_delay FILTER"
    assert own(found) == {
        "flight_id": "carrier TRANSFORMATION, flight TRANSFORMATION, minute TRANSFORMATION, "
        "origin TRANSFORMATION, time_hour TRANSFORMATION",
        "scheduled_at": "minute TRANSFORMATION, time_hour TRANSFORMATION",
        "flight_date": "day TRANSFORMATION, month TRANSFORMATION, year TRANSFORMATION",
        **{
            column: f"{column} IDENTITY"
            for column in (
                *("sched_dep_time", "sched_arr_time", "carrier", "tailnum"),
                *("origin", "dest", "distance"),
            )
        },
        "late": "arr_delay TRANSFORMATION",
    }


def test_request() -> None:
    found = of_view("request")

    assert of_rows(found) == frozenset()
    assert own(found) == {
        "flight_id": "flight_id IDENTITY",
        "hour": "sched_dep_time TRANSFORMATION",
        "minute_of_day": "sched_dep_time TRANSFORMATION",
        "weekday": "flight_date TRANSFORMATION",
        "arrival_minute_of_day": "sched_arr_time TRANSFORMATION",
        "scheduled_block": "sched_arr_time TRANSFORMATION, sched_dep_time TRANSFORMATION",
    }


def test_plane() -> None:
    found = of_view("plane")

    assert {s.dataset for sources in found.values() for s in sources} == {"planes"}
    assert own(found) == {
        "tailnum": "tailnum IDENTITY",
        "built": "year IDENTITY",
        "seats": "seats IDENTITY",
        "engines": "engines IDENTITY",
    }


def test_origin_weather() -> None:
    found = of_view("origin_weather")

    assert written(of_rows(found)) == "origin GROUP_BY, time_hour GROUP_BY"
    measured = ("temp", "dewp", "humid", "wind_dir", "wind_gust", "precip", "pressure", "visib")
    assert own(found) == {
        "origin": "origin IDENTITY",
        "observed_at": "time_hour IDENTITY",
        "wind_speed": "wind_speed AGGREGATION, wind_speed CONDITIONAL",
        **{column: f"{column} AGGREGATION" for column in measured},
    }


def test_origin_delay() -> None:
    found = of_view("origin_delay")

    # slot is of dep_delay
    assert written(of_rows(found)) == (
        "dep_delay FILTER, dep_delay GROUP_BY, minute FILTER, minute GROUP_BY, "
        "origin GROUP_BY, reached FILTER, time_hour FILTER, time_hour GROUP_BY"
    )
    assert own(found) == {
        "origin": "origin IDENTITY",
        "known_at": "dep_delay TRANSFORMATION, minute TRANSFORMATION, time_hour TRANSFORMATION",
        "origin_departures": "",
        "origin_departed_delay": "dep_delay AGGREGATION",
        "origin_departed_late": "dep_delay AGGREGATION",
    }


@pytest.mark.parametrize(
    ("view", "prefix", "entity"), [("origin", "queue", ()), ("carrier", "carrier", ("carrier",))]
)
def test_the_queues(view: str, prefix: str, entity: tuple[str, ...]) -> None:
    found = of_view(f"{view}_queue")

    rows = [f"{c} {how}" for c in ("minute", "time_hour") for how in ("FILTER", "GROUP_BY")]
    rows += ["reached FILTER", *(f"{c} GROUP_BY" for c in ("origin", *entity))]
    delay = ", ".join(
        f"{column} {how}"
        for column in ("dep_delay", "minute", "time_hour")
        for how in ("AGGREGATION", "CONDITIONAL")
    )
    assert written(of_rows(found)) == ", ".join(sorted(rows))
    assert own(found) == {
        **{column: f"{column} IDENTITY" for column in ("origin", *entity)},
        "known_at": "minute TRANSFORMATION, time_hour TRANSFORMATION",
        f"{prefix}_due": "",
        f"{prefix}_waiting": "dep_delay FILTER",
        f"{prefix}_delay": delay,
        f"{prefix}_late": delay,
        f"{prefix}_left_delay": delay.replace(", minute A", ", dep_delay FILTER, minute A"),
    }


def test_aircraft() -> None:
    found = of_view("aircraft")

    assert written(of_rows(found)) == (
        "arr_delay FILTER, arr_delay WINDOW, arr_time WINDOW, dep_delay FILTER, dep_delay WINDOW, "
        "dep_time WINDOW, dest JOIN, distance WINDOW, faa JOIN, hour WINDOW, minute WINDOW, tailnum FILTER, "
        "tailnum WINDOW, time_hour WINDOW, tz WINDOW"
    )
    assert own(found) == {
        "tailnum": "tailnum IDENTITY",
        "known_at": "arr_time TRANSFORMATION, dep_delay TRANSFORMATION, dep_time TRANSFORMATION, "
        "minute TRANSFORMATION, time_hour TRANSFORMATION, tz TRANSFORMATION",
        "leg_dep_delay": "dep_delay IDENTITY",
        "leg_arr_delay": "arr_delay IDENTITY",
        "leg_distance": "distance IDENTITY",
        "leg_minute_of_day": "hour TRANSFORMATION, minute TRANSFORMATION",
    }
    assert {s.dataset for s in found["known_at"] if s.column in ("tz", "faa")} == {"airports"}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a + lag(b) OVER (ORDER BY a) AS v FROM t", "a TRANSFORMATION, a WINDOW, b TRANSFORMATION"),
        ("SELECT sum(b) OVER w AS v FROM t WINDOW w AS (PARTITION BY a)", "a WINDOW, b AGGREGATION"),
        ("SELECT mad(b) AS v FROM t", "b AGGREGATION"),
        ("SELECT coalesce(a, b) AS v FROM t", "a TRANSFORMATION, b TRANSFORMATION"),
        ("SELECT a AS v FROM t QUALIFY row_number() OVER (ORDER BY b) = 1", "a IDENTITY, b WINDOW"),
        (
            "SELECT a AS v FROM t WHERE EXISTS (FROM u WHERE x = b)",
            "a IDENTITY, b FILTER, k FILTER, x FILTER",
        ),
        (
            "SELECT EXISTS (SELECT k FROM u WHERE x = b) AS v FROM t",
            "b CONDITIONAL, k CONDITIONAL, x CONDITIONAL",
        ),
        ("SELECT a AS v FROM t UNION SELECT k FROM u", "a GROUP_BY, a IDENTITY, k GROUP_BY, k IDENTITY"),
        ("SELECT (a) AS v FROM (SELECT a + 1 AS a FROM t) q", "a TRANSFORMATION"),
        ("SELECT unnest(l) AS v FROM t", "l JOIN, l TRANSFORMATION"),
        ("SELECT list(b ORDER BY a) AS v FROM t", "a SORT, b AGGREGATION"),
        ("SELECT string_agg(b, '-' ORDER BY a DESC) AS v FROM t", "a SORT, b AGGREGATION"),
        ("SELECT a.upper() AS v FROM t", "a TRANSFORMATION"),
        ("SELECT b.max() AS v FROM t", "b AGGREGATION"),
        ("SELECT b AS v FROM (t JOIN u ON t.a = u.k)", "a JOIN, b IDENTITY, k JOIN"),
    ],
)
def test_what_a_clause_means(sql: str, expected: str) -> None:
    assert written(column_lineage(sql, T)["v"]) == expected


def test_names_are_those_of_the_tables_and_the_engine() -> None:
    found = column_lineage(
        'SELECT FIRST + 1, "Second" FROM orders', {"Orders": ("First", "second")}, ["(F + 1)", "S"]
    )

    assert [(c, s.dataset, s.column) for c, sources in found.items() for s in sources] == [
        ("(F + 1)", "Orders", "First"),
        ("S", "Orders", "second"),
    ]


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("please", "not one SELECT"),
        ("SELECT 1 AS a; SELECT 2 AS a", "not one SELECT"),
        ("SELECT a FROM t WHERE", "cannot be traced"),
        ("SELECT a FROM other", "cannot be traced"),
        ("SELECT zebra FROM t", "not known where zebra comes from"),
        ("SELECT a FROM main.t", "none of its tables"),
        ("SELECT COLUMNS('a|b') FROM t", "picks columns by a pattern"),
        ("SELECT * LIKE 'a%' FROM t", "picks columns by a pattern"),
        ("SELECT t.* NOT LIKE 'a%' FROM t", "picks columns by a pattern"),
        ("SELECT * ILIKE 'A' FROM t", "picks columns by a pattern"),
        ("SELECT b.sum() FILTER (WHERE a > 1) AS v FROM t", "calls a method"),
        ("SELECT main.abs(b) AS v FROM t", "not known where main comes from"),
        ("SELECT t FROM t", "a whole row"),
        ("PIVOT t ON a USING sum(b)", "not one SELECT"),
        ("SELECT * FROM (FROM t) UNPIVOT (v FOR n IN (a, b))", "pivots"),
        (
            "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r",
            "recurses",
        ),
        ("SELECT a + 1 FROM t", "has no name"),
        ("SELECT a, b AS A FROM t", "one name"),
        (f"SELECT {'(' * 3000}a{')' * 3000} AS v FROM t", "cannot be traced"),
    ],
)
def test_what_cannot_be_told_is_said_to_be_unknown(sql: str, why: str) -> None:
    with pytest.raises(LineageUnknown, match=why):
        column_lineage(sql, T)


def test_another_number_of_columns_than_the_engine_makes_is_unknown() -> None:
    with pytest.raises(LineageUnknown, match="1 columns were traced where the engine makes 2"):
        column_lineage("SELECT unnest({'p': a, 'q': b}) FROM t", T, ["p", "q"])
