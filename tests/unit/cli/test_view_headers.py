"""What a view's header says: each line is in the bundle, or a problem at its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from headgate.cli.compile_product import compile_product
from headgate.cli.problems import ProductInvalid
from headgate.domain.product import Product

from tests.unit.cli import product_folders as given

SQL = "SELECT shop, placed_at AS at, count(*) AS orders FROM orders GROUP BY ALL"


def folder_with(tmp_path: Path, *headers: str, sql: str = SQL, name: str = "shop_load") -> Path:
    """The shop with another view; orders have an event time."""
    contract = given.contract()
    contract["customProperties"].append({"property": "headgateEventTime", "value": "placed_at"})
    folder = given.write_product(
        tmp_path / "shop", contract=contract, descriptor=given.descriptor(), training=None
    )
    text = "\n".join([*(f"-- {header}" for header in headers), sql])
    (folder / "features" / f"{name}.sql").write_text(text)
    return folder


BASE = ("kind: feature", "inputs: orders", "entity: shop", "event_time: at")


def compiled(tmp_path: Path, *headers: str) -> dict[str, Any]:
    bundle = compile_product(folder_with(tmp_path, *BASE, *headers))
    Product.from_document(bundle)
    view: dict[str, Any] = bundle["views"]["shop_load"]
    return view


def problems(folder: Path) -> list[str]:
    with pytest.raises(ProductInvalid) as refused:
        compile_product(folder)
    return [str(problem) for problem in refused.value.problems]


def test_every_header_is_in_the_bundle(tmp_path: Path) -> None:
    view = compiled(
        tmp_path,
        "known_at: at",
        "available_after: 1h",
        "max_age: 6h",
        "online: true",
        "window: orders -2h..26h",
        "build: full",
        "partition: day",
        "test: orders > 0",
        "test: shop <> 'none: at all'",
    )

    assert {key: value for key, value in view.items() if key != "sql"} == {
        "name": "shop_load",
        "kind": "feature",
        "inputs": ["orders"],
        "entity": ["shop"],
        "event_time": "at",
        "known_at": "at",
        "available_after": 3600,
        "max_age_seconds": 21600,
        "online": True,
        "windows": [{"input": "orders", "earliest": -7200, "latest": 93600}],
        "build": "full",
        "partition": "day",
        "tests": ["orders > 0", "shop <> 'none: at all'"],
    }


def test_a_header_left_out_has_its_default(tmp_path: Path) -> None:
    view = compiled(tmp_path)

    assert (view["available_after"], view["max_age_seconds"], view["online"]) == (0, None, False)
    assert (view["windows"], view["build"], view["partition"], view["tests"]) == ([], "full", "month", [])


@pytest.mark.parametrize(
    ("written", "earliest", "latest"),
    [
        ("orders 1h", 3600, 3600),
        ("orders -1h", -3600, -3600),
        ("orders 0s..2d", 0, 172_800),
        ("orders -2h..0s", -7200, 0),
        ("orders -2h .. -1h", -7200, -3600),
    ],
)
def test_a_window_is_from_its_first_to_its_last_second(
    tmp_path: Path, written: str, earliest: int, latest: int
) -> None:
    view = compiled(tmp_path, f"window: {written}")

    assert view["windows"] == [{"input": "orders", "earliest": earliest, "latest": latest}]
    assert view["build"] == "incremental"


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("windw: orders 1h", "windw: is no header; known: kind, inputs"),
        ("entity: shop", "entity: is declared twice"),
        ("window: orders", "window: 'orders' is no window"),
        ("window: orders 1h...2h", "window: 'orders 1h...2h' is no window"),
        ("window: orders 1..2h", "window: 'orders 1..2h' is no window"),
        ("window: orders 2h..1h", "window: the window of orders ends before it begins"),
        ("window: shops 1h", "window: the window is of 'shops', which is no input"),
        ("available_after: -1h", "available_after: '-1h' is no duration"),
        ("max_age: 0s", "max_age: '0s' is too short; 1s is the least"),
        ("online: yes", "online: is 'yes'; known: true, false"),
        ("build: daily", "build: is 'daily'; known: incremental, full"),
        ("build: incremental", "build: cannot be incremental: it declares no window"),
        ("partition: week", "partition: is 'week'; known: day, month, year"),
        ("known_at: at once", "known_at: 'at once' is no identifier"),
        ("test:", "test: is empty; give it a value or leave the line out"),
        ("window:", "window: is empty"),
        ("max_age:", "max_age: is empty; give it a value"),
    ],
)
def test_a_wrong_header_is_a_problem_at_its_line(tmp_path: Path, header: str, said: str) -> None:
    found = problems(folder_with(tmp_path, *BASE, header))

    assert len(found) == 1
    assert found[0].startswith(f"features/shop_load.sql:5: {said}")


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        (("kind: feature", "inputs: orders"), "1: entity: is missing"),
        (("inputs: orders", "entity: shop"), "1: kind: is missing; write `-- kind: feature`"),
        (("kind: table", "inputs: orders", "entity: shop"), "1: kind: is 'table'; known: feature, spine"),
        (("kind: feature", "inputs: orders, orders", "entity: shop"), "2: inputs: names orders twice"),
        (("kind: spine", "inputs: orders", "entity: shop"), "1: event_time: a spine needs an event_time"),
        (
            ("kind: feature", "inputs: orders", "entity: shop", "available_after: 1h"),
            "4: available_after: available_after needs an event_time",
        ),
        (
            ("kind: feature", "inputs: orders", "entity: shop", "max_age: 1h"),
            "4: max_age: max_age needs an event_time that the age counts from",
        ),
        (
            ("kind: feature", "inputs: orders, watermark", "entity: shop", "event_time: at"),
            "2: inputs: the watermark is that of inputs with a window; there is none",
        ),
        ((*BASE, "window: orders 1h", "window: orders 2h"), "6: window: an input has two windows"),
        ((*BASE, "window: orders 1h", "window: x 2h"), "6: window: the window is of 'x', which is no input"),
    ],
)
def test_headers_that_contradict_each_other_are_a_problem(
    tmp_path: Path, headers: tuple[str, ...], said: str
) -> None:
    found = problems(folder_with(tmp_path, *headers))

    assert any(problem.startswith(f"features/shop_load.sql:{said}") for problem in found), found


def test_the_graph_of_views_has_its_problems_at_the_inputs(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "kind: feature", "entity: shop", "inputs: orders, ring, towns")
    (folder / "features" / "ring.sql").write_text(
        "-- kind: feature\n-- inputs: shop_load\n-- entity: shop\nSELECT shop FROM shop_load"
    )
    (folder / "features" / "asked.sql").write_text(
        "-- kind: on_demand\n-- inputs: orders\n-- entity: shop\nSELECT shop FROM orders"
    )

    found = problems(folder)

    assert found == [
        "features/asked.sql:2: inputs: an on_demand view reads request alone, not orders",
        "features/ring.sql:2: inputs: views read each other in a circle: ring -> shop_load -> ring",
        "features/shop_load.sql:3: inputs: reads towns, which is neither a dataset nor a view of the product",
        "features/shop_load.sql:3: inputs: views read each other in a circle: shop_load -> ring -> shop_load",
    ]


def test_a_view_is_not_called_as_a_dataset(tmp_path: Path) -> None:
    found = problems(folder_with(tmp_path, *BASE, name="orders"))

    said = "features/orders.sql:1: name: 'orders' is a dataset and a view: SQL could not tell them apart"
    assert said in found


def test_two_files_of_one_name_are_a_problem(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, *BASE)
    (folder / "more").mkdir()
    (folder / "more" / "placed.sql").write_text(given.SPINE)

    assert problems(folder) == ["more/placed.sql:1: a second view 'placed', beside features/placed.sql"]


@pytest.mark.parametrize("name", ["watermark", "shop-load"])
def test_a_view_needs_a_name_that_sql_can_say(tmp_path: Path, name: str) -> None:
    found = problems(folder_with(tmp_path, *BASE, name=name))

    assert any(problem.startswith(f"features/{name}.sql:1: ") for problem in found), found
