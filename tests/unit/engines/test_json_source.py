"""JSON lines, arrays and objects in a row are read by path and type; what does not fit is told by column and
place.
"""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from typing import Any

import pytest
from headgate.domain.source_limits import SourceLimits

from tests.unit.engines.reading import Reading, contract

ORDER = {
    "id": 1,
    "at": "2024-02-29T10:11:12",
    "customer": {"name": "Žižka", "address": {"city": "Bern"}},
    "tags": ["a", "b"],
    "items": [{"sku": "x", "n": 2}, {"sku": "y"}],
}
COLUMNS: list[dict[str, Any]] = [
    {"name": "id", "type": "INTEGER", "required": True},
    {"name": "at", "type": "TIMESTAMP"},
    {"name": "customer", "type": "VARCHAR", "path": "customer.name"},
    {"name": "city", "type": "VARCHAR", "path": "customer.address.city"},
    {"name": "tags", "type": "VARCHAR[]"},
    {"name": "items", "type": "STRUCT(sku VARCHAR, n INTEGER)[]"},
]
ROW = {
    "id": 1,
    "at": datetime.datetime(2024, 2, 29, 10, 11, 12),
    "customer": "Žižka",
    "city": "Bern",
    "tags": ["a", "b"],
    "items": [{"sku": "x", "n": 2}, {"sku": "y", "n": None}],
}
TEXT = json.dumps(ORDER, ensure_ascii=False)
LAYOUTS = {
    "lines": ("jsonl", f"{TEXT}\n\n{TEXT}\r\n"),
    "an array": ("json", f"[{TEXT},\n{TEXT}]\n"),
    "an array after blanks": ("json", f" \n[\n {TEXT} , {TEXT} ]"),
    "pretty": ("json", json.dumps([ORDER, ORDER], indent=2)),
    "objects in a row": ("json", f"{TEXT}{TEXT}"),
    "objects over lines": ("json", json.dumps(ORDER, indent=1) + "\n" + TEXT),
}


@pytest.mark.parametrize(("kind", "text"), LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_nested_objects_become_rows(reading: Reading, kind: str, text: str, encoding: str) -> None:
    assert reading.rows(text.encode(encoding), contract(kind, COLUMNS)) == [ROW, ROW]


def test_one_object_is_one_row(reading: Reading) -> None:
    assert reading.rows(json.dumps(ORDER, indent=2).encode(), contract("json", COLUMNS)) == [ROW]


VALUES = [
    ("INTEGER", "1", 1),
    ("INTEGER", "1.0", 1),
    ("INTEGER", '"7"', 7),
    ("DOUBLE", "1.5", 1.5),
    ("DOUBLE", "2", 2.0),
    ("DECIMAL(20,2)", '"12345678901234567.89"', Decimal("12345678901234567.89")),
    ("DECIMAL(38,0)", "12345678901234567890123", Decimal("12345678901234567890123")),
    ("DECIMAL(5,2)", "1.25", Decimal("1.25")),
    ("BOOLEAN", "true", True),
    ("VARCHAR", "5", "5"),
    ("VARCHAR", '"5"', "5"),
    ("VARCHAR", '{"x": 1}', '{"x":1}'),
    ("DATE", '"2024-02-29"', datetime.date(2024, 2, 29)),
    ("INTEGER", "null", None),
    ("INTEGER", '"NA"', None),
    ("STRUCT(x INTEGER)", "null", None),
    ("STRUCT(x INTEGER, y INTEGER[])", '{"y": [1, null]}', {"x": None, "y": [1, None]}),
    ("INTEGER[]", "[]", []),
]


@pytest.mark.parametrize(("kind", "text", "value"), VALUES)
def test_a_value_is_read_as_its_type(reading: Reading, kind: str, text: str, value: object) -> None:
    declared = contract("jsonl", {"id": "INTEGER", "v": kind}, null_values=["NA"])
    assert reading.rows(f'{{"id": 0, "v": {text}}}\n'.encode(), declared) == [{"id": 0, "v": value}]


WRONG = [
    ("INTEGER", "1.5"),
    ("INTEGER", '"1.5"'),
    ("INTEGER", "true"),
    ("TINYINT", "300"),
    ("INTEGER", '"one"'),
    ("INTEGER", "[1]"),
    ("BOOLEAN", "1"),
    ("DOUBLE", '"x"'),
    ("DECIMAL(20,2)", "12345678901234567.89"),
    ("DATE", "20240229"),
    ("DATE", '"29.02.2024"'),
    ("UUID", '"x"'),
    ("INTEGER[]", '[1, "x"]'),
    ("INTEGER[]", "1"),
    ("STRUCT(x INTEGER)", '{"x": "y"}'),
    ("STRUCT(x INTEGER)", '{"x": 1, "y": 2}'),
    ("STRUCT(x STRUCT(y INTEGER[])[])", '{"x": [{"y": [1]}, {"y": [1.5]}]}'),
    ("STRUCT(x INTEGER)", "[]"),
]


@pytest.mark.parametrize(("kind", "text"), WRONG)
def test_a_value_of_another_type_is_refused_with_its_place(reading: Reading, kind: str, text: str) -> None:
    body = f'{{"v": null}}\n{{"v": {text}}}\n{{"v": {text}}}\n'
    refusal = reading.refused(body.encode(), contract("jsonl", {"v": kind}))
    assert (refusal.rule, refusal.rows) == ("wrong_type", 2)
    assert [(s["row"], s["column"]) for s in refusal.sample] == [(2, "v"), (3, "v")]


def test_dates_have_their_own_format(reading: Reading) -> None:
    declared = contract("jsonl", [{"name": "d", "type": "DATE", "format": "%d.%m.%Y"}])
    assert reading.rows(b'{"d": "29.02.2024"}\n{"d": null}', declared) == [
        {"d": datetime.date(2024, 2, 29)},
        {"d": None},
    ]
    assert "'%d.%m.%Y'" in str(reading.refused(b'{"d": "2024-02-29"}', declared))


def test_fields_that_the_contract_does_not_name_are_refused_or_left_out(reading: Reading) -> None:
    # Given fields that appear late, at the root and in an object that a path goes through
    lines = [{"id": 1, "customer": {"name": "k"}}] * 30_000
    late = {"id": 2, "customer": {"name": "k", "age": 7}, "more": 1}
    body = "\n".join(map(json.dumps, [*lines, late])).encode()
    columns = [COLUMNS[0], COLUMNS[2]]
    # Then they are named, or ignored
    refusal = reading.refused(body, contract("jsonl", columns))
    assert refusal.rule == "unexpected_column"
    assert "customer.age, more" in str(refusal)
    assert len(reading.rows(body, contract("jsonl", columns, undeclared="ignore"))) == 30_001
    nested = contract("jsonl", {"v": "STRUCT(x INTEGER)"}, undeclared="ignore")
    assert reading.rows(b'{"v": {"x": 1, "y": 2}}', nested) == [{"v": {"x": 1}}]


def test_former_names_are_read(reading: Reading) -> None:
    column = {"name": "name", "type": "VARCHAR", "path": "customer.name", "former_names": ["kunde.name"]}
    assert reading.rows(b'{"kunde": {"name": "k"}}', contract("jsonl", [column])) == [{"name": "k"}]


REFUSED: dict[str, tuple[str, bytes, str, str]] = {
    "a line that is cut off": ("jsonl", b'{"v": 1}\n{"v": \n', "broken_json", "line 2 is not JSON"),
    "two objects in a line": ("jsonl", b'{"v": 1}\n{"v": 1} {"v": 1}\n', "broken_json", "line 2"),
    "an array in lines": ("jsonl", b'[{"v": 1},\n{"v": 1}]\n', "broken_json", "line 1"),
    "an array that is cut off": ("json", b'[{"v": 1},\n{"v": 1}\n', "broken_json", "line 3"),
    "an array without a comma": ("json", b'[{"v": 1},\n{"v" 1}]', "broken_json", "line 2"),
    "text after an array": ("json", b'[{"v": 1}]\n x', "broken_json", "line 2"),
    "an object that is cut off": ("json", b'{"v": 1}\n\n{"v": [', "broken_json", "line 3"),
    "a number": ("jsonl", b'{"v": 1}\n7\n', "no_object", "1 values"),
    "an array of arrays": ("json", b"[[1], [2]]", "no_object", "2 values"),
    "null": ("json", b"[null]", "no_object", "1 values"),
    "a field twice": ("jsonl", b'{"v": 1, "v": 2}\n', "duplicate_column", "1 objects"),
    "an empty array": ("json", b"[]", "missing_column", "found"),
    "bytes that are not UTF-8": ("jsonl", b'{"v": 1}\n{"w": "\xff"}\n', "undecodable", "line 2"),
    "a scalar where a path goes through": ("jsonl", b'{"v": 1, "o": 5}\n', "wrong_type", "values of o"),
}


@pytest.mark.parametrize(("kind", "body", "rule", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_table_is_refused(reading: Reading, kind: str, body: bytes, rule: str, said: str) -> None:
    columns = [{"name": "v", "type": "INTEGER"}, {"name": "p", "type": "INTEGER", "path": "o.p"}]
    refusal = reading.refused(body, contract(kind, columns))
    assert refusal.rule == rule
    assert said in str(refusal)


@pytest.mark.parametrize("kind", ["json", "jsonl"])
@pytest.mark.parametrize("length", [17 << 20, 80 << 20])
def test_an_object_that_is_too_large_is_refused(reading: Reading, kind: str, length: int) -> None:
    refusal = reading.refused(
        b'{"v": 1}\n{"v": "' + b"x" * length + b'"}\n', contract(kind, {"v": "VARCHAR"})
    )
    assert refusal.rule == "object_too_large"
    assert "SOURCE_MAX_OBJECT_BYTES" in str(refusal)


def test_an_object_of_ten_thousand_fields_is_refused(reading: Reading) -> None:
    wide = json.dumps({f"x{n}": n for n in range(10_000)}).encode()
    refusal = reading.refused(wide, contract("jsonl", {"x1": "INTEGER"}, undeclared="ignore"))
    assert refusal.rule == "too_many_columns"
    reading.limits = SourceLimits(max_columns=10_000)
    assert reading.rows(wide, contract("jsonl", {"x1": "INTEGER"}, undeclared="ignore")) == [{"x1": 1}]


def test_deep_nesting_is_text_or_refused(reading: Reading) -> None:
    deep = b'{"v": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    assert reading.refused(deep, contract("jsonl", {"v": "INTEGER"})).rule == "wrong_type"
