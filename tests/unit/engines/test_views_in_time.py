"""What is known when: delays, corrections, staleness, watermark and windows, labels, views over views."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from headgate.domain.dataset_input import DatasetInput, InputFile
from headgate.domain.errors import InvalidRequest
from headgate.domain.feature import FeatureView, Window
from headgate.domain.feature_set import FeatureSet
from headgate.domain.manifest import SchemaColumn
from headgate.ports import JoinTask, ViewFiles
from headgate.services.features.feature_plan import view_files

from tests.support.local_features import LocalBuild, build_locally, planned_input
from tests.unit.engines.test_feature_engine import VISITS, feature_set, write

Rows = list[dict[str, Any]]
HOUR = 3600
COLUMNS = (("visit_id", "VARCHAR"), ("warmth", "BIGINT"))
SCHEMA = tuple(SchemaColumn(name, kind, False, "internal") for name, kind in COLUMNS)


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


@pytest.mark.parametrize(
    ("more", "told"), [(["a"], r"4 labels became 5 rows in the join \(\+1\)"), ([], None)]
)
def test_a_join_that_doubles_a_label_is_stopped_with_counts(
    tmp_path: Path, more: list[str], told: str | None
) -> None:
    """What no build makes: a view without a time that holds a key twice."""
    sql = "SELECT visit_id, 1 AS warmth FROM visits"
    wanted = changed(inputs=("visits",), entity=("visit_id",), event_time=None, max_age_seconds=None, sql=sql)
    found = built(tmp_path, [reading("10:00:00", 1.0)], wanted)
    work, rows = found.work, [{"visit_id": v["visit_id"], "warmth": 1} for v in VISITS]
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist([*rows, *({"visit_id": key, "warmth": 2} for key in more)]), path)
    spine, (view,) = work.feature_set.spine, work.feature_set.views
    files = view_files(spine, work.built["visit"], work.built["visit"].partitions, work.uris())
    given = ViewFiles(view, DatasetInput(SCHEMA, (InputFile(str(path), COLUMNS),)))
    task = JoinTask(work.feature_set, "all", files, (given,))
    with work.engine.session([*work.uris().values(), str(path)], tmp_path) as session:
        if told is None:
            assert session.join(task, tmp_path / "joined").partition.rows == 4
            return
        with pytest.raises(InvalidRequest, match=told):
            session.join(task, tmp_path / "joined")


def spine_moved(hours: int) -> FeatureSet:
    """Labels by month that are so many hours after their rows; the window says an hour, either way."""
    sql = (
        f"SELECT visit_id, visited_at + INTERVAL ({hours}) HOUR AS visited_at, shop, 1 AS bought FROM visits"
    )
    wanted = with_times(changed(max_age_seconds=None))
    windows = (Window("visits", -HOUR, HOUR),)
    spine = replace(wanted.spine, sql=sql, build="incremental", windows=windows)
    return replace(wanted, spine=spine, on_demand=None)


@pytest.mark.parametrize(
    ("hours", "at", "lost"),
    [
        (2, "2024-02-29T22:30:00", "2024-03-01 00:30:00"),
        (-2, "2024-02-01T01:30:00", "2024-01-31 23:30:00"),
        (1, "2024-02-29T23:00:00", None),
        (-1, "2024-02-01T00:30:00", None),
        (2, "2024-02-20T22:30:00", None),
    ],
)
def test_no_label_is_lost_between_partitions(tmp_path: Path, hours: int, at: str, lost: str | None) -> None:
    """Not in a build that makes one month alone, and by one that made more before."""
    visits = [{**VISITS[0], "visit_id": "a", "visited_at": "2024-01-10T10:00:00"}]
    visits += [{**VISITS[0], "visit_id": f"b{n}", "visited_at": f"2024-02-1{n}T10:00:00"} for n in range(3)]
    more = [*visits, {**VISITS[0], "visit_id": "c", "visited_at": at}]
    sensor = [reading("10:00:00", 1.0)]
    if lost is None:
        assert len(built(tmp_path, sensor, spine_moved(hours), more, tests=True).rows) == len(more)
        return
    with pytest.raises(InvalidRequest, match=f"view visit: 1 .* the first (of )?{lost}"):
        built(tmp_path, sensor, spine_moved(hours), more)


def test_an_entity_may_have_labels_at_several_times(tmp_path: Path) -> None:
    twice = [VISITS[0], {**VISITS[0], "visited_at": "2024-01-31T10:50:00"}]
    wanted = replace(feature_set(), on_demand=None)
    sensor = [reading("10:00:00", 1.0), reading("10:40:00", 2.0)]
    rows = built(tmp_path, sensor, wanted, twice).rows
    assert [r["warmth"] for r in rows] == [1.0, 2.0]


def test_the_seed_is_the_sets(tmp_path: Path) -> None:
    sql = "SELECT shop, known_at, CAST(seed() AS DOUBLE) AS warmth FROM sensor"
    wanted = replace(changed(sql=sql), seed=41)
    assert warmth(built(tmp_path, [reading("10:00:00", 1.0)], wanted).rows)["a"] == 41.0
    assert wanted.recipe_digest() != replace(wanted, seed=42).recipe_digest()


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


def test_a_view_may_read_a_view(tmp_path: Path) -> None:
    wanted = changed(inputs=("raw",), sql="SELECT shop, known_at, tenfold + 1 AS warmth FROM raw")
    found = built(tmp_path, [reading("10:00:00", 1.0)], replace(wanted, helpers=(raw(),)))
    assert warmth(found.rows)["a"] == 11.0
    assert [v.name for v in found.work.feature_set.built] == ["raw", "visit", "sensor_now"]
