"""CSV is read in the contract's dialect; what does not fit is refused with its line in the file."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from headgate.adapters.engines.sources.csv_lines import may_hold_line_ends
from headgate.domain.csv_dialect import CsvDialect
from headgate.domain.source_limits import SourceLimits

from tests.unit.engines.reading import Reading, contract

AB = {"a": "INTEGER", "b": "VARCHAR"}
DIALECTS: dict[str, tuple[bytes, dict[str, Any]]] = {
    "semicolons": (b"a;b\n1;x\n", {"delimiter": ";"}),
    "a delimiter of four": (b"a~~~~b\n1~~~~x\n", {"delimiter": "~~~~"}),
    "a delimiter beyond ASCII": ("a§b\n1§x\n".encode(), {"delimiter": "§"}),
    "other quotes": (b"a,b\n'1','x'\n", {"quote": "'", "escape": "'"}),
    "no header": (b"1,x\n", {"header": False}),
    "no header, columns named": (b"x,1\n", {"header": False, "names": ["b", "a"]}),
    "lines to skip": (b'a "report\nof, today\na,b\n1,x\n', {"skip_lines": 2}),
    "lines to skip, without a header": (b'a "report\n1,x\n', {"skip_lines": 1, "header": False}),
    "more lines to skip than a mark": (b"\xef\xbb\xbfreport\na,b\n1,x\n", {"skip_lines": 1}),
    "comments": (b"# of today\n# all\na,b\n# one\n1,x\n#end", {"comment": "#"}),
}


@pytest.mark.parametrize(("body", "dialect"), DIALECTS.values(), ids=DIALECTS)
def test_every_dialect_gives_the_same_row(reading: Reading, body: bytes, dialect: dict[str, Any]) -> None:
    assert reading.rows(body, contract("csv", AB, csv=dialect)) == [{"a": 1, "b": "x"}]


VALUES: dict[str, tuple[bytes, dict[str, Any], str]] = {
    "an escaped quote": (rb"a,b" b"\n" rb'1,"x\"y\\z"', {"escape": "\\"}, 'x"y\\z'),
    "a doubled quote": (b'a,b\n1,"x""y"\n', {}, 'x"y'),
    "no quotes at all": (b'a,b\n1,"x\n', {"quote": "", "escape": ""}, '"x'),
    "a quoted line end": (b'a,b\n1,"x\ny"\n', {}, "x\ny"),
    "a quoted line end of the other kind": (b'a,b\n1,"x\r\ny"\n', {}, "x\r\ny"),
    "in a file of carriage returns and newlines": (b'a,b\r\n1,"x\ny"\r\n', {}, "x\ny"),
    "in the first record": (b'1,"x\r\ny"\n', {"header": False}, "x\r\ny"),
    "carriage returns alone": (b"a,b\r1,x\r", {}, "x"),
    "line ends of two kinds": (b"a,b\r\n1,x\n", {}, "x"),
    "no comment is cut off a value": (b"a,b\n1,x #1\n", {"comment": "#"}, "x #1"),
    "no comment within quotes": (b'a,b\n1,"x\n# no comment"\n', {"comment": "#"}, "x\n# no comment"),
    "after a quote within a value": (b'a,b\n1,5" x\n#it is\n', {"comment": "#"}, '5" x'),
    "blanks": (b"a,b\n 1 , x \n", {}, " x "),
}


@pytest.mark.parametrize(("body", "dialect", "value"), VALUES.values(), ids=VALUES)
def test_a_value_comes_through_whole(
    reading: Reading, body: bytes, dialect: dict[str, Any], value: str
) -> None:
    assert reading.rows(body, contract("csv", AB, csv=dialect)) == [{"a": 1, "b": value}]


def test_numbers_are_written_as_in_europe(reading: Reading) -> None:
    declared = contract(
        "csv",
        {"a": "DOUBLE", "b": "INTEGER", "c": "DECIMAL(10,2)"},
        csv={"delimiter": ";", "decimal_separator": ",", "thousands_separator": "."},
    )
    assert reading.rows(b"a;b;c\n1.234,5;1.234;1.234,56\n", declared) == [
        {"a": 1234.5, "b": 1234, "c": Decimal("1234.56")}
    ]


def test_dates_have_their_own_formats(reading: Reading) -> None:
    declared = contract(
        "csv",
        [
            {"name": "day", "type": "DATE", "format": "%d.%m.%Y"},
            {"name": "month", "type": "DATE", "format": "%m/%Y"},
            {"name": "at", "type": "TIMESTAMP", "format": "%Y%m%d %H:%M"},
            {"name": "clock", "type": "TIME", "format": "%I:%M %p"},
        ],
    )
    body = b"day,month,at,clock\n31.12.2024,02/2024,20240229 10:11,01:05 PM\n,,,\n"
    assert reading.rows(body, declared)[0] == {
        "day": datetime.date(2024, 12, 31),
        "month": datetime.date(2024, 2, 1),
        "at": datetime.datetime(2024, 2, 29, 10, 11),
        "clock": datetime.time(13, 5),
    }
    refusal = reading.refused(body + b"2024-12-31,,,\n", declared)
    assert (refusal.rule, refusal.rows) == ("wrong_type", 1)
    assert refusal.sample == ({"row": 3, "column": "day", "value": "2024-12-31"},)
    assert "'%d.%m.%Y'" in str(refusal)


def test_headers_are_found_by_path_and_by_former_name(reading: Reading) -> None:
    columns = [
        {"name": "customer", "type": "VARCHAR", "path": 'Kunde "Nr."\n(alt)', "required": True},
        {"name": "amount", "type": "INTEGER", "former_names": ["sum", "total"]},
    ]
    header = b'"Kunde ""Nr.""\n(alt)",total\n'
    assert reading.rows(header + b"k,7\n", contract("csv", columns)) == [{"customer": "k", "amount": 7}]
    refusal = reading.refused(header + b"k,7\nk,x\n", contract("csv", columns))
    assert refusal.sample[0]["line"] == 4
    assert refusal.sample[0]["column"] == "total"


def test_undeclared_columns_are_left_out_where_the_contract_says_so(reading: Reading) -> None:
    declared = contract("csv", AB, undeclared="ignore")
    body = b"x,x,A,b,a\nq,q,q,y,1\n"
    assert reading.rows(body, declared) == [{"a": 1, "b": "y"}]
    assert reading.refused(body, contract("csv", AB)).rule == "unexpected_column"


LINES: dict[str, tuple[bytes, dict[str, Any], int]] = {
    "plain": (b"a,b\n1,x\n2\n", {}, 3),
    "after skipped lines": (b'"\n\na,b\n1,x\n2\n', {"skip_lines": 2}, 5),
    "after a header of two lines": (b'a,"b"\n1,"x\ny\nz"\n\n2\n', {}, 6),
    "after comments": (b"#\na,b\n#\n1,x\n#\n2\n", {"comment": "#"}, 6),
    "with carriage returns": (b"a,b\r\n1,x\r\n2\r\n", {}, 3),
    "with carriage returns alone": (b"a,b\r1,x\r2\r", {}, 3),
    "without a header": (b"1,x\n2\n", {"header": False}, 2),
}


@pytest.mark.parametrize(("body", "dialect", "line"), LINES.values(), ids=LINES)
def test_a_ragged_row_is_refused_with_its_line(
    reading: Reading, body: bytes, dialect: dict[str, Any], line: int
) -> None:
    refusal = reading.refused(body, contract("csv", AB, csv=dialect))
    assert (refusal.rule, refusal.rows, refusal.sample[0]["line"]) == ("ragged_row", 1, line)
    assert f"line {line}" in str(refusal)


def test_the_line_is_right_far_into_a_large_file(reading: Reading) -> None:
    rows = [b"%d,some text that goes on and on\n" % n for n in range(400_000)]
    rows[399_990] = b"x,y\n"
    refusal = reading.refused(b"a,b\n" + b"".join(rows), contract("csv", AB))
    assert (refusal.rule, refusal.rows, refusal.sample[0]["line"]) == ("wrong_type", 1, 399_992)


def test_a_file_of_bad_rows_alone_is_refused_in_little_memory(reading: Reading) -> None:
    refusal = reading.refused(b"a,b\n" + b"x,some text\n" * 1_000_000, contract("csv", AB))
    assert refusal.rule == "wrong_type"
    assert refusal.rows is not None
    assert 1000 <= refusal.rows < 100_000
    assert "at least" in str(refusal)
    assert [entry["line"] for entry in refusal.sample] == list(range(2, 12))


@pytest.mark.parametrize(
    ("text", "dialect", "found"),
    [
        (b'a,b\n1,"x"\n', CsvDialect(), False),
        (b'a,b\n1,"x ""y"" z"\n', CsvDialect(), False),
        (b'a,b\n1,"x\ny"\n', CsvDialect(), True),
        (b'a,b\n1,"x\n', CsvDialect(), True),
        (b'a,b\n1,"x\ny"\n', CsvDialect(quote="'"), False),
        (b'a,b\n1,"x"\n', CsvDialect(escape="\\"), True),
        (b"a,b\n1,x\n", CsvDialect(escape="\\"), False),
        (b'a,b\n1,"x\ny"\n', CsvDialect(quote=""), False),
        (b"x" * (1 << 20) + b'"\n' + b"y" * (1 << 20), CsvDialect(), True),
        (b'"' + b"x" * (1 << 20) + b'"\n', CsvDialect(), False),
        (b'"' + b"x" * (1 << 20) + b'\n"\n', CsvDialect(), True),
    ],
)
def test_quoted_line_ends_are_suspected(
    tmp_path: Path, text: bytes, dialect: CsvDialect, found: bool
) -> None:
    (tmp_path / "source").write_bytes(text)
    assert may_hold_line_ends(tmp_path / "source", dialect) is found


def test_rows_within_quotes_are_never_taken_for_rows(reading: Reading) -> None:
    # Given values that look like rows, over every place at which threads begin
    inner = "\n".join(f"{n},row {n}" for n in range(200))
    body = "a,b\n" + "".join(f'{n},"{inner}"\n' for n in range(8_000))
    assert len(body) > 16_000_000
    # When it is read
    found = reading.rows(body.encode(), contract("csv", AB))
    # Then each row is one
    assert len(found) == 8_000
    assert {row["b"] for row in found} == {inner}
    # And one that is never closed is not dropped
    refusal = reading.refused(body.encode() + b'1,"x\n', contract("csv", AB))
    assert refusal.rule == "broken_quotes"
    assert "line 1,600,002" in str(refusal)


def test_a_field_of_20_megabytes_is_refused(reading: Reading) -> None:
    body = b"a,b\n1,x\n2," + b"x" * 20_000_000 + b"\n3,y\n"
    refusal = reading.refused(body, contract("csv", AB))
    assert refusal.rule == "line_too_long"
    assert re.search(r"line 3\b.*8,388,608 .setting SOURCE_MAX_LINE_BYTES", str(refusal))
    reading.limits = SourceLimits(max_line_bytes=21_000_000)
    assert len(reading.rows(body, contract("csv", AB))) == 3


def test_a_quoted_field_of_20_megabytes_with_lines_is_refused(reading: Reading) -> None:
    body = b'a,b\n1,x\n2,"' + b"xxx\n" * 5_000_000 + b'"\n3,y\n'
    assert reading.refused(body, contract("csv", AB)).rule == "line_too_long"


def test_a_header_without_end_is_refused(reading: Reading) -> None:
    refusal = reading.refused(b"a" * 20_000_000, contract("csv", AB))
    assert refusal.rule == "line_too_long"
    assert "SOURCE_MAX_LINE_BYTES" in str(refusal)


@pytest.mark.parametrize("undeclared", ["refuse", "ignore"])
def test_ten_thousand_columns_are_refused_before_a_row_is_read(reading: Reading, undeclared: str) -> None:
    header = ",".join(["a", *(f"x{n}" for n in range(9_999))])
    body = f"{header}\n{'1,' * 9_999}1\n".encode()
    refusal = reading.refused(body, contract("csv", AB, undeclared=undeclared))
    assert refusal.rule == "too_many_columns"
    assert "10,000; the limit is 2,000 (setting SOURCE_MAX_COLUMNS)" in str(refusal)


def test_names_that_are_too_many_are_not_all_told(reading: Reading) -> None:
    header = ",".join(f"{'x' * 200}{n}" for n in range(1_500))
    assert len(str(reading.refused(f"{header}\n".encode(), contract("csv", {"a": "DATE"})))) < 2_000
