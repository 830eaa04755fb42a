"""What a contract says of the files themselves is compiled, or refused with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
from headgate.cli.compile_product import compile_product
from headgate.cli.date_format import strptime_format
from headgate.cli.problems import ProductInvalid
from headgate.domain.contract import Contract
from headgate.domain.contract_problems import known_format
from headgate.domain.csv_dialect import CsvDialect

from tests.unit.cli import product_folders as given


def folder_of(tmp_path: Path, contract: dict[str, Any]) -> Path:
    return given.write_product(
        tmp_path / "shop", contract=contract, descriptor=given.descriptor(), training=given.training()
    )


def compiled(tmp_path: Path, contract: dict[str, Any]) -> Contract:
    return Contract.from_document(compile_product(folder_of(tmp_path, contract))["datasets"]["orders"])


def problems_of(tmp_path: Path, contract: dict[str, Any]) -> str:
    with pytest.raises(ProductInvalid) as refused:
        compile_product(folder_of(tmp_path, contract))
    return "\n".join(str(problem) for problem in refused.value.problems)


def served(server: dict[str, Any], **properties: Any) -> dict[str, Any]:
    contract = given.contract()
    contract["servers"] = [{"server": "landing", "type": "s3", **server}]
    contract["customProperties"] = [{"property": name, "value": v} for name, v in properties.items()]
    return contract


def with_property(**declared: Any) -> dict[str, Any]:
    contract = served({"format": "json"})
    contract["schema"][0]["properties"].append({"name": "extra", **declared})
    return contract


def test_the_server_says_format_delimiter_and_encoding(tmp_path: Path) -> None:
    found = compiled(tmp_path, served({"format": "csv", "delimiter": ";", "encoding": "ISO-8859-1"}))
    assert (found.format, found.encoding, found.csv) == ("csv", "latin-1", CsvDialect(delimiter=";"))


@pytest.mark.parametrize(
    ("server", "kind"),
    [
        ({"format": "json"}, "json"),
        ({"format": "json", "delimiter": "array"}, "json"),
        ({"format": "json", "delimiter": "new_line"}, "jsonl"),
        ({"format": "jsonl"}, "jsonl"),
        ({"format": "csv", "delimiter": "new_line"}, "csv"),
    ],
)
def test_json_has_two_layouts(tmp_path: Path, server: dict[str, Any], kind: str) -> None:
    assert compiled(tmp_path, served(server)).format == kind


def test_custom_properties_say_the_rest_and_win(tmp_path: Path) -> None:
    dialect = {"quote": "'", "escape": "\\", "skip_lines": 2, "decimal_separator": ","}
    contract = served(
        {"format": "csv", "delimiter": ";"},
        headgateCsv=dialect,
        headgateEncoding="utf-16",
        headgateUndeclared="ignore",
    )
    found = compiled(tmp_path, contract)
    assert found.csv == CsvDialect(delimiter=";", **dialect)  # type: ignore[arg-type]
    assert (found.encoding, found.undeclared) == ("utf-16", "ignore")


@pytest.mark.parametrize(
    ("server", "properties", "said"),
    [
        ({"format": "csv", "encoding": "klingon"}, {}, "servers[0].encoding: encoding 'klingon'"),
        ({"format": "csv"}, {"headgateEncoding": "klingon"}, "customProperties[0].value: encoding 'klingon'"),
        ({"format": "json", "delimiter": ";"}, {}, "servers[0].delimiter: is ';'; JSON has"),
        ({"format": "parquet", "delimiter": ";"}, {}, "servers[0].delimiter: is ';', and Parquet has none"),
        ({"format": "csv", "delimiter": "~~~~~"}, {}, "one to four bytes"),
        ({"format": "csv"}, {"headgateCsv": {"quote": '""'}}, "quote is '\"\"'"),
        ({"format": "csv"}, {"headgateCsv": {"quotes": "'"}}, "quotes"),
        ({"format": "csv"}, {"headgateCsv": ";"}, "a mapping such as"),
        ({"format": "csv"}, {"headgateNullValues": ['"']}, "has a delimiter, quote or line end in it"),
        ({"format": "csv"}, {"headgateUndeclared": "drop"}, "undeclared"),
        ({"format": "json"}, {"headgateCsv": {"skip_lines": 1}}, "the format is json"),
        ({"format": "parquet"}, {"headgateNullValues": ["NA"]}, "Parquet has nulls of its own"),
        ({"format": "parquet"}, {"headgateEncoding": "utf-16"}, "Parquet is no text"),
    ],
)
def test_what_ingest_does_not_read_is_refused(
    tmp_path: Path, server: dict[str, Any], properties: dict[str, Any], said: str
) -> None:
    assert said in problems_of(tmp_path, served(server, **properties))


def test_a_column_says_where_drops_hold_it(tmp_path: Path) -> None:
    names = {"property": "headgateFormerNames", "value": ["betrag"]}
    contract = with_property(
        logicalType="string", physicalName="customer.address.city", customProperties=[names]
    )
    column = compiled(tmp_path, contract).columns[-1]
    assert (column.path, column.former_names) == ("customer.address.city", ("betrag",))


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"physicalName": "a..b"}, "is no path"),
        ({"physicalName": "order_id.x"}, "lies inside 'order_id'"),
        ({"customProperties": [{"property": "headgateFormerName", "value": ["x"]}]}, "known: headgateFormer"),
        ({"customProperties": [{"property": "headgateFormerNames", "value": "x"}]}, "a list of names"),
    ],
)
def test_a_place_that_cannot_be_is_refused(tmp_path: Path, declared: dict[str, Any], said: str) -> None:
    assert said in problems_of(tmp_path, with_property(logicalType="string", **declared))


@pytest.mark.parametrize(
    ("logical", "pattern", "found"),
    [
        ("date", "dd.MM.yyyy", "%d.%m.%Y"),
        ("date", "%d/%m/%y", "%d/%m/%y"),
        ("date", "yyyy-MM-dd", None),
        ("timestamp", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "%Y-%m-%dT%H:%M:%S.%g%z"),
        ("timestamp", "yyyy-MM-ddTHH:mm:ssZ", None),
        ("timestamp", "d MMM yyyy 'at' h:mm a", "%-d %b %Y at %-I:%M %p"),
        ("time", "HHmm", "%H%M"),
    ],
)
def test_date_patterns_become_strptime_formats(
    tmp_path: Path, logical: str, pattern: str, found: str | None
) -> None:
    contract = with_property(logicalType=logical, logicalTypeOptions={"format": pattern})
    assert compiled(tmp_path, contract).columns[-1].format == found


@pytest.mark.parametrize("pattern", ["QQQ yyyy", "dd.MM.yyyy G", "%Q", "100%", "unknown"])
def test_a_date_pattern_that_nobody_reads_is_refused(tmp_path: Path, pattern: str) -> None:
    contract = with_property(logicalType="date", logicalTypeOptions={"format": pattern})
    assert "logicalTypeOptions.format" in problems_of(tmp_path, contract)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("yyyy-MM-dd HH:mm:ss.SSS", "2024-02-09 03:04:05.678"),
        ("uuuu/M/d H:m:s", "2024/2/9 3:4:5"),
        ("EEE, dd MMM yy hh:mm a", "Fri, 09 Feb 24 03:04 AM"),
        ("yyyyDDD", "2024040"),
    ],
)
def test_the_engine_reads_the_formats(pattern: str, text: str) -> None:
    found = strptime_format(pattern)
    assert found is not None and known_format(found)
    row = duckdb.execute("SELECT CAST(strptime($1, $2) AS DATE)", [text, found]).fetchone()
    assert row is not None and row[0].isoformat() == "2024-02-09"


def test_every_known_directive_is_one_of_the_engine() -> None:
    letters = "%aAbBcdfgGHIjmMnpSuUVwWxXyYzZ"
    for directive in [*letters, *(f"-{c}" for c in "dmyHIMSj")]:
        assert known_format(f"%{directive}")
        duckdb.execute("SELECT try_strptime('x', $1)", [f"%{directive}"]).fetchone()


def test_objects_and_arrays_become_structs_and_lists(tmp_path: Path) -> None:
    item = {
        "logicalType": "object",
        "properties": [
            {"name": "sku", "logicalType": "string"},
            {"name": "n", "logicalType": "integer", "logicalTypeOptions": {"format": "i32"}},
            {"name": "tags", "logicalType": "array", "items": {"logicalType": "string"}},
        ],
    }
    found = compiled(tmp_path, with_property(logicalType="array", items=item)).columns[-1]
    assert found.type == 'STRUCT("sku" VARCHAR, "n" INTEGER, "tags" VARCHAR[])[]'
    other = compiled(tmp_path / "other", with_property(physicalType="struct(a integer)[]")).columns[-1]
    assert other.type == 'STRUCT("a" INTEGER)[]'


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"logicalType": "object"}, "properties: is missing"),
        ({"logicalType": "array"}, "items: is missing"),
        ({"logicalType": "string", "items": {"logicalType": "string"}}, "items: a string has none"),
        ({"logicalType": "array", "items": {"logicalType": "money"}}, "items.logicalType: is 'money'"),
        (
            {"logicalType": "object", "properties": [{"name": "x", "logicalType": "date", "required": True}]},
            "properties[0].required: cannot be checked inside",
        ),
        (
            {
                "logicalType": "array",
                "items": {"logicalType": "integer", "logicalTypeOptions": {"minimum": 0}},
            },
            "logicalTypeOptions.minimum: cannot be checked inside",
        ),
    ],
)
def test_what_cannot_be_nested_is_refused(tmp_path: Path, declared: dict[str, Any], said: str) -> None:
    assert said in problems_of(tmp_path, with_property(**declared))


def test_csv_holds_nothing_nested(tmp_path: Path) -> None:
    contract = with_property(logicalType="array", items={"logicalType": "string"})
    contract["servers"][0]["format"] = "csv"
    assert "cannot be written in CSV" in problems_of(tmp_path, contract)
