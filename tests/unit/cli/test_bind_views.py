"""Views are bound by the engine itself when a product is compiled: what cannot run has a file and a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from headgate.cli.compile_product import compile_product
from headgate.cli.problems import ProductInvalid

from tests.unit.cli import product_folders as given

HEADER = "-- kind: feature\n-- inputs: orders\n-- entity: shop\n-- event_time: seen\n"
SQL = "SELECT\n  shop, placed_at AS seen, amount\nFROM orders"
JOINED = " JOIN towns USING (shop)"
REQUEST = "-- kind: on_demand\n-- inputs: request\n-- entity: order_id\n"


def folder_with(
    tmp_path: Path,
    *,
    event_time: str | None = "placed_at",
    basket: dict[str, Any] | None = None,
    **views: str,
) -> Path:
    contract = given.contract()
    if event_time:
        contract["customProperties"].append({"property": "headgateEventTime", "value": event_time})
    descriptor = given.descriptor()
    (feature_set,) = descriptor["customProperties"][1]["value"]
    feature_set.update(basket or {})
    folder = given.write_product(tmp_path / "shop", contract=contract, descriptor=descriptor, training=None)
    for name, text in views.items():
        (folder / "features" / f"{name}.sql").write_text(text)
    return folder


def problems(folder: Path) -> list[str]:
    with pytest.raises(ProductInvalid) as refused:
        compile_product(folder)
    return [str(problem) for problem in refused.value.problems]


def only_problem(folder: Path) -> str:
    (found,) = problems(folder)
    return found


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT\n  shopp\nFROM orders", '6: Binder Error: Referenced column "shopp" not found'),
        ("SELECT\n  shopp\nFROM orders", 'Candidate bindings: "shop"'),
        (
            "SELECT shop,\n  placed_at AS seen\nFROM\n  ordrs",
            "8: reads ordrs, which is not among",
        ),
        (
            "SELECT shop, placed_at AS seen FROM placed",
            "5: reads placed, which is not among its",
        ),
        ("SELECT shop, placed_at AS seen FROM watermark", "5: reads watermark, which is not"),
        (
            "SELECT shop, placed_at AS seen,\n  sum(placed_at) AS x FROM orders GROUP BY ALL",
            "6: Binder Error",
        ),
        (
            "SELECT shop, placed_at AS seen,\n  hsh(shop) AS x FROM orders",
            "6: Catalog Error: Scalar Function",
        ),
        ("SELECT shop, placed_at AS seen, late AS x, amount AS X FROM orders", "two columns called X"),
        ("SELECT shop, placed_at AS seen FROM read_csv('x.csv')", "read_csv reads outside"),
        ("SELECT shop, placed_at AS seen,\n  random() AS x FROM orders", "6: random() is another value"),
        ("SELECT shop, placed_at AS seen\nFROM orders\nWHERE placed_at < now()", "7: now() is another value"),
        ("SELECT shop, placed_at AS seen,\n  current_date AS x FROM orders", "6: current_date is another"),
        ("SELECT shop, placed_at AS seen FROM orders USING SAMPLE 5", "a sample of rows is another"),
    ],
)
def test_sql_that_cannot_run_is_a_problem_at_its_line(tmp_path: Path, sql: str, said: str) -> None:
    found = only_problem(folder_with(tmp_path, shop_load=HEADER + sql))

    assert found.startswith("features/shop_load.sql:")
    assert said in found


def test_chance_comes_from_the_seed(tmp_path: Path) -> None:
    sql = "SELECT shop, placed_at AS seen, hash(shop, seed()) AS dice FROM orders"

    assert compile_product(folder_with(tmp_path, shop_load=HEADER + sql))["views"]["shop_load"]["sql"]


@pytest.mark.parametrize(
    ("header", "sql", "said"),
    [
        (
            "",
            "SELECT placed_at AS seen FROM orders",
            "3: entity: the SQL yields no column 'shop'; it yields seen",
        ),
        ("", "SELECT shop FROM orders", "4: event_time: the SQL yields no column 'seen'"),
        ("", "SELECT shop, amount AS seen FROM orders", "4: event_time: seen is DOUBLE; a DATE or TIMESTAMP"),
        ("-- known_at: told\n", SQL, "5: known_at: the SQL yields no column 'told'"),
        ("-- known_at: amount\n", SQL, "5: known_at: amount is DOUBLE"),
        ("-- test: amont > 0\n", SQL, '5: test: Binder Error: Referenced column "amont" not found'),
        ("-- test: amount > 0\n-- test: amount\n", SQL, "6: test: is DOUBLE; a condition"),
        ("-- test: sum(amount) > 0\n", SQL, "5: test: Binder Error"),
        ("-- test: amount > 0, true\n", SQL, "5: test: is STRUCT(BOOLEAN, BOOLEAN); a condition"),
        ("-- test: amount > (SELECT 1)\n", SQL, "5: test: the test: it looks at one row alone"),
        ("-- test: true), (true\n", SQL, "5: test: the test: one expression is needed"),
        ("-- test: seen < now()\n", SQL, "5: test: the test: now() is another value"),
    ],
)
def test_what_the_header_says_of_the_columns_is_checked(
    tmp_path: Path, header: str, sql: str, said: str
) -> None:
    found = only_problem(folder_with(tmp_path, shop_load=HEADER + header + sql))

    assert found.startswith(f"features/shop_load.sql:{said}"), found


def test_a_view_reads_the_columns_of_another(tmp_path: Path) -> None:
    header = HEADER.replace("orders", "load")
    fine = folder_with(
        tmp_path / "fine",
        load=HEADER + SQL,
        shop_load=header + "SELECT shop, seen, 2 * amount AS doubled FROM load",
    )
    wrong = folder_with(
        tmp_path / "wrong", load=HEADER + SQL, shop_load=header + "SELECT shop, seen,\n late FROM load"
    )

    assert compile_product(fine)["views"]["shop_load"]["inputs"] == ["load"]
    assert only_problem(wrong).startswith('features/shop_load.sql:6: Binder Error: Referenced column "late"')


def test_a_view_is_not_told_of_what_is_wrong_with_its_input(tmp_path: Path) -> None:
    header = HEADER.replace("orders", "load")
    folder = folder_with(
        tmp_path, load=HEADER + SQL.replace("amount", "amunt"), shop_load=header + "SELECT * FROM load"
    )

    assert only_problem(folder).startswith("features/load.sql:6: ")


def test_a_window_needs_an_event_time_to_count_from(tmp_path: Path) -> None:
    timeless = "-- kind: feature\n-- inputs: orders\n-- entity: shop\nSELECT DISTINCT shop FROM orders"
    header = HEADER.replace("orders", "orders, towns")
    windows = "-- window: towns 1h\n-- window: orders 0s..1h\n"
    both = folder_with(tmp_path, event_time=None, towns=timeless, shop_load=header + windows + SQL + JOINED)

    assert [found.split("; ")[0] for found in problems(both)] == [
        "features/shop_load.sql:5: window: towns has no event time to count from",
        "features/shop_load.sql:6: window: orders has no event time to count from",
    ]


def test_the_watermark_is_a_table_of_one_instant(tmp_path: Path) -> None:
    header = HEADER.replace("orders", "orders, watermark") + "-- window: orders 0s..1h\n"

    def folder(name: str, column: str) -> Path:
        sql = f"{SQL} WHERE epoch(placed_at) <= (SELECT epoch({column}) FROM watermark)"
        return folder_with(tmp_path / name, shop_load=header + sql)

    assert compile_product(folder("fine", '"reached"'))["views"]["shop_load"]["build"] == "incremental"
    assert 'Referenced column "until"' in only_problem(folder("wrong", "until"))


@pytest.mark.parametrize(
    ("basket", "said"),
    [
        ({"views": ["keyless"]}, "views[0]: keyless is joined by town, which the spine lacks"),
        (
            {"views": ["typed"]},
            "views[0]: typed is joined by shop, which is INTEGER in it and VARCHAR in the spine",
        ),
        ({"views": ["load", "twin"]}, "views[1]: the column amount of twin is made by load already"),
        ({"views": ["late"]}, "views[0]: the column late of late is made by placed already"),
        ({"label": "later"}, "label: the spine placed yields no column 'later'"),
        ({"request": [{"name": "town", "type": "VARCHAR"}]}, "request[0]: the spine placed yields no column"),
        ({"request": [{"name": "shop", "type": "INTEGER"}]}, "request[0]: shop is INTEGER, and VARCHAR in"),
        ({"request": [{"name": "late", "type": "INTEGER"}]}, "request[0]: late is the label"),
    ],
)
def test_views_that_do_not_fit_their_set_are_a_problem_at_its_line(
    tmp_path: Path, basket: dict[str, Any], said: str
) -> None:
    folder = folder_with(
        tmp_path,
        basket=basket,
        load=HEADER + SQL,
        twin=HEADER + SQL,
        keyless=HEADER.replace("shop", "town") + "SELECT shop AS town, placed_at AS seen FROM orders",
        typed=HEADER + "SELECT 1 AS shop, placed_at AS seen, 1 AS x FROM orders",
        late=HEADER + "SELECT shop, placed_at AS seen, late FROM orders",
    )

    found = only_problem(folder)

    place, _, message = found.partition(": ")
    assert f".value[0].{said}" in message
    line = (folder / "shop.odps.yaml").read_text().splitlines()[int(place.split(":")[1]) - 1]
    named = said.partition(":")[0]
    assert (named if named == "label" else "- ") in line


@pytest.mark.parametrize(
    ("sql", "request_columns", "said"),
    [
        ("SELECT order_id,\n  late AS x\nFROM request", None, '5: Binder Error: Referenced column "late"'),
        ("SELECT order_id,\n  shop || '!' AS x\nFROM request", ["order_id"], "5: Binder Error"),
        ("SELECT order_id,\n  today() AS x\nFROM request", None, "5: today() is another value"),
        (
            "SELECT order_id, 1 AS x FROM orders",
            None,
            "4: reads orders, which is not among its",
        ),
    ],
)
def test_an_on_demand_view_reads_what_the_spine_and_a_call_have(
    tmp_path: Path, sql: str, request_columns: list[str] | None, said: str
) -> None:
    request = [{"name": name, "type": "VARCHAR"} for name in request_columns or ()]
    folder = folder_with(tmp_path, basket={"on_demand": "asked", "request": request}, asked=REQUEST + sql)

    assert only_problem(folder).startswith(f"features/asked.sql:{said}")


def test_an_on_demand_view_may_be_called_as_what_it_reads(tmp_path: Path) -> None:
    sql = "SELECT order_id, shop || '!' AS loud, hour(placed_at) AS hour FROM request"
    request = [
        {"name": "order_id", "type": "STRING"},
        {"name": "shop", "type": "VARCHAR"},
        {"name": "placed_at", "type": "TIMESTAMP"},
    ]
    folder = folder_with(tmp_path, basket={"on_demand": "request", "request": request}, request=REQUEST + sql)

    assert compile_product(folder)["views"]["request"]["kind"] == "on_demand"


def test_an_on_demand_feature_does_not_hide_a_column_of_the_spine(tmp_path: Path) -> None:
    folder = folder_with(
        tmp_path,
        basket={"on_demand": "asked"},
        asked=REQUEST + "SELECT order_id, upper(shop) AS shop FROM request",
    )

    assert "on_demand: the column shop of asked is made by placed already" in only_problem(folder)
