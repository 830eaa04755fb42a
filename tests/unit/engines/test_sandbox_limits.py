"""SQL that would never end, or would take all there is, tried against the real engine: time, memory or the
spill limit stops it, and what comes after it is not harmed.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import duckdb
import pytest
from headgate.adapters.engines.duckdb_features import DuckDbFeatureEngine
from headgate.adapters.engines.duckdb_import import DuckDbImportEngine
from headgate.adapters.engines.duckdb_ingest import DuckDbIngestEngine
from headgate.adapters.engines.duckdb_session import Limits, open_session
from headgate.adapters.engines.sql_guard import require_select
from headgate.adapters.engines.time_limit import THREAD, within
from headgate.domain.contract import Contract
from headgate.domain.errors import DropRefused, InvalidRequest, OutOfTime, TooLargeHere

from tests.unit.engines.test_feature_engine import feature_set

ENDLESS = {
    "cross join": "SELECT count(*) FROM range(99999) a, range(99999) b, range(99999) c "
    "WHERE hash(a, b, c) = 7",
    "recursion": "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT 1 FROM t) SELECT max(n) FROM t",
    "counting": "WITH RECURSIVE t(n) AS (SELECT 1 "
    "UNION ALL SELECT (n + 1) % 9 FROM t) SELECT count(*) FROM t",
    "unnest": "SELECT count(*) FROM (SELECT unnest(range(1000000)) AS a) x, range(1000000) y "
    "WHERE hash(a, y.range) = 7",
    "regex": "SELECT count(*) FROM range(1000000000) "
    "WHERE regexp_matches(repeat('a', 2000) || range, '(a|aa)*b$')",
    "long strings": "SELECT sum(length(md5(repeat('x', 100000) || range))) FROM range(1000000000)",
    "lists": "SELECT sum(list_sum(list_transform(range(100), x -> x + i))) FROM range(1000000000) t(i)",
    "sort": "SELECT hash(a.range, b.range) AS h FROM range(100000) a, range(100000) b ORDER BY h LIMIT 9",
    "distinct": "SELECT count(DISTINCT a.range % 9 + b.range % 9) FROM range(1000000) a, range(1000000) b",
    "window": "SELECT max(m) FROM (SELECT mode(range % 1000) OVER (ORDER BY range "
    "ROWS BETWEEN 500000 PRECEDING AND CURRENT ROW) AS m FROM range(1000000))",
    "instants without end": "SELECT count(*) FROM generate_series(TIMESTAMP '2000-01-01', "
    "TIMESTAMP '9000-01-01', INTERVAL 1 MICROSECOND) g(t) WHERE hash(t) = 7",
    "repeated rows": "SELECT count(*) FROM repeat_row('x', num_rows = 99999999999) r(x) WHERE hash(x) = 7",
    "ever new values": "WITH RECURSIVE t(n) AS (SELECT 1 UNION SELECT n + 1 FROM t) SELECT max(n) FROM t",
    "one key for ever": "WITH RECURSIVE t(k, n) USING KEY (k) AS (SELECT 1, 1 UNION SELECT k, n + 1 FROM t) "
    "SELECT max(n) FROM t",
    "subquery for every row": "SELECT (SELECT count(*) FROM range(1000000) b "
    "WHERE b.range % 7 <> a.range % 5) FROM range(100000) a",
}
GREEDY = {
    "a list of every row": "SELECT len(list(range)) FROM range(1000000000)",
    "cross join": "SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE a.range + b.range = 7",
    "one long string": "SELECT length(string_agg(repeat('x', 100000), '')) FROM range(100000)",
    "a hash of every row": "SELECT count(*) "
    "FROM (SELECT DISTINCT repeat(range::VARCHAR, 50) FROM range(9000000))",
    "a running list": "SELECT list_sum(list(len(l))) FROM (SELECT list(range) OVER (ORDER BY range) AS l "
    "FROM range(100000))",
    "a running text": "SELECT max(len(l)) FROM (SELECT string_agg(range) OVER (ORDER BY range) AS l "
    "FROM range(100000))",
    "a text that doubles": "WITH RECURSIVE t(s) AS (SELECT 'a' UNION ALL SELECT s || s FROM t) "
    "SELECT max(length(s)) FROM t",
    "many groupings": "SELECT count(*) FROM range(100000) GROUP BY CUBE("
    + ", ".join(f"range % {n}" for n in range(2, 14))
    + ")",
    "a wide pivot": "SELECT * FROM (FROM range(100000)) PIVOT (count(*) FOR range IN ("
    + ",".join(map(str, range(20_000)))
    + "))",
    "a sort of every row": "SELECT max(r) FROM (SELECT repeat(range::VARCHAR, 50) AS r, "
    "row_number() OVER (ORDER BY hash(range)) FROM range(9000000))",
    "join": "SELECT count(*) FROM (SELECT range % 2 AS k, repeat('x', 99) AS v FROM range(9000000)) a "
    "JOIN (SELECT range % 2 AS k, repeat('y', 99) AS w FROM range(9000000)) b USING (k) WHERE v > w",
}
SHORT = Limits(100 * 1024**2, 1, spill_bytes=16 * 1024**2, seconds=0.3)


def watchers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == THREAD]


@pytest.mark.parametrize("sql", ENDLESS.values(), ids=ENDLESS)
def test_a_query_without_end_is_stopped_by_time(sql: str, tmp_path: Path) -> None:
    require_select(sql, "view v")
    started = time.monotonic()

    with (
        pytest.raises(OutOfTime, match=r"the query ran longer than 0\.3 s and was stopped"),
        open_session(SHORT, tmp_path) as connection,
    ):
        connection.execute(sql).fetchall()

    assert time.monotonic() - started < 3
    assert watchers() == []


@pytest.mark.parametrize("sql", GREEDY.values(), ids=GREEDY)
def test_a_query_that_takes_all_memory_and_disk_is_stopped_by_them(sql: str, tmp_path: Path) -> None:
    limits = Limits(48 * 1024**2, 1, spill_bytes=16 * 1024**2, seconds=10)

    with pytest.raises(duckdb.OutOfMemoryException), open_session(limits, tmp_path) as connection:
        connection.execute(sql).fetchall()

    assert watchers() == []


def test_a_session_after_a_stopped_one_has_its_own_time(tmp_path: Path) -> None:
    with pytest.raises(OutOfTime), open_session(SHORT, tmp_path) as connection:
        connection.execute(ENDLESS["recursion"])

    with open_session(SHORT, tmp_path) as connection:
        assert connection.execute("SELECT 7").fetchall() == [(7,)]
    assert watchers() == []


def test_the_time_counts_for_all_statements_of_a_session(tmp_path: Path) -> None:
    with pytest.raises(OutOfTime), open_session(SHORT, tmp_path) as connection:
        for _ in range(100_000):
            connection.execute("SELECT sum(hash(range)) FROM range(100000)").fetchall()


def test_without_a_limit_nothing_watches(tmp_path: Path) -> None:
    with open_session(Limits(100 * 1024**2, 1), tmp_path):
        assert watchers() == []


def test_an_error_made_of_the_stopped_statement_is_still_told_as_time() -> None:
    with duckdb.connect() as connection, pytest.raises(OutOfTime), within(connection, 0.1):
        try:
            connection.execute(ENDLESS["cross join"])
        except duckdb.Error:
            raise InvalidRequest("view v cannot be answered") from None


def test_another_error_after_the_time_is_told_as_it_is() -> None:
    with duckdb.connect() as connection, pytest.raises(InvalidRequest) as told, within(connection, 0.0):
        time.sleep(0.05)
        raise InvalidRequest("a column is missing")

    assert not isinstance(told.value, OutOfTime)


def test_an_interrupt_from_elsewhere_is_no_limit_of_time() -> None:
    with duckdb.connect() as connection:
        other = threading.Timer(0.1, connection.interrupt)
        other.start()
        with pytest.raises(duckdb.InterruptException), within(connection, 60):
            connection.execute(ENDLESS["cross join"])
        other.join()


def test_the_view_of_one_request_is_stopped(tmp_path: Path) -> None:
    wanted = feature_set(asked={"sql": f"SELECT visit_id, ({ENDLESS['cross join']}) AS n FROM request"})
    assert wanted.on_demand is not None
    request = [{"visit_id": "x", "visited_at": "2024-05-01T09:00:00.000Z", "shop": "north", "size": 7}]
    types = {c.name: c.type for c in wanted.request}

    with pytest.raises(OutOfTime):
        DuckDbFeatureEngine(SHORT, tmp_path).on_demand(wanted.on_demand, request, types)


def contract(source: str) -> Contract:
    rule = {"name": "slow", "sql": ENDLESS["cross join"]}
    columns = [{"name": "a", "type": "INTEGER"}]
    return Contract.from_document(
        {"name": "orders", "version": "1", "format": source, "columns": columns, "rules": [rule]}
    )


def test_a_drop_whose_rule_does_not_end_needs_more_time_than_there_is(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "out.parquet"
    source.write_text("a\n1\n", encoding="utf-8")

    with pytest.raises(TooLargeHere, match=r"drop\.csv takes more time than there is"):
        DuckDbIngestEngine(SHORT).convert(source, "drop.csv", contract("csv"), target)

    assert not target.exists()


def test_an_import_whose_rule_does_not_end_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "object.parquet"
    duckdb.sql("SELECT 1::INTEGER AS a").write_parquet(str(source))

    with pytest.raises(DropRefused, match="object takes too long to check") as refused:
        DuckDbImportEngine(SHORT, tmp_path / "sql").check(str(source), "object", contract("parquet"))

    assert refused.value.rule == "out_of_time"
