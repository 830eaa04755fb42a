"""What SQL a product may bring, however it is written."""

import pytest
from headgate.adapters.engines.sql_guard import require_select
from headgate.domain.errors import InvalidRequest


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM visits",
        "SELECT a, sum(b) FROM visits GROUP BY ALL HAVING sum(b) > 1 ORDER BY a LIMIT 3;",
        "WITH recent AS (SELECT * FROM visits) SELECT * FROM recent JOIN sensor USING (shop)",
        "FROM visits",
        "SELECT * FROM visits ASOF LEFT JOIN sensor ON visits.shop = sensor.shop AND visits.t >= sensor.t",
        "SELECT unnest([1, 2]), x FROM range(3) r(x)",
        "SELECT list_transform([1], lambda x: x + 1) FROM visits QUALIFY row_number() OVER () = 1",
        "SELECT 'duckdb_secrets()' AS harmless -- read_text('x')",
        "SELECT /* getenv('HOME') */ 1",
        'SELECT "read_text" FROM visits',
        "SELECT query FROM visits",
        "SELECT 1 AS materialized, x AS y FROM visits WHERE NOT materialized -- AS NOT MATERIALIZED (",
        "WITH a AS MATERIALIZED (SELECT 'AS NOT MATERIALIZED (') FROM a",
        "VALUES (1), (2)",
    ],
)
def test_a_select_over_declared_inputs_is_let_through(sql: str) -> None:
    require_select(sql, "view v")


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("", "found 0 statement"),
        ("SELECT 1; SELECT 2", "found 2 statement"),
        ("SELEC 1", "Parser Error"),
        ("COPY visits TO 'x.csv'", "exactly one SELECT"),
        ("CREATE TABLE x AS SELECT 1", "exactly one SELECT"),
        ("DROP SECRET headgate_s3", "exactly one SELECT"),
        ("PRAGMA database_list", "only SELECT"),
        ("SET memory_limit = '1GB'", "exactly one SELECT"),
        ("ATTACH 'x.db'", "exactly one SELECT"),
        ("EXPLAIN SELECT 1", "exactly one SELECT"),
        ("INSTALL httpfs", "exactly one SELECT"),
        ("SELECT * FROM duckdb_secrets()", "duckdb_secrets"),
        ('SELECT * FROM "duckdb_secrets"()', "duckdb_secrets"),
        ('SELECT * FROM "DuckDB_Secrets"()', "duckdb_secrets"),
        ("SELECT * FROM duckdb_secrets/**/()", "duckdb_secrets"),
        ("SELECT '--', * FROM duckdb_secrets()", "duckdb_secrets"),
        ("SELECT '/*', * FROM duckdb_secrets() -- */", "duckdb_secrets"),
        ("SELECT $$ -- $$, s.* FROM main.duckdb_secrets() s", "duckdb_secrets"),
        ("SELECT (SELECT count(*) FROM duckdb_settings()) FROM visits", "duckdb_settings"),
        ("WITH s AS (FROM duckdb_settings()) SELECT * FROM s", "duckdb_settings"),
        ("SELECT 1 UNION ALL SELECT 2 FROM pragma_version()", "pragma_version"),
        ("SELECT * FROM read_text('/etc/passwd')", "read_text"),
        ("SELECT * FROM read_csv('/etc/passwd')", "read_csv"),
        ("SELECT * FROM parquet_metadata('x')", "parquet_metadata"),
        ("SELECT * FROM glob('/*')", "glob"),
        ("SELECT * FROM query('SELECT 1')", "query"),
        ("SELECT * FROM query_table('visits')", "query_table"),
        ("SELECT * FROM '/etc/passwd'", "no declared input"),
        ("SELECT * FROM 's3://lake/x.parquet'", "no declared input"),
        ("SELECT * FROM 'x.csv'", "no declared input"),
        ("SELECT * FROM duckdb_columns", "no declared input"),
        ("SELECT * FROM sqlite_master", "no declared input"),
        ("SELECT * FROM information_schema.tables", "named with a schema"),
        ("SELECT * FROM pg_catalog.pg_settings", "named with a schema"),
        ("SELECT * FROM system.information_schema.tables", "named with a schema"),
        ("SELECT current_setting('s3_region')", "current_setting"),
        ("SELECT getvariable('x')", "getvariable"),
        ("SELECT getenv('AWS_SECRET_ACCESS_KEY')", "getenv"),
        ("SELECT shop FROM visits WHERE getenv('X') = 'y'", "getenv"),
        ("SELECT shop FROM visits ORDER BY current_setting('x')", "current_setting"),
        ("DESCRIBE visits", "DESCRIBE, SHOW and SUMMARIZE"),
        ("SELECT * FROM (SHOW ALL TABLES)", "DESCRIBE, SHOW and SUMMARIZE"),
        ("SUMMARIZE visits", "DESCRIBE, SHOW and SUMMARIZE"),
    ],
)
def test_everything_else_is_refused_by_what_it_means(sql: str, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^view v: ") as refused:
        require_select(sql, "view v")
    assert reason.lower() in str(refused.value).lower()


@pytest.mark.parametrize("depth", [10, 400, 20_000])
def test_what_is_nested_without_end_is_an_answer_too(depth: int) -> None:
    sql = "SELECT " + "abs(" * depth + "getenv('X')" + ")" * depth
    with pytest.raises(InvalidRequest):
        require_select(sql, "view v")
