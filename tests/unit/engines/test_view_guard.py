"""What a bundle brings as SQL without the compiler's word for it: the engine refuses it before it runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from headgate.adapters.engines.duckdb_features import DuckDbFeatureEngine
from headgate.adapters.engines.duckdb_session import Limits
from headgate.adapters.engines.sql_text import tables_read, without_end
from headgate.domain.errors import InvalidRequest
from headgate.domain.feature_set import FeatureSet

from tests.unit.engines.test_feature_engine import SENSOR, VISITS, feature_set, write
from tests.unit.engines.test_views_in_time import built, changed

OVERWRITE = "COPY (SELECT 1 AS x) TO '{input}' (FORMAT parquet, USE_TMP_FILE false)"
TESTS = {
    "another statement": f"true)) FROM __chunk; {OVERWRITE}; SELECT count(*) FILTER (NOT (true",
    "a setting": "current_setting('allowed_paths') IS NULL",
    "a setting in an error": "error(current_setting('temp_directory')) IS NULL",
    "the environment": "getenv('HOME') = ''",
    "a file": "(SELECT content FROM read_text('{input}')) IS NULL",
    "the settings": "(SELECT count(*) FROM duckdb_settings()) > 0",
    "another row": "(SELECT count(*) FROM __chunk) > 0",
    "other rows": "sum(warmth) OVER () > 0",
    "the end of the query": "true) FROM __chunk --",
    "the clock": "known_at < now()",
    "chance": "random() < 2",
    "a drawn quantile": "list_aggregate([warmth], 'reservoir_quantile', 0.5) > 0",
}


def refused(tmp_path: Path, wanted: FeatureSet, **fields: Any) -> str:
    """Why; the input is as it was."""
    sensor = write(tmp_path / "sensor.parquet", SENSOR, "known_at")
    before = sensor.read_bytes()
    with pytest.raises(InvalidRequest) as found:
        built(tmp_path, SENSOR, wanted, **fields)
    assert sensor.read_bytes() == before
    return str(found.value)


@pytest.mark.parametrize("test", TESTS.values(), ids=TESTS)
def test_a_test_is_one_condition_of_one_row(tmp_path: Path, test: str) -> None:
    filled = test.replace("{input}", str(tmp_path / "sensor.parquet"))

    assert refused(tmp_path, changed(tests=(filled,))).startswith("view sensor_now, test ")


@pytest.mark.parametrize(
    "expression",
    [
        "error(current_setting('temp_directory'))::TIMESTAMP",
        "(SELECT max(known_at) FROM __given_0)",
        "now()",
        "known_at) AS TIMESTAMP), NULL) > now() THEN 1 END) FROM (SELECT 1); " + OVERWRITE + "; SELECT ((1",
    ],
)
def test_what_says_when_a_value_is_known_is_one_expression_of_one_row(
    tmp_path: Path, expression: str
) -> None:
    filled = expression.replace("{input}", str(tmp_path / "sensor.parquet"))

    said = refused(tmp_path, changed(), known_at={"warmth": filled}, tests=True)

    assert said.startswith("view sensor_now, input sensor, when warmth is known: ")


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (
            "SELECT shop, visited_at AS known_at, 1.0 AS warmth FROM visits",
            "reads visits, which is not among",
        ),
        ("SELECT shop, known_at, 1.0 AS warmth FROM __chunk", "reads __chunk, which is not among its inputs"),
        ("SELECT * FROM sensor WHERE shop IN (WITH a AS (FROM visit) SELECT shop FROM a)", "reads visit, "),
        ("SELECT shop, known_at, random() AS warmth FROM sensor", r"random\(\) is another value in each run"),
        ("SELECT shop, known_at, warmth FROM sensor USING SAMPLE 5", "a sample of rows"),
        ("SELECT shop, known_at, warmth FROM sensor;", "it ends with a semicolon"),
    ],
)
def test_a_view_reads_its_inputs_and_is_the_same_each_time(tmp_path: Path, sql: str, said: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^view sensor_now: {said}"):
        built(tmp_path, SENSOR, changed(sql=sql))


def test_sql_may_end_in_a_comment_and_name_its_inputs_in_any_case(tmp_path: Path) -> None:
    wanted = changed(sql="SELECT shop, known_at, warmth FROM Sensor -- all of it", tests=("warmth > 0 -- C",))
    spine, on_demand = wanted.spine, wanted.on_demand
    assert on_demand is not None
    commented = replace(
        wanted,
        spine=replace(spine, sql=f"{spine.sql.rstrip()} -- every visit"),
        on_demand=replace(on_demand, sql=f"{on_demand.sql} -- of one call"),
    )

    assert built(tmp_path, SENSOR, commented, tests=True).rows == built(tmp_path, SENSOR, wanted).rows


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT shop, known_at, warmth AS __time FROM sensor", "__time: only the platform's names begin"),
        (
            "SELECT shop, TIMESTAMP '290000-03-15' AS known_at, warmth FROM sensor",
            "outside of the years 1 to 9999",
        ),
        (
            "SELECT shop, TIMESTAMP 'infinity' AS known_at, warmth FROM sensor",
            "outside of the years 1 to 9999",
        ),
    ],
)
def test_what_the_platform_could_not_tell_apart_is_refused(tmp_path: Path, sql: str, said: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^view sensor_now.*{said}"):
        built(tmp_path, SENSOR, changed(sql=sql))


def test_the_view_of_a_request_reads_the_request_alone(tmp_path: Path) -> None:
    wanted = feature_set(asked={"sql": "SELECT visit_id, __row AS n FROM __rows"})
    assert wanted.on_demand is not None
    request = [{"visit_id": "x", "visited_at": "2024-05-01T09:00:00.000Z", "shop": "north", "size": 7}]
    types = {c.name: c.type for c in wanted.request}

    with pytest.raises(InvalidRequest, match="view asked: reads __rows, which is not among its inputs"):
        DuckDbFeatureEngine(Limits(100 * 1024**2, 1), tmp_path).on_demand(wanted.on_demand, request, types)


LOOKING = [
    ("SELECT visit_id, count(*) OVER (PARTITION BY shop) AS n FROM request", "a window"),
    ("SELECT visit_id, lead(size) OVER (ORDER BY visited_at) AS n FROM request", "a window"),
    ("SELECT visit_id, max(size) AS n FROM request GROUP BY visit_id", r"GROUP BY"),
    ("SELECT max(visit_id) AS visit_id, geomean(size) AS n FROM request", r"(geomean|max)\(\)"),
    ("SELECT visit_id, (SELECT count(*) FROM request) AS n FROM request", "a subquery"),
    ("SELECT a.visit_id, b.size AS n FROM request a JOIN request b USING (shop)", "a join"),
    ("SELECT DISTINCT visit_id, size AS n FROM request", "DISTINCT"),
    ("SELECT visit_id, size AS n FROM request LIMIT 1", "LIMIT"),
    ("SELECT visit_id, 1 AS n FROM request UNION ALL SELECT 'x', 2", "a union"),
    ("SELECT visit_id, unnest([1]) AS n FROM request", r"unnest\(\)"),
    ("SELECT 'x' AS visit_id, range AS n FROM range(1)", "a table function"),
]


@pytest.mark.parametrize(("sql", "what"), LOOKING)
def test_an_on_demand_view_looks_at_no_other_row(tmp_path: Path, sql: str, what: str) -> None:
    wanted = feature_set(asked={"sql": sql})

    with pytest.raises(InvalidRequest, match=f"^view asked: {what} looks at more than one row"):
        built(tmp_path, SENSOR, wanted)


def test_an_on_demand_view_may_compute_as_it_likes_of_its_row(tmp_path: Path) -> None:
    sql = (
        "WITH a AS (SELECT *, [size, 2 * size] AS sizes FROM request WHERE true) "
        "SELECT visit_id, list_sum(list_transform(sizes, lambda s: s + 1)) AS n FROM a ORDER BY n"
    )

    assert {r["visit_id"]: r["n"] for r in built(tmp_path, SENSOR, feature_set(asked={"sql": sql})).rows} == {
        v["visit_id"]: None if v["size"] is None else 3 * v["size"] + 2 for v in VISITS
    }


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM a, b, (WITH c AS (SELECT 1) FROM c), c",
        "WITH orders AS (SELECT * FROM Orders) FROM orders",
        "WITH a AS (FROM b), b AS (FROM a) FROM a, b",
        "SELECT (WITH q AS (FROM t) SELECT max(x) FROM q) FROM q",
        "WITH A AS (SELECT 1) SELECT * FROM a UNION ALL FROM d",
        "(WITH a AS (FROM t) FROM a) UNION ALL FROM a",
        "WITH RECURSIVE r AS (SELECT 1 FROM r UNION ALL SELECT 2 FROM r JOIN s ON true) FROM r",
        "WITH RECURSIVE r(n) USING KEY (n) AS (SELECT 1 FROM z UNION SELECT 2 FROM r JOIN y ON true) FROM r",
        "SELECT * FROM t WHERE x IN (FROM u) AND EXISTS (SELECT 1 FROM (VALUES (1)) v)",
        "PIVOT t ON x IN (1) USING sum(y)",
    ],
)
def test_the_tables_that_a_text_reads_are_those_that_the_engine_finds(sql: str) -> None:
    with duckdb.connect() as connection:
        assert {name for _, name in tables_read(sql)} == connection.get_table_names(sql)


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT 1", "SELECT 1"),
        ("SELECT ';' ; ;\n-- é; done", "SELECT ';'    \n-- é; done"),
        ("SELECT $$;$$;", "SELECT $$;$$"),
        ("SELECT 1 /* ; */;\n", "SELECT 1 /* ; */"),
    ],
)
def test_a_semicolon_is_taken_from_the_end_alone(sql: str, text: str) -> None:
    assert without_end(sql) == text
