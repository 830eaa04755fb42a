"""The product compiler: folders become bundles, and whatever cannot be honoured is refused with its place."""

import hashlib
from pathlib import Path
from typing import Any

import duckdb
import pytest
from headgate.cli.compile_product import compile_product, find_product
from headgate.cli.problems import ProductInvalid
from headgate.cli.view_header import parse_duration
from headgate.domain.errors import InvalidRequest
from headgate.domain.product import Product

from tests.unit.cli import product_folders as given

ROOT = Path(__file__).resolve().parents[3]


def written(tmp_path: Path, **parts: Any) -> Path:
    whole = {"contract": given.contract(), "descriptor": given.descriptor(), "training": given.training()}
    return given.write_product(tmp_path / "shop", **{**whole, **parts})


def problems_of(folder: Path) -> list[str]:
    with pytest.raises(ProductInvalid) as refused:
        compile_product(folder)
    return [str(problem) for problem in refused.value.problems]


def broken_contract(tmp_path: Path, **changes: Any) -> list[str]:
    contract = given.contract()
    contract.update(changes)
    return problems_of(written(tmp_path, contract=contract))


def column(tmp_path: Path, **declared: Any) -> list[str]:
    contract = given.contract()
    contract["schema"][0]["properties"][3] = {"name": "amount", "logicalType": "number", **declared}
    return problems_of(written(tmp_path, contract=contract))


def test_folder_becomes_a_bundle_that_the_domain_accepts(tmp_path: Path) -> None:
    # Given
    folder = written(tmp_path)
    # When
    bundle = compile_product(folder)
    # Then
    product = Product.from_document(bundle)
    assert (product.name, product.owner, product.declared_stage) == ("shop", "shop-team", "poc")
    contract = product.contract("orders")
    assert contract.primary_key == ("order_id",)
    assert contract.null_values == ("NA", "")
    kinds = {c.name: c.type for c in contract.columns}
    assert kinds == {
        "order_id": "VARCHAR",
        "shop": "VARCHAR",
        "placed_at": "TIMESTAMP",
        "amount": "DOUBLE",
        "late": "BOOLEAN",
    }
    assert contract.columns[1].allowed == ("north", "south")
    assert contract.columns[3].maximum == 1e6
    assert product.feature_sets["basket"].views[0].max_age_seconds == 6 * 3600
    assert product.training is not None and product.training.model == "shop_late"


def test_sources_name_every_file_by_its_sha256(tmp_path: Path) -> None:
    folder = written(tmp_path)
    bundle = compile_product(folder)
    assert sorted(bundle["sources"]) == [
        "features/placed.sql",
        "features/shop_load.sql",
        "orders.odcs.yaml",
        "policy.json",
        "shop.odps.yaml",
        "training.yaml",
    ]
    expected = hashlib.sha256((folder / "policy.json").read_bytes()).hexdigest()
    assert bundle["sources"]["policy.json"] == expected


def test_product_without_training_compiles(tmp_path: Path) -> None:
    assert compile_product(written(tmp_path, training=None))["training"] is None


def test_flights_compiles() -> None:
    folder = ROOT / "infra/products/flights"
    product = Product.from_document(compile_product(folder))
    assert set(product.datasets) == {"flights", "weather", "planes", "airports", "airlines"}
    assert product.training is not None
    assert product.training.feature_set in product.feature_sets


def test_all_problems_are_listed_at_once_with_file_and_line(tmp_path: Path) -> None:
    # Given
    folder = written(tmp_path)
    view = folder / "features" / "shop_load.sql"
    view.write_text(view.read_text().replace("max_age: 6h", "max_age: soon").replace("-- online", "-- onlin"))
    (folder / "policy.json").write_text('{"Version": ,}')
    (folder / "training.yaml").write_text("model: shop_late\nlearning_rate: 3\n")
    # When
    found = problems_of(folder)
    # Then
    assert any(p.startswith("features/shop_load.sql:5: max_age: 'soon' is no duration") for p in found)
    assert any(p.startswith("features/shop_load.sql:6: onlin: is no header") for p in found)
    assert any(p.startswith("policy.json:1: is not JSON") for p in found)
    assert any(p.startswith("training.yaml:2: learning_rate: is not known") for p in found)
    assert any(p.startswith("training.yaml:1: seed: is missing") for p in found)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"type": "text", "description": "looks fine"}, "type: is 'text'"),
        ({"type": "custom", "engine": "soda", "implementation": "x"}, "type: is 'custom'"),
        ({"metric": "freshness", "mustBe": 0}, "metric: is 'freshness'"),
        ({"metric": "rowCount"}, "metric: rowCount has no operator"),
        ({"metric": "rowCount", "mustBe": 1, "mustBeLessThan": 3}, "mustBeLessThan: stands beside mustBe"),
        ({"metric": "nullValues", "mustBe": 0}, "metric: nullValues stands under no property"),
        ({"metric": "rowCount", "mustBe": 1, "schedule": "0 20 * * *"}, "schedule: cannot be honoured"),
        ({"metric": "rowCount", "mustBe": 1, "severity": "info"}, "severity: is 'info'"),
        ({"metric": "rowCount", "mustBe": 1, "unit": "bananas"}, "unit: is 'bananas'"),
        ({"metric": "duplicateValues", "mustBe": 0}, "arguments: duplicateValues needs"),
        ({"type": "sql", "query": "SELEC 1", "mustBe": 1}, "query: is not SQL"),
        ({"type": "sql", "query": "DROP TABLE this", "mustBe": 1}, "query: holds DROP"),
        (
            {"type": "sql", "query": "SELECT max({property}) FROM {table}", "mustBe": 1},
            "query: names {property}",
        ),
        ({"metric": "rowCount", "mustBee": 1}, "mustBee: is no field"),
    ],
)
def test_rule_that_cannot_run_is_refused(tmp_path: Path, rule: dict[str, Any], said: str) -> None:
    contract = given.contract()
    contract["schema"][0]["quality"] = [rule]
    found = problems_of(written(tmp_path, contract=contract))
    assert any(f"schema[0].quality[0].{said}" in p and p.startswith("orders.odcs.yaml:") for p in found), (
        found
    )


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"logicalType": "blob"}, "logicalType: is 'blob'"),
        ({"physicalType": "MONEY"}, "type 'MONEY'"),
        ({"logicalTypeOptions": {"minimun": 0}}, "logicalTypeOptions.minimun: is not known"),
        (
            {"logicalTypeOptions": {"format": "currency"}},
            "logicalTypeOptions.format: 'currency' is not checked",
        ),
        ({"partitioned": True}, "partitioned: cannot be checked"),
        ({"uniqe": True}, "uniqe: is no field"),
        ({"required": "perhaps"}, "required: Input should be a valid boolean"),
    ],
)
def test_property_that_cannot_be_checked_is_refused(
    tmp_path: Path, declared: dict[str, Any], said: str
) -> None:
    found = column(tmp_path, **declared)
    assert any(said in p for p in found), found


def test_misspelt_custom_property_is_refused(tmp_path: Path) -> None:
    found = broken_contract(tmp_path, customProperties=[{"property": "headgateNullValue", "value": ["NA"]}])
    assert "is not known; known: headgateFormat" in found[0]


def test_key_declared_twice_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path)
    with (folder / "training.yaml").open("a") as file:
        file.write("seed: 8\n")
    assert any("seed: is declared twice" in p for p in problems_of(folder))


def test_view_with_two_statements_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path)
    (folder / "features" / "placed.sql").write_text(given.SPINE + "; DELETE FROM orders")
    assert any("holds SELECT, DELETE; exactly one SELECT" in p for p in problems_of(folder))


def test_feature_set_with_an_unknown_view_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path)
    (folder / "features" / "shop_load.sql").unlink()
    assert any("no view 'shop_load'" in p for p in problems_of(folder))


def test_input_port_with_another_contract_version_is_refused(tmp_path: Path) -> None:
    descriptor = given.descriptor()
    descriptor["inputPorts"][0]["version"] = "9.0.0"
    found = problems_of(written(tmp_path, descriptor=descriptor))
    assert any("inputPorts[0].version: is 9.0.0; the contract itself says 1.2.0" in p for p in found)


def test_folder_without_descriptor_or_policy_says_both(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    found = problems_of(empty)
    assert any("a product has exactly one" in p for p in found)
    assert any(p.startswith("policy.json: is missing") for p in found)


def test_unknown_product_lists_those_there_are(tmp_path: Path) -> None:
    written(tmp_path)
    with pytest.raises(InvalidRequest, match=r"no product 'shops' .* there: shop"):
        find_product(tmp_path, "shops")
    assert find_product(tmp_path, "shop") == tmp_path / "shop"


@pytest.mark.parametrize(
    ("text", "seconds"), [("6h", 21600), ("90m", 5400), ("2d", 172800), ("30s", 30), ("6", None), ("h", None)]
)
def test_duration(text: str, seconds: int | None) -> None:
    assert parse_duration(text) == seconds


ROWS = [("a", "north", 1.0), ("b", "south", 2.5), ("b", None, -1.0), (None, "west", 4.0)]


def passes(sql: str) -> bool:
    """The platform's reading of a rule: no row, or a single zero/false."""
    with duckdb.connect() as con:
        con.execute("CREATE TABLE this(order_id VARCHAR, shop VARCHAR, amount DOUBLE)")
        con.executemany("INSERT INTO this VALUES (?, ?, ?)", ROWS)
        found = con.execute(sql).fetchall()
    return not found or (len(found) == 1 and len(found[0]) == 1 and not found[0][0])


@pytest.mark.parametrize(
    ("rule", "good"),
    [
        ({"metric": "nullValues", "mustBe": 1}, True),
        ({"metric": "nullValues", "mustBe": 0}, False),
        ({"metric": "nullValues", "unit": "percent", "mustBeLessOrEqualTo": 25}, True),
        ({"metric": "nullValues", "unit": "percent", "mustBeLessThan": 25}, False),
        ({"metric": "missingValues", "arguments": {"missingValues": ["west", None]}, "mustBe": 2}, True),
        ({"metric": "invalidValues", "arguments": {"validValues": ["north", "south"]}, "mustBe": 1}, True),
        ({"metric": "invalidValues", "arguments": {"pattern": "[nsw].*"}, "mustBe": 0}, True),
        ({"metric": "invalidValues", "arguments": {"pattern": "[ns].*"}, "mustBe": 0}, False),
        ({"metric": "duplicateValues", "mustBe": 0}, True),
        ({"metric": "rowCount", "mustBeBetween": [1, 4]}, True),
        ({"metric": "rowCount", "mustNotBeBetween": [1, 4]}, False),
        (
            {
                "type": "sql",
                "query": "SELECT count(*) FROM ${table} WHERE ${property} = 'west';",
                "mustBe": 1,
            },
            True,
        ),
        ({"type": "sql", "query": "SELECT max({property}) FROM {table} -- newest", "mustBe": "west"}, True),
        (
            {"type": "sql", "query": "SELECT max({property}) FROM {table} WHERE false", "mustBe": "west"},
            False,
        ),
        ({"type": "sql", "query": "SELECT * FROM this WHERE amount < 0"}, False),
        ({"type": "sql", "query": "SELECT * FROM this WHERE amount < -9"}, True),
    ],
)
def test_compiled_rule_judges_rows(tmp_path: Path, rule: dict[str, Any], good: bool) -> None:
    contract = given.contract()
    contract["schema"][0]["properties"][1]["quality"] = [{"name": "judged", **rule}]
    bundle = compile_product(written(tmp_path, contract=contract))
    sql = {r["name"]: r["sql"] for r in bundle["datasets"]["orders"]["rules"]}["judged"]
    assert passes(sql) is good
