"""What the generated tests of a build find in views: windows that lie, and every way to know the future."""

from dataclasses import replace
from pathlib import Path

import pytest
from headgate.domain.errors import InvalidRequest

from tests.support.local_features import LocalBuild, build_locally, planned_input
from tests.unit.engines.test_feature_engine import VISITS, write
from tests.unit.engines.test_views_in_time import (
    GRID,
    HOUR,
    built,
    changed,
    raw,
    reading,
    warmth,
    windowed,
    with_times,
)

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


LABELS = {
    "itself": ("visit_id", "bought", 0),
    "of the shop": ("shop", "avg(bought) OVER (PARTITION BY shop ORDER BY visited_at)", 0),
    "a day later": ("shop", "bought", 86400),
}


@pytest.mark.parametrize(("entity", "told", "delay"), LABELS.values(), ids=LABELS)
def test_no_feature_tells_the_label_of_a_spine(tmp_path: Path, entity: str, told: str, delay: int) -> None:
    """A spine does not say when it is known; what it is made of does, and can be read instead."""

    def build(sql: str, folder: str) -> LocalBuild:
        fields = {"inputs": ("visit",), "entity": (entity,), "event_time": "visited_at"}
        wanted = changed(sql=sql, max_age_seconds=None, available_after=delay, **fields)
        (tmp_path / folder).mkdir()
        return built(tmp_path / folder, [reading("10:00:00", 1.0)], with_times(wanted), tests=True)

    with pytest.raises(
        InvalidRequest, match=r"feature warmth .* when visit\.bought changes after it was known"
    ):
        build(f"SELECT {entity}, visited_at, {told} AS warmth FROM visit", "label")
    assert build(
        f"SELECT {entity}, visited_at, {told.replace('bought', 'size')} AS warmth FROM visit", "else"
    )
