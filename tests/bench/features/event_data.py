"""Gigabytes of events of a year as Parquet files, labels of their users, and the set that joins them."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
from headgate.domain.feature import FeatureView
from headgate.domain.feature_set import FeatureSet
from headgate.services.features.planned_input import PlannedInput

from tests.support.local_features import planned_input

USERS = 20_000
FILES_A_MONTH = 4
BYTES_A_ROW = 66.5
"""Measured; the columns are random and not compressed."""
LABELS = 2_000_000
WINDOW_DAYS = 7
YEAR = 2024
_DAILY = """
SELECT user_id, date_trunc('day', event_time) + INTERVAL 1 DAY AS event_time, count(*) AS events,
       sum(amount) AS spent, max(amount) AS most, avg(latitude) AS latitude, avg(longitude) AS longitude
FROM events GROUP BY ALL
"""
_TRAILING = f"""
SELECT user_id, event_time, events, spent, most, latitude, longitude,
       CAST(sum(events) OVER week AS BIGINT) AS events_week, sum(spent) OVER week AS spent_week,
       max(most) OVER week AS most_week
FROM ({_DAILY})
WINDOW week AS (PARTITION BY user_id ORDER BY event_time
                RANGE BETWEEN INTERVAL {WINDOW_DAYS - 1} DAY PRECEDING AND CURRENT ROW)
"""


def write(folder: Path, size: int) -> None:
    """At least ``size`` bytes of events in ``folder / "events"``, and labels in ``folder / "labels"``."""
    rows = int(size / BYTES_A_ROW / 12 / FILES_A_MONTH) + 1
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("SET enable_progress_bar = false")
        for name in ("events", "labels"):
            (folder / name).mkdir(parents=True)
        for month in range(1, 13):
            start, end = datetime(YEAR, month, 1), datetime(YEAR + month // 12, month % 12 + 1, 1)
            part = (end - start) / FILES_A_MONTH
            for number in range(FILES_A_MONTH):
                path = folder / "events" / f"{YEAR}-{month:02d}-{number}.parquet"
                _copy(connection, _events(rows, start + number * part, part), path, "uncompressed")
            labels = folder / "labels" / f"{YEAR}-{month:02d}.parquet"
            _copy(connection, _labels(LABELS // 12, start, end - start), labels, "zstd")


def plan(folder: Path) -> None:
    """Notes what the workers read: the digests of so many bytes are made once."""
    found = {
        name: planned_input(name, sorted((folder / name).glob("*.parquet")), "event_time")
        for name in ("events", "labels")
    }
    (folder / "inputs.pickle").write_bytes(pickle.dumps(found))


def planned(folder: Path) -> Mapping[str, PlannedInput]:
    found: Mapping[str, PlannedInput] = pickle.loads((folder / "inputs.pickle").read_bytes())
    return found


def feature_set() -> FeatureSet:
    """Each user's days, with the week up to them; a row is known when its day is over."""
    day = 86_400
    return FeatureSet(
        name="spending",
        spine=_view("labelled", "spine", "labels", "SELECT user_id, event_time, label FROM labels", 0),
        on_demand=None,
        views=(_view("days", "feature", "events", _TRAILING, WINDOW_DAYS * day),),
        label="label",
        request=(),
        event_times={"events": "event_time", "labels": "event_time"},
    )


def _view(name: str, kind: str, dataset: str, sql: str, latest: int) -> FeatureView:
    return FeatureView.from_document(
        {
            "name": name,
            "kind": kind,
            "inputs": [dataset],
            "entity": ["user_id"],
            "event_time": "event_time",
            "sql": sql,
            "windows": [{"input": dataset, "earliest": 0, "latest": latest}],
            "build": "incremental",
        }
    )


def _events(rows: int, start: datetime, length: timedelta) -> str:
    moment = (
        f"TIMESTAMP '{start}' + to_microseconds((random() * {length // timedelta(microseconds=1)})::BIGINT)"
    )
    return f"""
    SELECT uuid() AS event_id, (random() * {USERS - 1})::INTEGER AS user_id, {moment} AS event_time,
           random() * 100 AS amount, random() * 180 - 90 AS latitude, random() * 360 - 180 AS longitude,
           random() AS score, hash(i) AS session
    FROM range({rows}) t(i)"""


def _labels(rows: int, start: datetime, length: timedelta) -> str:
    """Each user's labels are a fixed time apart: no two are of one instant."""
    step = length // (rows // USERS + 1) // timedelta(microseconds=1)
    moment = f"TIMESTAMP '{start}' + to_microseconds((i // {USERS}) * {step} + (hash(i) % {step})::BIGINT)"
    return f"""
    SELECT (i % {USERS})::INTEGER AS user_id, {moment} AS event_time, (hash(i) % 2)::INTEGER AS label
    FROM range({rows}) t(i)"""


def _copy(connection: duckdb.DuckDBPyConnection, query: str, path: Path, compression: str) -> None:
    connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION {compression})")
