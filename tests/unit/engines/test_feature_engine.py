"""Point-in-time features: what was known then, not what is known now; and SQL that cannot look outside."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from headgate.adapters.engines.duckdb_features import DuckDbFeatureEngine
from headgate.adapters.engines.duckdb_session import Limits
from headgate.domain.errors import InvalidRequest
from headgate.domain.feature_set import FeatureSet
from headgate.domain.product import Product
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.local_features import LocalBuild, build_locally, planned_input
from tests.support.small_product import bundle

Rows = list[dict[str, Any]]


def feature_set(**changes: dict[str, Any]) -> FeatureSet:
    """The small product's set; ``changes`` replace fields of views by name."""
    document = bundle()
    for view, fields in changes.items():
        document["views"][view] = {**document["views"][view], **fields}
    return Product.from_document(document).feature_sets["visit"]


def write(path: Path, rows: Rows, times: str) -> Path:
    table = pa.Table.from_pylist(rows)
    moment = pa.array([r[times] for r in rows]).cast(pa.timestamp("us"))
    pq.write_table(table.set_column(table.schema.get_field_index(times), times, moment), path)
    return path


VISITS: Rows = [
    {"visit_id": "a", "visited_at": "2024-01-31T10:30:00", "shop": "north", "size": 3, "bought": True},
    {"visit_id": "b", "visited_at": "2024-01-31T11:00:00", "shop": "north", "size": 4, "bought": False},
    {"visit_id": "c", "visited_at": "2024-02-01T11:30:00", "shop": "north", "size": 5, "bought": True},
    {"visit_id": "d", "visited_at": "2024-02-01T11:30:00", "shop": "south", "size": None, "bought": False},
]
SENSOR: Rows = [
    {"shop": "north", "known_at": "2024-01-31T10:00:00", "warmth": 1.0},
    {"shop": "north", "known_at": "2024-01-31T11:00:00", "warmth": 2.0},
    {"shop": "north", "known_at": "2024-02-01T10:00:00", "warmth": 3.0},
    {"shop": "south", "known_at": "2024-02-01T12:00:00", "warmth": 4.0},
]


def build(
    tmp_path: Path, visits: Rows = VISITS, sensor: Rows = SENSOR, wanted: FeatureSet | None = None
) -> tuple[LocalBuild, Rows]:
    inputs = {
        "visits": planned_input("visits", [write(tmp_path / "visits.parquet", visits, "visited_at")], None),
        "sensor": planned_input("sensor", [write(tmp_path / "sensor.parquet", sensor, "known_at")], None),
    }
    built = build_locally(wanted or feature_set(), inputs, tmp_path / "build")
    return built, built.rows


def test_each_row_sees_the_newest_value_known_by_then_and_not_too_old(tmp_path: Path) -> None:
    _, rows = build(tmp_path)
    # c: the newest value is 90 minutes old, over the cap of one hour; d: the only value comes later
    assert {r["visit_id"]: r["warmth"] for r in rows} == {"a": 1.0, "b": 2.0, "c": None, "d": None}


def test_on_demand_features_are_joined_by_entity(tmp_path: Path) -> None:
    _, rows = build(tmp_path)
    assert {r["visit_id"]: (r["double_size"], r["hour"]) for r in rows} == {
        "a": (6, 10),
        "b": (8, 11),
        "c": (10, 11),
        "d": (None, 11),
    }


def test_partitions_are_calendar_months_with_counts(tmp_path: Path) -> None:
    built, rows = build(tmp_path)
    assert [(p.name, p.rows, p.positives) for p in built.partitions] == [
        ("2024-01", 2, 1),
        ("2024-02", 2, 1),
    ]
    assert built.work.built["visit"].rows == len(rows) == 4
    assert built.partitions[0].min_event_time == "2024-01-31T10:30:00.000Z"


def test_columns_carry_their_role_and_view(tmp_path: Path) -> None:
    built, _ = build(tmp_path)
    assert {(c.name, c.role, c.view) for c in built.columns} >= {
        ("visit_id", "entity", "visit"),
        ("visited_at", "event_time", "visit"),
        ("bought", "label", "visit"),
        ("shop", "request", "visit"),
        ("double_size", "feature", "asked"),
        ("warmth", "feature", "sensor_now"),
    }


def test_the_online_rows_are_the_newest_of_each_entity(tmp_path: Path) -> None:
    built, _ = build(tmp_path)
    assert {k: (v.event_time, dict(v.values)) for k, v in built.newest("sensor_now").items()} == {
        "north": ("2024-02-01T10:00:00.000Z", {"warmth": 3.0}),
        "south": ("2024-02-01T12:00:00.000Z", {"warmth": 4.0}),
    }


times = st.integers(min_value=0, max_value=600)
readings = st.lists(
    st.tuples(st.sampled_from(["north", "south"]), times, st.floats(0, 9).map(lambda v: round(v, 1))),
    min_size=1,
    max_size=25,
)
comings = st.lists(st.tuples(st.sampled_from(["north", "south"]), times), min_size=1, max_size=12)


def at(minute: int) -> str:
    return f"2024-03-01T{minute // 60:02d}:{minute % 60:02d}:00"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(readings=readings, comings=comings)
def test_the_join_equals_a_plain_search_for_the_last_known_value(
    tmp_path: Path, readings: list[tuple[str, int, float]], comings: list[tuple[str, int]]
) -> None:
    visits = [
        {"visit_id": f"v{n}", "visited_at": at(t), "shop": shop, "size": 1, "bought": True}
        for n, (shop, t) in enumerate(comings)
    ]
    sensor = [{"shop": shop, "known_at": at(t), "warmth": value} for shop, t, value in readings]
    _, rows = build(tmp_path, visits, sensor)
    expected = {}
    for n, (shop, t) in enumerate(comings):
        known = [(when, -value) for place, when, value in readings if place == shop and t - 60 <= when <= t]
        # of equal instants the smallest value is taken: any rule will do, but always the same one
        expected[f"v{n}"] = -max(known)[1] if known else None
    assert {r["visit_id"]: r["warmth"] for r in rows} == expected


def test_a_change_of_the_future_moves_no_past_feature(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    _, before = build(tmp_path / "one")
    future = [*SENSOR, {"shop": "north", "known_at": "2024-01-31T11:00:01", "warmth": 99.0}]
    _, after = build(tmp_path / "two", sensor=future)
    assert [r for r in before if r["visited_at"].month == 1] == [
        r for r in after if r["visited_at"].month == 1
    ]


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, _ = build(tmp_path / "one")
    two, _ = build(tmp_path / "two", list(reversed(VISITS)), list(reversed(SENSOR)))
    assert [p.read_bytes() for p in one.paths] == [p.read_bytes() for p in two.paths]


def test_two_labels_of_one_entity_are_refused_with_counts(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="5 rows but 4 distinct visit_id, visited_at"):
        build(tmp_path, [*VISITS, VISITS[0]])


def test_colliding_feature_names_are_refused(tmp_path: Path) -> None:
    clash = feature_set(sensor_now={"sql": "SELECT shop, known_at, warmth AS hour FROM sensor"})
    with pytest.raises(InvalidRequest, match="column 'hour' is already made by view asked"):
        build(tmp_path, wanted=clash)


ESCAPES = {
    "two statements": "SELECT 1; SELECT 2",
    "insert": "INSERT INTO visits VALUES (1)",
    "copy out": "COPY visits TO '/tmp/stolen.csv'",
    "attach": "ATTACH '/tmp/other.db'",
    "install": "INSTALL httpfs",
    "load": "LOAD httpfs",
    "set": "SET threads = 64",
    "pragma": "PRAGMA database_list",
    "export": "EXPORT DATABASE '/tmp/stolen'",
    "secrets": "SELECT * FROM duckdb_secrets()",
    "settings": "SELECT * FROM duckdb_settings()",
    "one setting": "SELECT current_setting('memory_limit')",
    "environment": "SELECT getenv('HOME')",
    "read a file": "SELECT * FROM read_csv('/etc/passwd')",
    "read text": "SELECT * FROM read_text('/etc/passwd')",
    "a file by name": "SELECT * FROM '/etc/passwd.csv'",
    "a parquet by name": "SELECT * FROM '/tmp/other.parquet'",
    "glob": "SELECT * FROM glob('/*')",
    "hidden in a comment": "SELECT * FROM read_text/* */('/etc/passwd')",
    "upper case": "SELECT * FROM READ_TEXT('/etc/passwd')",
    "dynamic query": "SELECT * FROM query('SELECT 1')",
    "call": "CALL duckdb_functions()",
    "create": "CREATE TABLE t AS SELECT 1",
    "drop secret": "DROP SECRET headgate_s3",
    "an undeclared dataset": "SELECT * FROM planes",
    "not SQL": "please",
    "nothing": "",
}


@pytest.mark.parametrize("sql", ESCAPES.values(), ids=ESCAPES)
def test_sql_that_looks_outside_its_inputs_is_refused(tmp_path: Path, sql: str) -> None:
    with pytest.raises(InvalidRequest):
        build(tmp_path, wanted=feature_set(sensor_now={"sql": sql}))


def test_on_demand_runs_the_same_text_for_one_request_and_for_many(tmp_path: Path) -> None:
    engine = DuckDbFeatureEngine(Limits(256 * 1024**2, 1), tmp_path)
    wanted = feature_set()
    assert wanted.on_demand is not None
    types = {c.name: c.type for c in wanted.request}
    request = [
        {"visit_id": "x", "visited_at": "2024-05-01T09:00:00.000Z", "shop": "north", "size": 7},
        {"visit_id": "a", "visited_at": "2024-05-01T08:00:00.000Z", "shop": "south", "size": None},
    ]
    assert engine.on_demand(wanted.on_demand, request, types) == [
        {"visit_id": "x", "double_size": 14, "hour": 9},
        {"visit_id": "a", "double_size": None, "hour": 8},
    ]
    assert engine.on_demand(wanted.on_demand, request[:1], types) == [
        {"visit_id": "x", "double_size": 14, "hour": 9}
    ]


def test_on_demand_refuses_values_that_do_not_fit(tmp_path: Path) -> None:
    engine = DuckDbFeatureEngine(Limits(256 * 1024**2, 1), tmp_path)
    wanted = feature_set()
    assert wanted.on_demand is not None
    types = {c.name: c.type for c in wanted.request}
    with pytest.raises(InvalidRequest, match="do not fit"):
        engine.on_demand(
            wanted.on_demand, [{"visit_id": "x", "visited_at": "soon", "shop": "n", "size": 1}], types
        )
