"""What is known when: delays, corrections, staleness, the watermark, windows and what tests find in views."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from headgate.domain.errors import InvalidRequest
from headgate.domain.feature import FeatureView, Window
from headgate.domain.feature_set import FeatureSet

from tests.support.local_features import LocalBuild, build_locally, planned_input
from tests.unit.engines.test_feature_engine import VISITS, feature_set, write

Rows = list[dict[str, Any]]
HOUR = 3600


def changed(**fields: Any) -> FeatureSet:
    """The small set with other fields in its one view."""
    wanted = feature_set()
    (view,) = wanted.views
    return replace(wanted, views=(replace(view, **fields),))


def built(
    tmp_path: Path,
    sensor: Rows,
    wanted: FeatureSet,
    visits: Rows = VISITS,
    *,
    tests: bool = False,
    known_at: dict[str, str] | None = None,
) -> LocalBuild:
    inputs = {
        "visits": planned_input(
            "visits", [write(tmp_path / "visits.parquet", visits, "visited_at")], "visited_at"
        ),
        "sensor": planned_input(
            "sensor",
            [write(tmp_path / "sensor.parquet", sensor, "known_at")],
            "known_at",
            known_at=known_at,
        ),
    }
    return build_locally(wanted, inputs, tmp_path / "build", tests=tests)


def warmth(rows: Rows) -> dict[str, Any]:
    return {r["visit_id"]: r["warmth"] for r in rows}


def reading(at: str, value: float, shop: str = "north", **more: Any) -> dict[str, Any]:
    return {"shop": shop, "known_at": f"2024-01-31T{at}", "warmth": value, **more}


def test_a_value_counts_from_when_it_is_available(tmp_path: Path) -> None:
    sensor = [reading("10:00:00", 1.0), reading("10:30:00", 2.0)]
    found = warmth(built(tmp_path, sensor, changed(available_after=1800, max_age_seconds=None)).rows)
    # a is at 10:30: what happened at 10:00 is known just then; b is at 11:00
    assert (found["a"], found["b"]) == (1.0, 2.0)


def test_staleness_counts_from_when_it_happened(tmp_path: Path) -> None:
    sensor = [reading("10:00:00", 1.0)]
    fresh = changed(available_after=1800, max_age_seconds=HOUR)
    found = warmth(built(tmp_path, sensor, fresh).rows)
    assert (found["a"], found["b"], found["c"]) == (1.0, 1.0, None)


CORRECTED = "SELECT shop, known_at AS happened, said_at, warmth FROM sensor"


def corrected(**fields: Any) -> FeatureSet:
    return changed(sql=CORRECTED, event_time="happened", known_at="said_at", max_age_seconds=None, **fields)


def moment(text: str) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(f"2024-01-31T{text}")


def test_a_late_correction_does_not_leak(tmp_path: Path) -> None:
    """It counts from when it was said, and then in place of what it corrects."""
    sensor = [
        reading("10:00:00", 1.0, said_at=moment("10:00:00")),
        reading("10:00:00", 9.0, said_at=moment("10:45:00")),
    ]
    found = warmth(built(tmp_path, sensor, corrected()).rows)
    assert (found["a"], found["b"]) == (1.0, 9.0)


@pytest.mark.parametrize("said", [("09:00:00", "09:30:00"), (None, "10:00:00"), ("09:59:59", "10:00:00")])
@pytest.mark.parametrize("turned", [False, True])
def test_of_what_becomes_known_at_one_instant_the_last_word_counts(
    tmp_path: Path, said: tuple[str | None, str], turned: bool
) -> None:
    """Said before it happened, or without a time, it is known when it happened."""
    sensor = [
        reading("10:00:00", value, said_at=moment(at) if at else None)
        for value, at in zip((1.0, 9.0), said, strict=True)
    ]
    found = built(tmp_path, sensor[::-1] if turned else sensor, corrected())
    assert warmth(found.rows)["a"] == 9.0
    assert found.newest("sensor_now")["north"].values == {"warmth": 9.0}


def test_late_news_of_what_is_older_is_no_news(tmp_path: Path) -> None:
    sensor = [
        reading("10:20:00", 2.0, said_at=moment("10:20:00")),
        reading("10:00:00", 9.0, said_at=moment("10:25:00")),
    ]
    found = warmth(built(tmp_path, sensor, corrected()).rows)
    assert (found["a"], found["b"]) == (2.0, 2.0)


def test_nothing_is_known_before_it_happened(tmp_path: Path) -> None:
    sensor = [reading("10:45:00", 9.0, said_at=moment("10:00:00"))]
    found = warmth(built(tmp_path, sensor, corrected()).rows)
    assert (found["a"], found["b"]) == (None, 9.0)


def windowed(sql: str, latest: int, **fields: Any) -> FeatureSet:
    return changed(
        sql=sql, windows=(Window("sensor", 0, latest),), build="incremental", max_age_seconds=None, **fields
    )


def with_times(wanted: FeatureSet) -> FeatureSet:
    return replace(wanted, event_times={"sensor": "known_at", "visits": "visited_at"})


LATER = "SELECT shop, known_at + INTERVAL 40 DAY AS known_at, warmth FROM sensor"


def test_rows_that_no_window_reaches_are_told_and_not_lost(tmp_path: Path) -> None:
    wanted = with_times(windowed(LATER, HOUR))
    with pytest.raises(InvalidRequest, match=r"view sensor_now: 1 rows .* windows \(sensor 0s..3600s\)"):
        built(tmp_path, [reading("10:00:00", 1.0)], wanted)


COUNTED = """
SELECT shop, known_at, warmth, count(*) OVER (PARTITION BY shop ORDER BY known_at) AS so_far FROM sensor
"""


def test_a_window_that_is_too_narrow_is_found(tmp_path: Path) -> None:
    january = [reading(f"{h:02d}:00:00", h) for h in range(3)]
    february = [{**r, "known_at": r["known_at"].replace("01-31", "02-01")} for r in january]
    wanted = with_times(windowed(COUNTED, 0))
    with pytest.raises(InvalidRequest, match=r"sensor_now: 3 rows of 2024-0. .* build: full"):
        built(tmp_path, january + february, wanted, tests=True)


def test_a_value_told_before_it_is_known_is_found_with_its_column(tmp_path: Path) -> None:
    wanted = with_times(windowed("SELECT shop, known_at, warmth FROM sensor", 0))
    later = {"warmth": "known_at + INTERVAL 1 HOUR"}
    sensor = [reading(f"{h:02d}:00:00", float(h)) for h in range(12)]
    with pytest.raises(InvalidRequest, match=r"feature warmth .* sensor\.warmth changes after it was known"):
        built(tmp_path, sensor, wanted, tests=True, known_at=later)
    honest = with_times(windowed("SELECT shop, known_at, warmth FROM sensor", 0, available_after=HOUR))
    (tmp_path / "honest").mkdir()
    assert built(tmp_path / "honest", sensor, honest, tests=True, known_at=later).rows


@pytest.mark.parametrize("rest", ["NULL", "0"])
def test_a_leak_in_few_rows_is_found(tmp_path: Path, rest: str) -> None:
    """One shop in a hundred tells its warmth an hour too early."""
    few = f"CASE WHEN shop = 'shop-7' THEN warmth ELSE {rest} END AS warmth"
    wanted = with_times(windowed(f"SELECT shop, known_at, {few} FROM sensor", 0))
    sensor = [reading(f"{n // 60:02d}:{n % 60:02d}:00", 1.0 + n, shop=f"shop-{n % 100}") for n in range(1000)]
    later = {"warmth": "known_at + INTERVAL 10 SECOND"}
    with pytest.raises(InvalidRequest, match=r"feature warmth .* sensor\.warmth changes after it was known"):
        built(tmp_path, sensor, wanted, tests=True, known_at=later)


def test_a_leaking_view_over_restricted_columns_tells_no_value(tmp_path: Path) -> None:
    wanted = with_times(windowed("SELECT shop, known_at, warmth FROM sensor", 0))
    sensor = [reading(f"{h:02d}:00:00", float(h), shop="secret-shop") for h in range(4)]
    path = write(tmp_path / "sensor.parquet", sensor, "known_at")
    given = planned_input("sensor", [path], "known_at", known_at={"warmth": "known_at + INTERVAL 1 HOUR"})
    schema = tuple(replace(c, classification="restricted") if c.name == "shop" else c for c in given.schema)
    visits = planned_input("visits", [write(tmp_path / "visits.parquet", VISITS, "visited_at")], "visited_at")
    inputs = {"sensor": replace(given, schema=schema), "visits": visits}
    with pytest.raises(InvalidRequest) as refused:
        build_locally(wanted, inputs, tmp_path / "build", tests=True)
    assert "secret-shop" not in str(refused.value)


TIMELESS = {
    "the whole future": ("SELECT shop, avg(warmth) AS warmth FROM sensor GROUP BY shop", "warmth"),
    "the newest": ("SELECT shop, max_by(warmth, known_at) AS warmth FROM sensor GROUP BY shop", "warmth"),
    "which shops there will be": ("SELECT DISTINCT shop, 1 AS warmth FROM sensor", "shop"),
    "how many there will be": ("SELECT 'north' AS shop, count(*) AS warmth FROM sensor", None),
}


@pytest.mark.parametrize(("sql", "column"), TIMELESS.values(), ids=TIMELESS)
def test_a_view_without_a_time_may_tell_nothing_of_what_has_one(
    tmp_path: Path, sql: str, column: str | None
) -> None:
    """It is joined to labels of any time: what it sums up of dated rows is their future."""
    wanted = with_times(changed(sql=sql, event_time=None, max_age_seconds=None))
    sensor = [reading(f"{h:02d}:00:00", float(h)) for h in range(12)]
    with pytest.raises(InvalidRequest, match=r"view sensor_now: .*: give sensor_now one") as refused:
        built(tmp_path, sensor, wanted, tests=True)
    told = (
        f"sensor.{column} changes" if column else "feature warmth of 1 row changes when rows of sensor change"
    )
    assert told in str(refused.value)


def test_a_view_without_a_time_may_tell_what_is_known_always(tmp_path: Path) -> None:
    sensor = [reading("10:00:00", 1.0)]
    unmoved = "SELECT 'north' AS shop, 7 AS warmth, count(*) < 0 AS odd FROM sensor"
    fixed = changed(sql=unmoved, event_time=None, max_age_seconds=None)
    assert warmth(built(tmp_path, sensor, with_times(fixed), tests=True).rows)["a"] == 7
    (tmp_path / "undated").mkdir()
    undated = changed(sql="SELECT DISTINCT shop, 3 AS warmth FROM sensor", event_time=None)
    inputs = {
        "visits": planned_input("visits", [write(tmp_path / "v.parquet", VISITS, "visited_at")], None),
        "sensor": planned_input("sensor", [write(tmp_path / "s.parquet", sensor, "known_at")], None),
    }
    assert warmth(build_locally(undated, inputs, tmp_path / "undated", tests=True).rows)["a"] == 3


GRID = """
WITH seen AS (
    SELECT shop, warmth, (CAST(epoch(known_at) AS BIGINT) // 600 + 1 + unnest(range(0, 12))) * 600 AS slot
    FROM sensor
)
SELECT shop, make_timestamp(slot * 1000000) AS known_at, count(*) AS readings, max(warmth) AS warmth
FROM seen WHERE slot <= (SELECT CAST(epoch(reached) AS BIGINT) FROM watermark) GROUP BY shop, slot
"""


def test_no_row_is_later_than_the_watermark(tmp_path: Path) -> None:
    sensor = [reading("10:00:00", 1.0), reading("11:00:00", 3.0, shop="south")]
    wanted = with_times(windowed(GRID, 2 * HOUR + 600, inputs=("sensor", "watermark")))
    times = [r["known_at"].isoformat() for r in built(tmp_path, sensor, wanted).view_rows("sensor_now")]
    assert max(times) == "2024-01-31T11:00:00"
    assert len(times) == 6


def test_no_value_may_depend_on_how_far_the_data_reaches(tmp_path: Path) -> None:
    """The past would change with every drop, and a partition hold what was true when it was built."""
    sensor = [reading(f"{h:02d}:00:00", float(h)) for h in range(12)]
    told = "epoch((SELECT reached FROM watermark)) - epoch(known_at) AS warmth"
    asked = ("sensor", "watermark")
    wanted = with_times(windowed(f"SELECT shop, known_at, {told} FROM sensor", 0, inputs=asked))
    with pytest.raises(InvalidRequest, match=r"feature warmth of \d+ rows changes when rows of watermark"):
        built(tmp_path, sensor, wanted, tests=True)
    (tmp_path / "grid").mkdir()
    grid = with_times(windowed(GRID, 2 * HOUR + 600, inputs=asked))
    assert built(tmp_path / "grid", sensor, grid, tests=True).rows


def test_a_declared_test_that_fails_stops_the_build_with_counts(tmp_path: Path) -> None:
    sensor = [reading("10:00:00", 1.0), reading("10:30:00", -2.0)]
    with pytest.raises(InvalidRequest, match=r"view sensor_now: 1 of 2 rows fail the test: warmth > 0"):
        built(tmp_path, sensor, changed(tests=("warmth > 0",)))
    assert built(tmp_path, sensor, changed(tests=("warmth > -9",))).rows


def test_a_label_without_a_time_is_not_lost_in_silence(tmp_path: Path) -> None:
    wanted = feature_set(
        visit={"sql": "SELECT * REPLACE (CASE WHEN size > 3 THEN visited_at END AS visited_at) FROM visits"}
    )
    with pytest.raises(InvalidRequest, match="view visit: 2 of 4 rows have no visited_at"):
        built(tmp_path, [reading("10:00:00", 1.0)], wanted)


def test_an_entity_may_have_labels_at_several_times(tmp_path: Path) -> None:
    twice = [VISITS[0], {**VISITS[0], "visited_at": "2024-01-31T10:50:00"}]
    wanted = replace(feature_set(), on_demand=None)
    sensor = [reading("10:00:00", 1.0), reading("10:40:00", 2.0)]
    rows = built(tmp_path, sensor, wanted, twice).rows
    assert [r["warmth"] for r in rows] == [1.0, 2.0]


def test_on_demand_rows_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    twice = [VISITS[0], {**VISITS[0], "visited_at": "2024-01-31T11:50:00"}]
    with pytest.raises(InvalidRequest, match="view asked: 1 rows share their visit_id with another"):
        built(tmp_path, [reading("10:00:00", 1.0)], feature_set(), twice)


def test_the_same_request_twice_has_one_answer(tmp_path: Path) -> None:
    twice = [VISITS[0], {**VISITS[0], "visited_at": "2024-01-31T10:50:00"}]
    wanted = feature_set(asked={"sql": "SELECT visit_id, size * 2 AS double_size FROM request"})
    rows = built(tmp_path, [reading("10:00:00", 1.0)], wanted, twice).rows
    assert [r["double_size"] for r in rows] == [6, 6]


OTHERS = {
    "all": "size - avg(size) OVER () AS double_size FROM request",
    "before": "lag(size) OVER (ORDER BY visited_at) AS double_size FROM request",
    "of the shop": "count(*) OVER (PARTITION BY shop) AS double_size FROM request",
    "subquery": "(SELECT max(size) FROM request) AS double_size FROM request",
    "how many": "(SELECT count(*) FROM request) AS double_size FROM request",
}


@pytest.mark.parametrize("sql", OTHERS.values(), ids=OTHERS)
def test_an_on_demand_feature_may_not_look_at_other_labels(tmp_path: Path, sql: str) -> None:
    """Online there is one request: what is told of others is a leak from labels, and a skew."""
    wanted = feature_set(asked={"sql": f"SELECT visit_id, hour(visited_at) AS hour, {sql}"})
    with pytest.raises(InvalidRequest, match="view asked: .* looks at more than one row"):
        built(tmp_path, [reading("10:00:00", 1.0)], wanted)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (
            "SELECT visit_id, size FROM request WHERE size > 3",
            "1 of 2 labels get no row, and 0 rows",
        ),
        (
            "SELECT upper(visit_id) AS visit_id FROM request",
            "a request alone does not get exactly one",
        ),
    ],
)
def test_every_label_gets_one_on_demand_row(tmp_path: Path, sql: str, reason: str) -> None:
    wanted = feature_set(asked={"sql": sql})
    with pytest.raises(InvalidRequest, match=f"view asked: {reason}"):
        built(tmp_path, [reading("10:00:00", 1.0)], wanted)


def test_the_seed_is_the_sets(tmp_path: Path) -> None:
    sql = "SELECT shop, known_at, CAST(seed() AS DOUBLE) AS warmth FROM sensor"
    wanted = replace(changed(sql=sql), seed=41)
    assert warmth(built(tmp_path, [reading("10:00:00", 1.0)], wanted).rows)["a"] == 41.0
    assert wanted.recipe_digest() != replace(wanted, seed=42).recipe_digest()


def test_on_demand_features_have_the_seed_online_too(tmp_path: Path) -> None:
    wanted = replace(
        feature_set(asked={"sql": "SELECT visit_id, size + seed() AS shifted FROM request"}), seed=41
    )
    offline = built(tmp_path, [reading("10:00:00", 1.0)], wanted)
    assert wanted.on_demand is not None
    types = {c.name: c.type for c in wanted.request}
    visit = VISITS[0]
    (online,) = offline.work.engine.on_demand(wanted.on_demand, [visit], types, wanted.seed)
    (row,) = [r for r in offline.rows if r["visit_id"] == visit["visit_id"]]
    assert online["shifted"] == row["shifted"] == visit["size"] + 41


def raw(**fields: Any) -> FeatureView:
    """A view over the sensor for others to read."""
    return FeatureView.from_document(
        {
            "name": "raw",
            "kind": "feature",
            "inputs": ["sensor"],
            "entity": ["shop"],
            "event_time": "known_at",
            "sql": "SELECT shop, known_at, warmth * 10 AS tenfold FROM sensor",
            **fields,
        }
    )


@pytest.mark.parametrize("told", ["tenfold", "count(*) OVER (PARTITION BY shop ORDER BY known_at)"])
def test_what_a_view_reads_of_a_view_is_known_no_earlier(tmp_path: Path, told: str) -> None:
    """Its values, and that its rows are there."""
    sensor = [reading(f"{h:02d}:00:00", float(h)) for h in range(12)]
    sql = f"SELECT shop, known_at, {told} AS warmth FROM raw"
    late = raw(available_after=2 * HOUR)

    def build(delay: int) -> LocalBuild:
        wanted = changed(inputs=("raw",), sql=sql, max_age_seconds=None, available_after=delay)
        (tmp_path / str(delay)).mkdir()
        with_raw = with_times(replace(wanted, helpers=(late,)))
        return built(tmp_path / str(delay), sensor, with_raw, tests=True)

    for early in (0, 2 * HOUR - 1):
        with pytest.raises(InvalidRequest, match=r"view sensor_now: .* raw"):
            build(early)
    assert build(2 * HOUR).rows


def test_a_view_may_read_a_view(tmp_path: Path) -> None:
    wanted = changed(inputs=("raw",), sql="SELECT shop, known_at, tenfold + 1 AS warmth FROM raw")
    found = built(tmp_path, [reading("10:00:00", 1.0)], replace(wanted, helpers=(raw(),)))
    assert warmth(found.rows)["a"] == 11.0
    assert [v.name for v in found.work.feature_set.built] == ["raw", "visit", "sensor_now"]
