"""Ways out of a product's SQL, each tried against the real engine: the guard refuses the text, and behind it
the locked connection gives nothing away.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
from headgate.adapters.engines.duckdb_session import Limits, open_session
from headgate.adapters.engines.sql_guard import require_select
from headgate.domain.errors import InvalidRequest

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# {f} is a file outside, {p} a Parquet file outside, {d} their folder. What they hold reads "hidden".
FILES = (
    "SELECT * FROM '{f}'",
    "FROM '{f}'",
    'SELECT * FROM "{f}"',
    "SELECT * FROM '{d}/*.csv'",
    "SELECT * FROM 'file://{f}'",
    "SELECT * FROM '{f}' TABLESAMPLE 1 ROWS",
    "SELECT * FROM '{p}'",
    "SELECT * FROM read_csv('{f}')",
    "SELECT * FROM read_csv_auto('{f}')",
    "SELECT * FROM read_text('{f}')",
    "SELECT * FROM read_text('{d}/in/../secret.csv')",
    "SELECT * FROM main.read_text('{f}')",
    "SELECT * FROM ReAd_TeXt('{f}')",
    "SELECT * FROM /**/ read_text /* */ ('{f}')",
    "SELECT * FROM read_blob('{f}')",
    "SELECT * FROM read_blob('/proc/self/environ')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_json('{f}')",
    "SELECT * FROM read_json_objects('{f}')",
    "SELECT * FROM read_ndjson('{f}')",
    "SELECT * FROM read_parquet('{p}')",
    "SELECT * FROM parquet_scan('{p}')",
    "SELECT * FROM parquet_metadata('{p}')",
    "SELECT * FROM parquet_schema('{p}')",
    "SELECT * FROM parquet_kv_metadata('{p}')",
    "SELECT * FROM sniff_csv('{f}')",
    "SELECT * FROM glob('{d}/*')",
    "SELECT * FROM query('SELECT * FROM read_text(''{f}'')')",
    "SELECT * FROM query_table('{f}')",
    "TABLE '{f}'",
    "FROM ('{f}')",
    "SELECT * FROM E'{f}'",
    "SELECT * FROM $${f}$$",
    'SELECT * FROM U&"{f}"',
    "SELECT * FROM read_csv_auto(['{f}'])",
    "SELECT * FROM read_json_auto('{f}')",
    "SELECT * FROM read_json_objects_auto('{f}')",
    "SELECT * FROM read_ndjson_auto('{f}')",
    "SELECT * FROM read_ndjson_objects('{f}')",
    "SELECT * FROM read_duckdb('{f}')",
    "SELECT * FROM parquet_file_metadata('{p}')",
    "SELECT * FROM parquet_full_metadata('{p}')",
    "SELECT * FROM parquet_bloom_probe('{p}', 'v', 'hidden')",
    'SELECT * FROM "main"."read_text"(\'{f}\')',
    "SELECT * FROM system.main.read_text('{f}')",
    "SELECT * FROM (VALUES ('{f}')) v(f), LATERAL read_text(v.f)",
)
HIDDEN_IN_A_SELECT = (
    "WITH a AS (SELECT * FROM read_text('{f}')) SELECT * FROM a",
    "WITH RECURSIVE a AS (SELECT content FROM read_text('{f}') UNION ALL SELECT * FROM a WHERE false) FROM a",
    "SELECT (SELECT content FROM read_text('{f}'))",
    "SELECT 1 WHERE EXISTS (SELECT * FROM read_text('{f}'))",
    "SELECT * FROM t JOIN read_text('{f}') ON true",
    "SELECT * FROM t, LATERAL (SELECT * FROM read_text('{f}'))",
    "SELECT x::VARCHAR FROM t UNION ALL SELECT content FROM read_text('{f}')",
    "SELECT * FROM (VALUES ((SELECT content FROM read_text('{f}'))))",
    "SELECT x FROM t ORDER BY (SELECT content FROM read_text('{f}'))",
    "SELECT x FROM t LIMIT (SELECT count(*) FROM read_text('{f}'))",
    "PIVOT (FROM read_text('{f}')) ON filename USING count(*)",
    "UNPIVOT (FROM read_text('{f}')) ON content INTO NAME n VALUE v",
    "SELECT * FROM t SEMI JOIN '{f}' ON true",
    "SELECT * FROM t POSITIONAL JOIN '{f}'",
    "SELECT * FROM t WHERE x IN (SELECT 1 FROM '{f}')",
    "SELECT ARRAY(FROM '{f}')",
    "SELECT * RENAME (v AS w) FROM '{f}'",
    "FROM t UNION BY NAME FROM '{f}'",
    "SELECT list_transform([1], lambda q: (SELECT content FROM read_text('{f}')))",
    "SELECT x FROM t OFFSET (SELECT count(*) FROM read_text('{f}'))",
    "SELECT sum(x) OVER (ROWS BETWEEN (SELECT count(*) FROM '{f}') PRECEDING AND CURRENT ROW) FROM t",
    "WITH a AS NOT MATERIALIZED (FROM '{f}') FROM a",
    "SELECT * FROM generate_series(1, (SELECT count(*) FROM '{f}'))",
    "PIVOT t ON x IN (FROM '{f}') USING count(*)",
)
NETWORK = (
    "SELECT * FROM read_csv('https://example.com/x.csv')",
    "SELECT * FROM 'http://127.0.0.1:1/x.parquet'",
    "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
)
INSIDE = (
    "SELECT getenv('HOME')",
    "SELECT getvariable('x')",
    "SELECT current_setting('secret_directory')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM which_secret('s3://b/x', 's3')",
    "SELECT * FROM duckdb_tables()",
    "SELECT * FROM duckdb_databases()",
    "SELECT * FROM duckdb_extensions()",
    "SELECT * FROM duckdb_functions()",
    "SELECT * FROM duckdb_temporary_files()",
    "SELECT * FROM pragma_database_list()",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pg_catalog.pg_tables",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "SELECT * FROM (DESCRIBE t)",
    "SELECT * FROM (SUMMARIZE t)",
    "SHOW TABLES",
    "SELECT 'temp_directory'.current_setting()",
    "SELECT main.current_setting('allowed_paths')",
    "SELECT sql FROM duckdb_views()",
    "SELECT * FROM duckdb_views",
    "SELECT * FROM duckdb_variables()",
    "SELECT * FROM duckdb_memory()",
    "SELECT * FROM duckdb_logs()",
    "SELECT * FROM duckdb_logs_parsed('HTTP')",
    "SELECT * FROM duckdb_external_file_cache()",
    "SELECT * FROM duckdb_prepared_statements()",
    "SELECT * FROM pg_class",
    "SELECT * FROM sqlite_temp_master",
    "SELECT * FROM temp.information_schema.tables",
    "SELECT * FROM memory.main.t",
    "SELECT * FROM seq_scan('t')",
    "SELECT * FROM pandas_scan(0)",
    "SELECT * FROM arrow_scan(0, 0, 0)",
    "SELECT * FROM python_map_function(0)",
    "SELECT * FROM enable_logging('QueryLog', storage = 'file', storage_path = '{d}/log')",
    "SELECT * FROM enable_profiling()",
    "SELECT * FROM truncate_duckdb_logs()",
    "SELECT * FROM checkpoint()",
    "SELECT * FROM pg_timezone_names()",
    "SELECT * FROM histogram_values('t', 'x')",
    "SELECT * FROM $1",
    "SELECT pg_sleep(0.001)",
    "SELECT sleep_ms(1)",
    "SELECT write_log('hidden')",
    "SELECT setseed(0.5)",
    "SELECT nextval('s')",
    "SELECT json_serialize_plan('SELECT 1')",
    "SHOW ALL TABLES",
    "FROM (SHOW DATABASES)",
)
# A value of the environment in every place that an expression has.
PLACES = (
    "SELECT 'HIDDEN_HERE'.getenv()",
    "SELECT \"GetEnv\"('HIDDEN_HERE')",
    "SELECT system.main.getenv('HIDDEN_HERE')",
    "SELECT COLUMNS(lambda c: c <> getenv('HIDDEN_HERE')) FROM t",
    "SELECT * REPLACE (getenv('HIDDEN_HERE') AS x) FROM t",
    "SELECT sum(x) FILTER (getenv('HIDDEN_HERE') = '') FROM t",
    "SELECT string_agg(x, getenv('HIDDEN_HERE')) FROM t",
    "SELECT list(x ORDER BY getenv('HIDDEN_HERE')) FROM t",
    "SELECT sum(x) OVER (PARTITION BY getenv('HIDDEN_HERE')) FROM t",
    "SELECT lag(x::VARCHAR, 1, getenv('HIDDEN_HERE')) OVER (ORDER BY x) FROM t",
    "SELECT sum(x) OVER w FROM t WINDOW w AS (ORDER BY getenv('HIDDEN_HERE'))",
    "SELECT x FROM t GROUP BY GROUPING SETS ((x), (getenv('HIDDEN_HERE')))",
    "SELECT DISTINCT ON (getenv('HIDDEN_HERE')) x FROM t",
    "SELECT x FROM t QUALIFY getenv('HIDDEN_HERE') = '' OR row_number() OVER () = 1",
    "SELECT count(*) FROM t HAVING getenv('HIDDEN_HERE') = ''",
    "SELECT x FROM t LIMIT length(getenv('HIDDEN_HERE'))",
    "SELECT x FROM t JOIN t u ON getenv('HIDDEN_HERE') = ''",
    "SELECT CASE getenv('HIDDEN_HERE') WHEN '' THEN 1 END",
    "SELECT MAP {'a': getenv('HIDDEN_HERE')}, {'a': getenv('HIDDEN_HERE')}, [getenv('HIDDEN_HERE')]",
    "SELECT ([1, 2])[length(getenv('HIDDEN_HERE')):]",
    "SELECT INTERVAL (length(getenv('HIDDEN_HERE'))) DAY",
    "SELECT TRY(getenv('HIDDEN_HERE')) COLLATE NOCASE",
    "SELECT list_filter([1], lambda q: getenv('HIDDEN_HERE') = '')",
    "SELECT [q FOR q IN [1] IF getenv('HIDDEN_HERE') = '']",
    "SELECT * FROM range(length(getenv('HIDDEN_HERE')))",
    "SELECT * FROM unnest([getenv('HIDDEN_HERE')])",
    "SELECT * FROM repeat_row(getenv('HIDDEN_HERE'), num_rows = 2)",
    "SELECT * FROM (VALUES (getenv('HIDDEN_HERE')))",
    "PIVOT t ON x IN (1) USING max(getenv('HIDDEN_HERE'))",
    "WITH RECURSIVE a(n) USING KEY (n) AS (SELECT getenv('HIDDEN_HERE') UNION SELECT n FROM a) FROM a",
    "SELECT * FROM t AT (VERSION => length(getenv('HIDDEN_HERE')))",
    "SELECT apply(['HIDDEN_HERE'], lambda q: getenv(q))",
)
# What ends the process: one value of 600 kB is enough, of the last the plan. Tried in processes of their own.
ENDING = (
    "SELECT json_contains(s, '1') FROM t",
    "SELECT json_structure(s) FROM t",
    "SELECT json_group_structure(s) FROM t",
    "SELECT json_merge_patch(s, s) FROM t",
    "SELECT json_transform('1', s) FROM t",
    "SELECT from_json('1', repeat('[', 300000) || repeat(']', 300000))",
    "SELECT s::JSON::VARIANT FROM t",
    "SELECT TRY_CAST(s AS STRUCT(a VARIANT[])) FROM t",
    "WITH a AS (SELECT 1 AS x), b AS NOT MATERIALIZED (FROM a UNION ALL FROM a) FROM b UNION ALL FROM b",
)
STATEMENTS = (
    "COPY (SELECT 1) TO '{d}/out.csv'",
    "COPY t FROM '{f}'",
    "EXPORT DATABASE '{d}/x'",
    "IMPORT DATABASE '{d}/x'",
    "ATTACH '{d}/x.db' AS x",
    "DETACH memory",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{d}/x.duckdb_extension'",
    "CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "SET memory_limit = '100GB'",
    "SET enable_external_access = true",
    "SET VARIABLE a = 1",
    "RESET memory_limit",
    "PRAGMA database_list",
    "CALL pragma_version()",
    "CREATE TABLE x AS SELECT 1",
    "DROP VIEW t",
    "INSERT INTO t VALUES (1)",
    "CHECKPOINT",
    "USE memory",
    "PREPARE p AS SELECT 1",
    "EXPLAIN SELECT 1",
    "SELECT 1; COPY (SELECT 1) TO '{d}/out.csv'",
    "UPDATE t SET x = 2",
    "DELETE FROM t",
    "TRUNCATE t",
    "MERGE INTO t USING t u ON t.x = u.x WHEN MATCHED THEN DELETE",
    "ALTER VIEW t RENAME TO u",
    "COMMENT ON VIEW t IS 'x'",
    "CREATE OR REPLACE TEMP VIEW t AS SELECT 2 AS x",
    "CREATE MACRO m() AS 1",
    "CREATE SEQUENCE s",
    "CREATE TYPE e AS ENUM ('a')",
    "CREATE PERSISTENT SECRET s (TYPE s3)",
    "DROP SECRET headgate_s3",
    "COPY FROM DATABASE memory TO other",
    "FORCE INSTALL httpfs",
    "UPDATE EXTENSIONS",
    "ATTACH ':memory:' AS y",
    "VACUUM",
    "BEGIN",
    "EXECUTE p",
    "DEALLOCATE p",
    "EXPLAIN ANALYZE SELECT 1",
    "CALL enable_logging()",
    "WITH a AS (INSERT INTO t VALUES (1) RETURNING x) FROM a",
    "SELECT 1 /* ; */; DROP VIEW t",
)
ESCAPES = (*FILES, *HIDDEN_IN_A_SELECT, *NETWORK, *INSIDE, *PLACES, *STATEMENTS)


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outside")
    (folder / "in").mkdir()
    (folder / "secret.csv").write_text("v\nhidden\n", encoding="utf-8")
    duckdb.sql("SELECT 'hidden' AS v").write_parquet(str(folder / "secret.parquet"))
    duckdb.sql("SELECT 1 AS x").write_parquet(str(folder / "in/t.parquet"))
    return folder


@pytest.fixture
def locked(outside: Path) -> Iterator[DuckDBPyConnection]:
    """A connection as engines open it: one declared input, the view t."""
    given = str(outside / "in/t.parquet")

    def prepare(connection: DuckDBPyConnection) -> None:
        connection.execute(f"CREATE VIEW t AS SELECT * FROM '{given}'")

    limits = Limits(100 * 1024**2, 1)
    with open_session(limits, outside / "in", readable=[given], prepare=prepare) as connection:
        yield connection


def filled(sql: str, outside: Path) -> str:
    places = {"{f}": "secret.csv", "{p}": "secret.parquet"}
    for place, name in places.items():
        sql = sql.replace(place, str(outside / name))
    return sql.replace("{d}", str(outside))


def test_the_declared_input_can_be_read(locked: DuckDBPyConnection) -> None:
    require_select("SELECT x FROM t", "view v")

    assert locked.execute("SELECT x FROM t").fetchall() == [(1,)]


@pytest.mark.parametrize("sql", [*ESCAPES, *ENDING])
def test_the_guard_refuses_the_text(sql: str, outside: Path) -> None:
    with pytest.raises(InvalidRequest, match="view v: "):
        require_select(filled(sql, outside), "view v")


@pytest.mark.parametrize("sql", ESCAPES)
def test_the_connection_behind_it_gives_nothing_away(
    sql: str, outside: Path, locked: DuckDBPyConnection
) -> None:
    before = sorted(p.name for p in outside.iterdir())
    try:
        found = str(locked.execute(filled(sql, outside)).fetchall())
    except duckdb.Error as refused:
        found = str(refused)

    assert "hidden" not in found
    assert "root:" not in found
    assert sorted(p.name for p in outside.iterdir()) == before


@pytest.mark.parametrize("sql", [*FILES, *HIDDEN_IN_A_SELECT, *NETWORK])
def test_files_and_network_are_shut_by_the_connection_alone(
    sql: str, outside: Path, locked: DuckDBPyConnection
) -> None:
    with pytest.raises(duckdb.Error):
        locked.execute(filled(sql, outside)).fetchall()


def test_a_frame_of_the_process_is_no_table(locked: DuckDBPyConnection) -> None:
    frame_of_python = duckdb.sql("SELECT 'hidden' AS v").arrow()
    assert frame_of_python is not None

    with pytest.raises(duckdb.CatalogException):
        locked.execute("SELECT * FROM frame_of_python").fetchall()
