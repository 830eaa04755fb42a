"""Equal content is equal bytes: also where a view adds up floats, takes first values or breaks no ties."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from headgate.adapters.engines.duckdb_features import DuckDbFeatureEngine
from headgate.domain.feature import Window

from tests.support.local_features import LIMITS, build_locally, planned_input
from tests.unit.engines.test_feature_engine import VISITS, write
from tests.unit.engines.test_views_in_time import changed

ROWS = 400_000
"""More than one group of rows for each of two threads: these are 122,880 rows in memory."""
PICKS = (
    "avg(warmth)",
    "stddev(warmth)",
    "corr(warmth, tie)",
    "any_value(warmth)",
    "arg_max(warmth, tie)",
    "mode(round(warmth, 1))",
    "sum(warmth * 1e-3) + last(warmth)",
)


@pytest.fixture(scope="module")
def sensor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("many") / "sensor.parquet"
    duckdb.sql(
        "SELECT 's' || hash(range) % 7 AS shop, hash(range, 3) % 9 AS tie, hash(range, 1) % 1000000 / 997.0 "
        f"AS warmth, TIMESTAMP '2024-01-01' + to_seconds(range * 5) AS known_at FROM range({ROWS})"
    ).write_parquet(str(path), row_group_size=50_000)
    return path


def test_what_depends_on_the_order_of_rows_is_the_same_each_time_and_no_leak(
    tmp_path: Path, sensor: Path
) -> None:
    assert LIMITS.threads > 1
    picked = ", ".join(f"{pick} AS warmth_{n}" for n, pick in enumerate(PICKS))
    day = "date_trunc('day', known_at) + INTERVAL 1 DAY AS known_at"
    view = changed(
        sql=f"SELECT shop, {day}, {picked} FROM sensor GROUP BY ALL",
        windows=(Window("sensor", 0, 86_400),),
        build="incremental",
    )
    inputs = {
        "visits": planned_input("visits", [write(tmp_path / "v.parquet", VISITS, "visited_at")], None),
        "sensor": planned_input("sensor", [sensor], "known_at"),
    }

    builds = [build_locally(view, inputs, tmp_path / str(n), tests=True) for n in range(3)]

    assert len({tuple(p.sha256 for p in b.work.built["sensor_now"].partitions) for b in builds}) == 1


def test_the_order_of_the_files_of_a_version_makes_no_difference(tmp_path: Path) -> None:
    days = [{"shop": "north", "known_at": f"2024-01-31T0{n}:00:00", "warmth": 0.1 * n} for n in range(9)]
    parts = [write(tmp_path / f"{n}.parquet", days[n::3], "known_at") for n in range(3)]
    visits = planned_input("visits", [write(tmp_path / "v.parquet", VISITS, "visited_at")], None)
    day = "date_trunc('day', known_at) + INTERVAL 1 DAY AS known_at"
    view = changed(sql=f"SELECT shop, {day}, sum(warmth) AS w, last(warmth) AS x FROM sensor GROUP BY ALL")

    def partitions(name: str, files: list[Path]) -> list[tuple[str, str]]:
        inputs = {"visits": visits, "sensor": planned_input("sensor", files, "known_at")}
        built = build_locally(view, inputs, tmp_path / name)
        return [(p.id, p.sha256) for p in built.work.built["sensor_now"].partitions]

    assert partitions("forth", parts) == partitions("back", parts[::-1])


def test_a_partition_is_the_same_made_alone_or_with_others(tmp_path: Path, sensor: Path) -> None:
    day = "date_trunc('day', known_at) + INTERVAL 1 DAY AS known_at"
    picked = "avg(warmth) AS a, last(warmth) AS b, arg_max(warmth, tie) AS c, list(tie) AS d"
    view = changed(
        sql=f"SELECT shop, {day}, {picked} FROM sensor GROUP BY ALL",
        windows=(Window("sensor", 0, 86_400),),
        build="incremental",
        partition="day",
    )
    inputs = {
        "visits": planned_input("visits", [write(tmp_path / "v.parquet", VISITS, "visited_at")], None),
        "sensor": planned_input("sensor", [sensor], "known_at"),
    }

    together = build_locally(view, inputs, tmp_path / "together")
    alone = build_locally(view, inputs, tmp_path / "alone", chunk_bytes=1)

    partitions = together.work.built["sensor_now"].partitions
    assert len(partitions) > 20
    assert partitions == alone.work.built["sensor_now"].partitions


@pytest.mark.parametrize(("repeatable", "threads"), [(True, 1), (False, LIMITS.threads)])
def test_only_what_makes_views_runs_on_one_thread(tmp_path: Path, repeatable: bool, threads: int) -> None:
    with DuckDbFeatureEngine(LIMITS, tmp_path).session([], tmp_path, repeatable=repeatable) as session:
        assert session.connection.execute("SELECT current_setting('threads')").fetchone() == (threads,)
