"""Mistakes as people make them in a view's file: each is told at its line, and none is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest
from headgate.cli.compile_product import compile_product

from tests.unit.cli.test_bind_views import folder_with, problems

HEADER = "-- kind: feature\n-- inputs: orders\n-- entity: shop\n-- event_time: at\n"
SQL = "SELECT shop, placed_at AS at, count(*) AS orders FROM orders GROUP BY ALL"
ASKED = "-- kind: on_demand\n-- inputs: request\n-- entity: order_id\n"

HEADERS = {
    "a hyphen": (
        HEADER + "-- max-age: 6h\n",
        ["5: max_age: is no header as it stands; write `-- max_age: 6h`"],
    ),
    "a blank": (
        HEADER + "-- max age: 6h\n",
        ["5: max_age: is no header as it stands; write `-- max_age: 6h`"],
    ),
    "an equals sign": (HEADER + "-- max_age = 6h\n", ["5: max_age: is no header as it stands; write"]),
    "below a comment": (
        HEADER + "-- how a shop runs\n-- test: orders > 0\n",
        ["6: test: is no header as it stands; write `-- test: orders > 0`; it must stand above line 5"],
    ),
    "below a blank line": (
        "-- kind: feature\n\n-- inputs: orders\n-- entity: shop\n-- event_time: at\n",
        [
            "3: inputs: is no header as it stands; write `-- inputs: orders`; it must stand above line 2",
            "4: entity: is no header as it stands",
            "5: event_time: is no header as it stands",
        ],
    ),
    "a list as in YAML": (
        HEADER.replace("orders", "[orders]"),
        ["2: inputs: '[orders]' is no identifier"],
    ),
    "a longest age": (HEADER + "-- max_age: 99999d\n", ["5: max_age: 99999 days are too long; 36525d are"]),
    "a longest delay": (HEADER + "-- available_after: 99999999999999999999d\n", ["5: available_after: 999"]),
    "a longest window": (HEADER + "-- window: orders -40000d..1h\n", ["5: window: 40000 days are too long"]),
    "no unit": (HEADER + "-- max_age: 6\n", ["5: max_age: '6' is no duration; write 90s, 30m, 6h or 2d"]),
    "a comment beside a value": (HEADER + "-- online: true -- yes\n", ["5: online: is 'true -- yes'; known"]),
    "an input that is not read": (
        HEADER.replace("orders", "placed, orders"),
        ["2: inputs: placed is not read by the SQL: its versions would build for nothing"],
    ),
    "another test": (
        HEADER + "-- test: orders > 0\n-- test: ordrs > 0\n",
        ['6: test: Binder Error: Referenced column "ordrs"'],
    ),
}
TEXTS = {
    "the end": (";\nSELECT 2", "5: holds SELECT, SELECT; exactly one SELECT is needed"),
    "nothing": ("", "1: holds no statement; exactly one SELECT is needed"),
    "another statement": ("DELETE FROM orders", "5: holds DELETE; exactly one SELECT is needed"),
    "no SQL": ("\nSELEC shop FROM orders", "6: is not SQL: Parser Error"),
    "a template": ("SELECT shop FROM {{ ref('orders') }}", "5: is not SQL: Parser Error"),
    "a parameter": ("-- of one shop\nSELECT shop FROM orders WHERE shop = ?", "6: Invalid Input Error"),
    "a schema": ("SELECT shop\nFROM public.orders", "6: the table orders is named with a schema"),
    "a file": ("SELECT shop\nFROM 'orders.csv'", "6: the table 'orders.csv' is no declared input"),
    "a reader": ("SELECT *\nFROM read_csv('x.csv')", "6: the table function read_csv reads outside"),
    "the environment": ("SELECT shop,\n getenv('HOME') AS h FROM orders", "6: the function getenv looks"),
    "a description": ("DESCRIBE orders", "5: DESCRIBE, SHOW and SUMMARIZE look at more"),
    "another dataset": ("SELECT shop\nFROM\n placed", "7: reads placed, which is not among its inputs"),
    "a pivot": (
        "FROM (PIVOT orders ON shop USING count(*))",
        "a PIVOT says its values: PIVOT … ON column IN",
    ),
    "a sample": (
        "SELECT shop, placed_at AS at FROM orders\nUSING SAMPLE 5",
        "5: a sample of rows is another",
    ),
    "a drawn quantile": (
        "SELECT shop, placed_at AS at,\n reservoir_quantile(amount, .5) AS q FROM orders GROUP BY ALL",
        "6: reservoir_quantile() is another value",
    ),
    "a column called as a keyword": (
        "SELECT shop, placed_at AS at,\n user FROM (SELECT *, shop AS user FROM orders)",
        "6: user is another value in each run; take times from the data, and chance from seed() with hash(); "
        "a column of this name is named with its table, such as t.user",
    ),
    "two of a name": ("SELECT shop, placed_at AS at, 1 AS n, 2 AS N FROM orders", "5: yields two columns"),
    "a name of the platform": (
        "SELECT shop, placed_at AS at, 1 AS __now FROM orders",
        "5: yields a column __now",
    ),
    "a pattern": (
        "SELECT shop, regexp_matches(shop, '(') AS x FROM orders",
        "5: Invalid Input Error: missing )",
    ),
    "a column left out": (
        "SELECT * EXCLUDE (shopp) FROM orders",
        '5: Binder Error: Column "shopp" in EXCLUDE',
    ),
    "no such month": (
        "SELECT shop, placed_at AS at FROM orders\nWHERE placed_at < TIMESTAMP '2013-13-01'",
        '6: Conversion Error: timestamp field value out of range: "2013-13-01"',
    ),
    "no number": (
        "SELECT shop, placed_at AS at,\n CAST('x' AS INTEGER) AS n FROM orders",
        "6: Conversion Error: Could not convert string 'x' to INT32",
    ),
    "structure of data": (
        "SELECT shop, placed_at AS at,\n json_structure(shop) AS x FROM orders",
        "6: the function json_structure is refused: what is nested deeply would end the process",
    ),
}


@pytest.mark.parametrize(("header", "said"), HEADERS.values(), ids=HEADERS)
def test_a_header_that_is_nearly_right_is_not_passed_over(
    tmp_path: Path, header: str, said: list[str]
) -> None:
    found = problems(folder_with(tmp_path, shop_load=header + SQL))

    assert len(found) == len(said), found
    for problem, beginning in zip(found, said, strict=True):
        assert problem.startswith(f"features/shop_load.sql:{beginning}")


@pytest.mark.parametrize(("sql", "said"), TEXTS.values(), ids=TEXTS)
def test_sql_that_is_wrong_has_a_line(tmp_path: Path, sql: str, said: str) -> None:
    text = HEADER + (SQL + sql if sql.startswith(";") else sql)

    found = problems(folder_with(tmp_path, shop_load=text if sql else ""))

    assert all(problem.startswith("features/shop_load.sql:") for problem in found), found
    assert all(problem.split(":")[1].isdigit() for problem in found), found
    assert any(said in problem for problem in found), found


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        ((HEADER + "SELECT shop, 'caf\xe9' AS x FROM orders").encode("latin-1"), 5),
        ((HEADER + SQL).encode("utf-16"), 1),
    ],
)
def test_a_file_that_is_not_utf8_is_a_problem(tmp_path: Path, raw: bytes, line: int) -> None:
    folder = folder_with(tmp_path)
    (folder / "features" / "shop_load.sql").write_bytes(raw)

    (found,) = problems(folder)

    assert found.startswith(f"features/shop_load.sql:{line}: is not UTF-8: ")


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + HEADER + SQL,
        "\n\n" + HEADER + SQL,
        "-- How a shop runs.\n" + HEADER + SQL,
        "  " + HEADER.replace("\n-- ", "\n  -- ") + SQL,
        (HEADER + SQL).replace("\n", "\r\n"),
        HEADER + SQL + ";",
        HEADER + SQL + " ; -- done",
        HEADER + SQL + "\n-- done",
        HEADER
        + "SELECT shop, placed_at AS at, TRY(CAST('x' AS INT)) AS n, TRY_CAST('x' AS INT) AS m FROM orders",
        HEADER
        + "SELECT shop, placed_at AS at, DATE '2013-02-28' AS d, '[1]'::INT[] AS l, 1::HUGEINT FROM orders",
        HEADER + "--\n-- The window: an hour.\n-- Note: test this.\n" + SQL,
    ],
)
def test_what_makes_no_difference_is_no_problem(tmp_path: Path, text: str) -> None:
    view = compile_product(folder_with(tmp_path, shop_load=text))["views"]["shop_load"]

    assert (view["event_time"], view["entity"], view["tests"]) == ("at", ["shop"], [])
    assert ";" not in view["sql"]


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("max_age: 6h", "max_age"),
        ("online: true", "online"),
        ("test: n > 0", "test"),
        ("partition: day", "partition"),
        ("window: request 1h", "window"),
    ],
)
def test_a_view_of_requests_has_no_header_of_stored_ones(tmp_path: Path, header: str, key: str) -> None:
    text = f"{ASKED}-- {header}\nSELECT order_id, 1 AS n FROM request"

    (found,) = problems(folder_with(tmp_path, basket={"on_demand": "asked"}, asked=text))

    assert found.startswith(f"features/asked.sql:4: {key}: says nothing of a view that is computed")


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (
            "SELECT order_id,\n count(*) OVER (PARTITION BY shop) AS n FROM request",
            "5: a window looks at more",
        ),
        (
            "SELECT order_id,\n (SELECT count(*) FROM request) AS n FROM request",
            "5: a subquery looks at more",
        ),
        ("SELECT a.order_id, 1 AS n\nFROM request a JOIN request b USING (shop)", "5: a join looks at more"),
        ("SELECT order_id,\n max(shop) AS n FROM request GROUP BY 1", "5: max() looks at more than one row"),
    ],
)
def test_a_view_of_requests_sees_one_at_a_time(tmp_path: Path, sql: str, said: str) -> None:
    found = problems(folder_with(tmp_path, basket={"on_demand": "asked"}, asked=ASKED + sql))

    assert any(problem.startswith(f"features/asked.sql:{said}") for problem in found), found


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Placed", "'Placed' and 'placed' are one name to SQL"),
        ("Orders", "'Orders' and 'orders' are one name to SQL"),
        ("__chunk", "'__chunk' is no name for a view: SQL calls something else so"),
        ("Watermark", "'Watermark' is no name for a view"),
    ],
)
def test_a_name_that_sql_takes_for_another_is_a_problem(tmp_path: Path, name: str, said: str) -> None:
    found = problems(folder_with(tmp_path, **{name: HEADER + SQL}))

    assert any(problem.startswith(f"features/{name}.sql:1: name: {said}") for problem in found), found


def test_the_folder_that_these_break_compiles(tmp_path: Path) -> None:
    assert "shop_load" in compile_product(folder_with(tmp_path, shop_load=HEADER + SQL))["views"]
