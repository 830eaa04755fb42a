"""SQL that would be another answer in another run, each text tried against the engine that knows."""

import duckdb
import pytest
from headgate.adapters.engines.sql_repeatable import KEYWORDS, changing_functions, require_repeatable
from headgate.domain.errors import InvalidRequest

CHANGING = [
    *("random()", "uuid()", "gen_random_uuid()", "uuidv4()", "uuidv7()", "nextval('s')", "currval('s')"),
    *("now()", "today()", "get_current_timestamp()", "get_current_time()", "transaction_timestamp()"),
    *("current_localtime()", "current_localtimestamp()", "txid_current()", "setseed(0.5)"),
    *("age(TIMESTAMP '2013-01-01')", "ago(INTERVAL 1 DAY)", "NoW()", '"random"()', "main.random()"),
    *(
        "current_query()",
        "current_database()",
        "abs(random())",
        "list_transform([1], lambda x: x + random())",
    ),
    *KEYWORDS,
    *(word.upper() for word in KEYWORDS),
]


@pytest.fixture(scope="module")
def engine() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("CREATE SEQUENCE s; CREATE TABLE t (x INTEGER); SELECT nextval('s')")
    return connection


@pytest.mark.parametrize("expression", CHANGING)
def test_what_changes_between_runs_is_refused(engine: duckdb.DuckDBPyConnection, expression: str) -> None:
    sql = f"SELECT x, {expression} AS y FROM t"
    engine.execute(f"DESCRIBE {sql}")

    with pytest.raises(InvalidRequest, match=r"view v: .* in each run; .* seed\(\) with hash\(\)"):
        require_repeatable(sql, "view v")


@pytest.mark.parametrize(
    "sql",
    [
        "WITH a AS (SELECT 1 FROM t WHERE random() < 0.5) SELECT * FROM a",
        "SELECT * FROM t ORDER BY random()",
        "SELECT * FROM (SELECT * FROM t QUALIFY row_number() OVER (ORDER BY uuid()) = 1)",
        "SELECT * FROM t TABLESAMPLE 10%",
        "SELECT * FROM t USING SAMPLE reservoir(5 ROWS) REPEATABLE (1)",
        "SELECT * FROM range(CAST(random() * 9 AS BIGINT))",
        "SELECT count(*) FILTER (x < random()) FROM t",
    ],
)
def test_no_place_hides_chance(engine: duckdb.DuckDBPyConnection, sql: str) -> None:
    engine.execute(f"DESCRIBE {sql}")

    with pytest.raises(InvalidRequest):
        require_repeatable(sql, "view v")


@pytest.mark.parametrize(
    "expression",
    [
        "hash(x)",
        "age(TIMESTAMP '2013-01-01', TIMESTAMP '2012-01-01')",
        "'now()'",
        "t.x AS now",
        "CASE WHEN x < 0 THEN error('x is below zero') END",
        "list_histogram([x])",
        "(SELECT c.user FROM (SELECT 1 AS user) c)",
    ],
)
def test_what_stays_is_allowed(engine: duckdb.DuckDBPyConnection, expression: str) -> None:
    sql = f"SELECT {expression} FROM t -- random()"
    engine.execute(f"DESCRIBE {sql}")

    require_repeatable(sql, "view v")


def test_all_that_the_engine_lists_is_refused(engine: duckdb.DuckDBPyConnection) -> None:
    listed = engine.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT'"
    ).fetchall()

    assert len(listed) > 20
    assert {name for (name,) in listed} - changing_functions() == {"error"}
