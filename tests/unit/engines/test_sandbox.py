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
)
ESCAPES = (*FILES, *HIDDEN_IN_A_SELECT, *NETWORK, *INSIDE, *STATEMENTS)


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


@pytest.mark.parametrize("sql", ESCAPES)
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
