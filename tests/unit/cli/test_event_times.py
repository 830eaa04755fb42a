"""When a row happened and when its values are known, as a contract says it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from headgate.cli.compile_product import compile_product
from headgate.cli.problems import ProductInvalid

from tests.unit.cli import product_folders as given


def folder_with(tmp_path: Path, *, event_time: Any = None, known_at: Any = None) -> Path:
    contract = given.contract()
    if event_time is not None:
        contract["customProperties"].append({"property": "headgateEventTime", "value": event_time})
    if known_at is not None:
        entry = {"property": "headgateKnownAt", "value": known_at}
        contract["schema"][0]["properties"][3]["customProperties"] = [entry]
    return given.write_product(
        tmp_path / "shop", contract=contract, descriptor=given.descriptor(), training=None
    )


def problem(folder: Path, at: str) -> str:
    """The only one, at the first line of orders.odcs.yaml that holds ``at``."""
    with pytest.raises(ProductInvalid) as refused:
        compile_product(folder)
    (found,) = refused.value.problems
    lines = (folder / "orders.odcs.yaml").read_text().splitlines()
    assert found.file == "orders.odcs.yaml"
    assert found.line is not None and at in lines[found.line - 1]
    return str(found)


def test_the_contract_has_its_event_time_and_when_values_are_known(tmp_path: Path) -> None:
    expression = "placed_at + to_minutes(CAST(amount AS BIGINT)) -- when it was paid"
    bundle = compile_product(folder_with(tmp_path, event_time="placed_at", known_at=expression))

    contract = bundle["datasets"]["orders"]
    assert contract["event_time"] == "placed_at"
    assert [c["known_at"] for c in contract["columns"] if "known_at" in c] == [expression]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("placed", "there is no column 'placed'; columns: order_id, shop"),
        ("shop", "shop is VARCHAR; DATE, TIMESTAMP or TIMESTAMPTZ is needed"),
        (["placed_at"], "headgateEventTime is ['placed_at']; the name of the column"),
    ],
)
def test_an_event_time_that_is_no_time_is_a_problem(tmp_path: Path, name: Any, said: str) -> None:
    found = problem(folder_with(tmp_path, event_time=name), at="value:")

    assert "customProperties[2].value: " in found
    assert said in found


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("placed + INTERVAL 1 HOUR", 'Referenced column "placed" not found'),
        ("amount", "it is DOUBLE; a DATE or TIMESTAMP is needed"),
        ("CAST(shop AS VARCHAR)", "it is VARCHAR"),
        ("max(placed_at)", "Binder Error"),
        ("max(placed_at) OVER ()", "it looks at one row alone; a window looks at others"),
        ("(SELECT max(placed_at) FROM this)", "a subquery looks at others"),
        ("placed_at) FROM this WHERE (true", "Parser Error"),
        ("placed_at) FROM this UNION SELECT (placed_at", "one expression is needed, and nothing after it"),
        ("placed_at), (placed_at", "one expression is needed"),
        ("placed_at FROM", "Parser Error"),
        ("now()", "now() is another value in each run"),
        ("CAST(getenv('HOME') AS TIMESTAMP)", "getenv looks outside"),
    ],
)
def test_an_instant_that_cannot_be_told_is_a_problem(tmp_path: Path, expression: str, said: str) -> None:
    found = problem(folder_with(tmp_path, known_at=expression), at="name: amount")

    assert "schema[0].properties[3]: known_at of amount cannot be told: " in found
    assert said in found


@pytest.mark.parametrize("value", [7, "", ["placed_at"]])
def test_an_instant_is_written_as_an_expression(tmp_path: Path, value: Any) -> None:
    assert "a SQL expression over the row is needed" in problem(
        folder_with(tmp_path, known_at=value), at="value:"
    )
