"""Checks that a contract declares: each is in the bundle, or a problem at its place."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from headgate.cli.compile_product import compile_product
from headgate.cli.problems import ProductInvalid

from tests.unit.cli import product_folders as given

SHOPS = {
    "apiVersion": "v3.1.0",
    "kind": "DataContract",
    "id": "shops-contract",
    "version": "1.0.0",
    "status": "active",
    "servers": [{"server": "landing", "type": "s3", "format": "csv"}],
    "schema": [
        {
            "name": "shops",
            "properties": [
                {"name": "code", "logicalType": "string", "required": True},
                {"name": "town", "logicalType": "string"},
            ],
        }
    ],
}


def compiled(tmp_path: Path, *, at: int | None = None, **changes: Any) -> dict[str, Any]:
    """The compiled contract of orders: ``changes`` at one of its properties, at its schema object, or at the
    document.
    """
    document = copy.deepcopy(given.contract())
    table = document["schema"][0]
    for key, value in changes.items():
        place = table["properties"][at] if at is not None else table
        (document if key in ("slaProperties", "settings") else place)[key] = value
    document["customProperties"] += document.pop("settings", [])
    folder = given.write_product(
        tmp_path / "shop", contract=document, descriptor=given.descriptor(), training=given.training()
    )
    (folder / "shops.odcs.yaml").write_text(yaml.safe_dump(SHOPS))
    contract: dict[str, Any] = compile_product(folder)["datasets"]["orders"]
    return contract


def refused(tmp_path: Path, *, at: int | None = None, **changes: Any) -> list[str]:
    with pytest.raises(ProductInvalid) as found:
        compiled(tmp_path, at=at, **changes)
    return [str(problem) for problem in found.value.problems]


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({"exclusiveMinimum": -1.5}, {"exclusive_minimum": -1.5}),
        ({"maximum": 4, "exclusiveMaximum": True}, {"exclusive_maximum": 4}),
        ({"minimum": 1, "exclusiveMinimum": False}, {"minimum": 1}),
    ],
)
def test_bounds_are_checks_of_the_column(
    tmp_path: Path, options: dict[str, Any], fields: dict[str, Any]
) -> None:
    column = compiled(tmp_path, at=3, logicalTypeOptions=options)["columns"][3]

    assert {k: v for k, v in column.items() if "imum" in k} == fields


def test_lengths_multiples_and_warnings_are_checks_of_the_column(tmp_path: Path) -> None:
    text = compiled(
        tmp_path / "text",
        at=1,
        logicalTypeOptions={"minLength": 4, "maxLength": 9, "pattern": "[a-z]+"},
        customProperties=[{"property": "headgateWarn", "value": ["minLength", "enum", "pattern"]}],
    )["columns"][1]
    number = compiled(
        tmp_path / "number", at=3, physicalType="DECIMAL(10,2)", logicalTypeOptions={"multipleOf": 0.05}
    )["columns"][3]

    assert (text["min_length"], text["max_length"], text["pattern"]) == (4, 9, "[a-z]+")
    assert text["warn"] == ["min_length", "allowed", "pattern"]
    assert number["multiple_of"] == 0.05


def test_relationships_are_references(tmp_path: Path) -> None:
    warning = [{"property": "headgateSeverity", "value": "warning"}]

    at_column = compiled(
        tmp_path / "column", at=1, relationships=[{"to": "shops.code", "customProperties": warning}]
    )
    at_table = compiled(
        tmp_path / "table",
        relationships=[
            {
                "type": "foreignKey",
                "from": ["orders.shop", "orders.order_id"],
                "to": ["shops.code", "shops.town"],
            }
        ],
    )

    assert at_column["references"] == [
        {"columns": ["shop"], "dataset": "shops", "key": ["code"], "severity": "warning"}
    ]
    assert at_table["references"] == [
        {"columns": ["shop", "order_id"], "dataset": "shops", "key": ["code", "town"], "severity": "error"}
    ]


@pytest.mark.parametrize(
    ("relationship", "said"),
    [
        ({"to": "towns.code"}, "'towns' is no dataset of the product"),
        ({"to": "shops.cod"}, "shops has no column 'cod'"),
        ({"to": "code"}, "properties[1].relationships[0].to: is 'code'; write dataset.column"),
        ({"to": "shops.odcs.yaml#/schema/shops/properties/code"}, "write dataset.column"),
        ({"to": ["shops.code", "shops.town"]}, "to: names 2 columns, and from names 1"),
        ({"to": "shops.code", "type": "soft"}, "type: is 'soft'; foreignKey is the only one"),
        ({"to": "shops.code", "from": "orders.shop"}, "from: stands under a property"),
        (
            {"to": "shops.code", "customProperties": [{"property": "headgateSeverity", "value": "info"}]},
            "value: is 'info'; error or warning is needed",
        ),
        (
            {"to": "shops.code", "customProperties": [{"property": "headgateServerity", "value": "error"}]},
            "'headgateServerity' is not known",
        ),
        ({}, "to: is None"),
    ],
)
def test_a_relationship_that_cannot_be_checked_is_a_problem(
    tmp_path: Path, relationship: dict[str, Any], said: str
) -> None:
    found = refused(tmp_path, at=1, relationships=[relationship])

    assert any(said in problem for problem in found), found


def test_a_relationship_of_another_dataset_is_a_problem(tmp_path: Path) -> None:
    found = refused(tmp_path, relationships=[{"from": "shops.town", "to": "shops.code"}])

    assert any("from: names other datasets than orders" in problem for problem in found), found


@pytest.mark.parametrize(
    ("value", "unit", "seconds"), [(36, "h", 129_600), (1.5, "d", 129_600), (90, "min", 5400), (1, "s", 1)]
)
def test_a_service_level_of_freshness_is_checked(
    tmp_path: Path, value: float, unit: str, seconds: int
) -> None:
    level = {"property": "freshness", "element": "orders.placed_at", "value": value, "unit": unit}

    assert compiled(tmp_path, slaProperties=[level])["freshness"] == [
        {"column": "placed_at", "max_age_seconds": seconds, "severity": "error"}
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"property": "latency"}, "property: is 'latency', which cannot be honoured"),
        ({"element": "shops.town"}, "element: is 'shops.town'; write orders.column"),
        ({"element": None}, "element: is None"),
        ({"element": "placed"}, "there is no column 'placed'"),
        ({"element": "shop"}, "shop is VARCHAR, no date or timestamp"),
        ({"unit": "moons"}, "unit: is 'moons'"),
        ({"value": 0}, "value: is 0"),
        ({"value": 0.3, "unit": "s"}, "value: is 0.3"),
        ({"value": "soon"}, "value: is 'soon'"),
        ({"schedule": "0 20 * * *"}, "schedule: is not known here"),
    ],
)
def test_a_service_level_that_is_not_measured_is_a_problem(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    level = {"property": "freshness", "element": "placed_at", "value": 36, "unit": "h"}

    found = refused(tmp_path, slaProperties=[{**level, **changes}])

    assert any(said in problem for problem in found), found


def test_keys_may_be_unique_in_the_whole_history(tmp_path: Path) -> None:
    setting = [{"property": "headgateUniqueAcrossVersions", "value": True}]

    assert compiled(tmp_path, settings=setting)["unique_across_versions"] is True


def test_a_rule_names_the_datasets_that_it_reads(tmp_path: Path) -> None:
    query = (
        "WITH known AS (SELECT code FROM Shops) SELECT * FROM {table} t ANTI JOIN known k ON t.shop = k.code"
    )
    contract = compiled(tmp_path, quality=[{"name": "known", "type": "sql", "query": query}])

    (rule,) = contract["rules"]
    assert rule["datasets"] == ["shops"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT * FROM {table} JOIN towns ON true", "it reads 'towns'"),
        ("SELECT * FROM {table} WHERE shopp = 'x'", 'Referenced column "shopp"'),
        ("SELECT * FROM {table} WHERE shop > placed_at", "Cannot compare values of type VARCHAR"),
        ("SELECT * FROM {table} JOIN shops ON shops.cod = shop", 'does not have a column named "cod"'),
        ("SELECT * FROM read_csv('x.csv')", "read_csv reads outside the declared inputs"),
        ("SELECT count(*) = 0 FROM orders", "it reads orders, which is what earlier drops brought"),
    ],
)
def test_a_rule_that_cannot_run_is_a_problem_at_its_line(tmp_path: Path, query: str, said: str) -> None:
    found = refused(tmp_path, quality=[{"name": "odd", "type": "sql", "query": query}])

    assert any(
        said in problem and "schema[0].quality[0]: rule odd cannot run" in problem for problem in found
    ), found


@pytest.mark.parametrize(
    ("at", "changes", "said"),
    [
        (1, {"logicalTypeOptions": {"pattern": "("}}, "properties[1]: pattern of shop cannot be checked"),
        (2, {"logicalTypeOptions": {"minimum": "soon"}}, "minimum of placed_at cannot be checked"),
        (3, {"logicalTypeOptions": {"multipleOf": 0.5}}, "multiple_of is not exact for DOUBLE"),
        (3, {"logicalTypeOptions": {"minLength": 2}}, "amount"),
        (3, {"logicalTypeOptions": {"minimum": True}}, "minimum: is True"),
        (3, {"logicalTypeOptions": {"exclusiveMinimum": True}}, "is true without a minimum"),
        (3, {"customProperties": [{"property": "headgateWarn", "value": ["required"]}]}, "'required' is no"),
        (3, {"customProperties": [{"property": "headgateWarn", "value": "unique"}]}, "is not declared"),
    ],
)
def test_a_check_of_a_column_that_cannot_run_is_a_problem(
    tmp_path: Path, at: int, changes: dict[str, Any], said: str
) -> None:
    found = refused(tmp_path, at=at, **changes)

    assert any(said in problem for problem in found), found
