"""Compiled contracts: what they read as, and what their parts must agree on."""

from typing import Any

import pytest
from headgate.domain.contract import Contract
from headgate.domain.contract_problems import contract_problems
from headgate.domain.errors import InvalidRequest

CUSTOMERS = {
    "name": "customers",
    "version": "1.0.0",
    "format": "csv",
    "columns": [{"name": "id", "type": "BIGINT", "primary_key": True}, {"name": "zip", "type": "VARCHAR"}],
}
ORDERS: dict[str, Any] = {
    "name": "orders",
    "version": "1.0.0",
    "format": "jsonl",
    "columns": [
        {"name": "id", "type": "varchar", "primary_key": True},
        {"name": "customer", "type": "INTEGER", "unique": True},
        {"name": "placed_at", "type": "TIMESTAMP"},
        {"name": "note", "type": "VARCHAR", "classification": "restricted", "path": "about.note"},
    ],
}


def orders(**changes: Any) -> Contract:
    return Contract.from_document({**ORDERS, **changes})


def problems(**changes: Any) -> list[str]:
    contract = orders(**changes)
    return list(
        contract_problems(contract, {"orders": contract, "customers": Contract.from_document(CUSTOMERS)})
    )


def column(**fields: Any) -> list[dict[str, Any]]:
    return [*ORDERS["columns"], {"name": "x", "type": "VARCHAR", **fields}]


def test_a_whole_contract_has_no_problem() -> None:
    assert (
        problems(
            references=[{"columns": ["customer"], "dataset": "customers", "key": ["id"]}],
            freshness=[{"column": "placed_at", "max_age_seconds": 60, "severity": "warning"}],
            rules=[{"name": "r", "sql": "SELECT 1 FROM customers", "datasets": ["customers"]}],
            unique_across_versions=True,
        )
        == []
    )


def test_a_contract_says_what_its_checks_look_into() -> None:
    contract = orders(
        references=[{"columns": ["customer"], "dataset": "customers", "key": ["id"]}],
        rules=[{"name": "r", "sql": "SELECT 1 FROM shops", "datasets": ["shops"]}],
        unique_across_versions=True,
    )
    assert contract.datasets_read == ("customers", "orders", "shops")
    assert contract.keys == (("id",), ("customer",))
    assert contract.restricted == {"note", "about.note"}
    assert contract.columns[0].type == "VARCHAR"
    assert orders().datasets_read == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": "xml"}, "format is 'xml'"),
        ({"operation": "merge"}, "operation is 'merge'"),
        ({"max_error_rows": 3}, "0 is the only value"),
        ({"encoding": "ebcdic"}, "encoding 'ebcdic' is not known"),
        ({"columns": []}, "no columns"),
        ({"columns": [{"name": "a", "type": "INT"}, {"name": "A", "type": "INT"}]}, "declared twice"),
        ({"columns": [{"name": "a b", "type": "INT"}]}, "is no column name"),
        ({"columns": [{"name": "a", "type": "HUGEINT"}]}, "DECIMAL(38,0)"),
        ({"csv": {"delimiter": ""}}, "delimiter is ''"),
        ({"csv": {"quote": "''"}}, "quote is"),
        ({"csv": {"delimiter": ";", "comment": ";"}}, "must differ"),
        ({"csv": {"decimal_separator": "x"}}, "decimal_separator is 'x'"),
        ({"csv": {"thousands_separator": "."}}, "is the decimal separator too"),
        ({"csv": {"names": ["a"]}}, "has a header of its own"),
        ({"references": [{"columns": ["a"], "dataset": "c", "key": ["a", "b"]}]}, "names 1 columns and 2"),
        ({"rules": [{"name": "r", "sql": "SELECT 1", "severity": "info"}]}, "severity 'info'"),
    ],
)
def test_a_contract_that_cannot_be_read_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        orders(**changes)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "this"}, "no name for a dataset"),
        ({"name": "watermark"}, "no name for a dataset"),
        ({"event_time": "placed"}, "event_time: there is no column 'placed'"),
        ({"event_time": "note"}, "event_time: note is VARCHAR, no date or timestamp"),
        ({"columns": column(classification="secret")}, "classification is 'secret'"),
        ({"columns": column(warn=["required"])}, "'required' is no check that can be a warning"),
        ({"format": "csv", "columns": column(type="VARCHAR[]")}, "cannot be written in CSV"),
        ({"columns": column(type="BLOB")}, "BLOB has no text form in jsonl"),
        ({"columns": column(type="VARCHAR[]", primary_key=True)}, "part of a primary key"),
        ({"columns": column(format="%Y")}, "VARCHAR is no date or time"),
        ({"columns": column(type="INTEGER", minimum="low")}, "minimum is 'low', no number"),
        ({"columns": column(type="DATE", minimum=5)}, "write a DATE as text"),
        ({"columns": column(type="INTEGER", minimum=5, maximum=1)}, "minimum 5 is above maximum 1"),
        ({"columns": column(type="INTEGER", minimum=0.5)}, "minimum is 0.5, which is no INTEGER"),
        ({"columns": column(type="DATE", maximum="soon")}, "maximum is 'soon', which is no DATE"),
        ({"columns": column(type="INTEGER", multiple_of=0)}, "multiple_of is 0; a number above zero"),
        ({"columns": column(type="INTEGER", multiple_of=1.5)}, "multiple_of is 1.5, which is no INTEGER"),
        ({"columns": column(warn=["pattern"])}, "pattern is to be a warning, and is not declared"),
        ({"columns": column(type="UUID", maximum="f")}, "cannot be checked for UUID"),
        ({"columns": column(type="INTEGER", min_length=1)}, "INTEGER has none"),
        ({"columns": column(min_length=3, max_length=2)}, "min_length 3 is above"),
        ({"columns": column(type="DOUBLE", multiple_of=0.1)}, "multiple_of is not exact for DOUBLE"),
        ({"columns": column(type="VARCHAR[]", pattern="x")}, "cannot be checked for"),
        ({"columns": column(former_names=["x"])}, "its former name is its name"),
        ({"columns": column(path="id")}, "two are read from 'id'"),
        (
            {
                "columns": [
                    {"name": "a", "type": "INT", "former_names": ["b"]},
                    {"name": "b", "type": "INT", "former_names": ["a"]},
                ]
            },
            "swap names",
        ),
        ({"csv": {"delimiter": ";"}}, "the format is jsonl"),
        ({"format": "parquet", "encoding": "latin-1"}, "Parquet is no text"),
        ({"format": "csv", "csv": {"header": False, "names": ["id", "q"]}}, "'q' is no column"),
        (
            {"format": "csv", "csv": {"header": False, "names": ["customer"]}},
            "required columns are missing: id",
        ),
        ({"freshness": [{"column": "nope", "max_age_seconds": 1}]}, "no column 'nope'"),
        ({"freshness": [{"column": "id", "max_age_seconds": 1}]}, "no date or timestamp"),
        ({"references": [{"columns": ["id"], "dataset": "x", "key": ["id"]}]}, "'x' is no dataset"),
        (
            {"references": [{"columns": ["id"], "dataset": "customers", "key": ["id"]}]},
            "compared with BIGINT",
        ),
        ({"references": [{"columns": ["id"], "dataset": "customers", "key": ["q"]}]}, "has no column 'q'"),
        (
            {"references": [{"columns": ["q"], "dataset": "customers", "key": ["id"]}]},
            "there is no column 'q'",
        ),
        ({"rules": [{"name": "r", "sql": "SELECT 1", "datasets": ["x"]}]}, "reads 'x'"),
        ({"rules": [{"name": "r", "sql": "SELECT 1"}, {"name": "r", "sql": "SELECT 2"}]}, "declared twice"),
        ({"unique_across_versions": True, "operation": "overwrite"}, "has a history to be unique in"),
        ({"unique_across_versions": True, "columns": [{"name": "a", "type": "INT"}]}, "no column is unique"),
    ],
)
def test_parts_that_do_not_agree_are_problems(changes: dict[str, Any], said: str) -> None:
    assert any(said in problem for problem in problems(**changes)), problems(**changes)


def test_datasets_that_differ_in_case_alone_are_one_name_to_sql() -> None:
    orders = Contract.from_document({**CUSTOMERS, "name": "Customers"})

    found = list(contract_problems(orders, {"customers": orders, "Customers": orders}))

    assert "'Customers' and 'customers' are one name to SQL, which knows no case" in found
