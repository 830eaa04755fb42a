"""What the ingest engine accepts and refuses: every kind of bad file ends with a rule and a reason, never
half written.
"""

import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from headgate.adapters.engines.duckdb_ingest import DuckDbIngestEngine
from headgate.adapters.engines.duckdb_session import Limits
from headgate.domain.contract import Contract
from headgate.domain.errors import DropRefused, TooLargeHere
from headgate.domain.source_limits import SourceLimits

COLUMNS = [
    {"name": "a", "type": "INTEGER", "required": True, "primary_key": True, "minimum": 0},
    {"name": "b", "type": "INTEGER"},
    {"name": "c", "type": "VARCHAR", "allowed": ["x", "y", "é"]},
    {"name": "d", "type": "VARCHAR", "pattern": "[a-z]+"},
]
RULES = [{"name": "b_is_small", "sql": "SELECT count(*) FROM this WHERE b > 100"}]


def contract(kind: str = "csv", **changes: object) -> Contract:
    document = {
        "name": "t",
        "version": "1",
        "format": kind,
        "null_values": ["NA"],
        "columns": COLUMNS,
        "rules": RULES,
    }
    return Contract.from_document({**document, **changes})


@pytest.fixture
def engine() -> DuckDbIngestEngine:
    return DuckDbIngestEngine(Limits(256 * 1024**2, 2), SourceLimits(max_bytes=1_000_000))


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


GOOD = b"a,b,c,d\n1,2,x,q\n2,NA,y,NA\n"
REFUSED = {
    "empty": (b"", "empty_file", None),
    "header only": (b"a,b,c,d\n", "no_rows", None),
    "blank lines only": (b"\n\n\n", "missing_column", None),
    "no header": (b"1,2,x,q\n", "missing_column", None),
    "required column missing": (b"b,c,d\n1,x,q\n", "missing_column", None),
    "undeclared column": (b"a,b,c,d,e\n1,2,x,q,1\n", "unexpected_column", None),
    "column twice": (b"a,b,c,d,d\n1,2,x,q,q\n", "duplicate_column", None),
    "too few fields": (b"a,b,c,d\n1,2\n", "ragged_row", 1),
    "too many fields": (b"a,b,c,d\n1,2,x,q,9\n3,4,x,q\n", "ragged_row", 1),
    "wrong type": (b"a,b,c,d\n1,2,x,q\nfoo,2,x,q\n3,bar,x,q\n", "wrong_type", 2),
    "not UTF-8": (b"a,b,c,d\n1,2,\xff\xfe,q\n", "undecodable", 1),
    "header not UTF-8": (b"\xff\xfe,b\n1,2\n", "undecodable", None),
    "unclosed quote": (b'a,b,c,d\n1,2,"x,q\n3,4,y,q\n', "broken_quotes", 1),
    "null in required": (b"a,b,c,d\n,2,x,q\nNA,2,x,q\n", "not_null:a", 2),
    "below minimum": (b"a,b,c,d\n-1,2,x,q\n", "minimum:a", 1),
    "not allowed": (b"a,b,c,d\n1,2,z,q\n", "allowed:c", 1),
    "pattern": (b"a,b,c,d\n1,2,x,Q9\n", "pattern:d", 1),
    "key twice": (b"a,b,c,d\n1,2,x,q\n1,3,y,q\n", "primary_key:a", 2),
    "rule": (b"a,b,c,d\n1,200,x,q\n2,300,x,q\n", "rule:b_is_small", 2),
    "truncated gzip": (gzip.compress(GOOD * 500)[:-30], "broken_gzip", None),
    "gzip with a broken body": (
        gzip.compress(GOOD)[:15] + b"\0\0\0\0" + gzip.compress(GOOD)[19:],
        "broken_gzip",
        None,
    ),
    "gzip bomb": (gzip.compress(b"a,b,c,d\n" + b"1" * 3_000_000), "too_large", None),
}


@pytest.mark.parametrize(("body", "rule", "rows"), REFUSED.values(), ids=REFUSED)
def test_bad_csv_is_refused_with_rule_and_rows(
    engine: DuckDbIngestEngine, tmp_path: Path, body: bytes, rule: str, rows: int | None
) -> None:
    # Given a file that breaks the contract
    source, target = tmp_path / "source", tmp_path / "out.parquet"
    source.write_bytes(body)
    # When it is converted
    with pytest.raises(DropRefused) as refusal:
        engine.convert(source, "drop.csv", contract(), target)
    # Then the rule and the number of rows are named, and nothing is left behind
    assert (refusal.value.rule, refusal.value.rows) == (rule, rows)
    assert str(refusal.value)
    assert not target.exists()
    assert source.read_bytes() == body


ACCEPTED = {
    "plain": (GOOD, 2),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD, 2),
    "windows line ends": (GOOD.replace(b"\n", b"\r\n"), 2),
    "no newline at the end": (GOOD.rstrip(b"\n"), 2),
    "columns in another order": (b"d,c,b,a\nq,x,2,1\n", 1),
    "optional columns absent": (b"a\n1\n2\n3\n", 3),
    "quoted fields": (b'a,b,c,d\n"1","2","x","q"\n', 1),
    "non-ASCII value": ("a,b,c,d\n1,2,é,q\n".encode(), 1),
    "gzip": (gzip.compress(GOOD), 2),
}


@pytest.mark.parametrize(("body", "rows"), ACCEPTED.values(), ids=ACCEPTED)
def test_good_csv_becomes_parquet_with_statistics(
    engine: DuckDbIngestEngine, tmp_path: Path, body: bytes, rows: int
) -> None:
    source, target = tmp_path / "source", tmp_path / "out.parquet"
    source.write_bytes(body)
    converted = engine.convert(source, "drop.csv", contract(), target)
    table = pq.read_table(target)
    assert converted.rows == table.num_rows == rows
    assert table.column_names == ["a", "b", "c", "d"]
    assert {c.name: c.nulls for c in converted.columns} == {
        n: table[n].null_count for n in table.column_names
    }
    assert [c["name"] for c in converted.checks] == [
        "not_null:a",
        "minimum:a",
        "allowed:c",
        "pattern:d",
        "primary_key:a",
        "rule:b_is_small",
    ]
    assert all(c["passed"] for c in converted.checks)


def test_equal_input_gives_equal_bytes(engine: DuckDbIngestEngine, tmp_path: Path) -> None:
    body = b"a,b,c,d\n" + b"".join(b"%d,%d,x,q\n" % (n, n % 100) for n in range(20_000))
    outputs = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        source, target = tmp_path / name / "source", tmp_path / name / "out.parquet"
        source.write_bytes(body)
        engine.convert(source, "drop.csv", contract(), target)
        outputs.append(target.read_bytes())
    assert outputs[0] == outputs[1]


def test_a_warning_is_reported_and_does_not_refuse(engine: DuckDbIngestEngine, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"a,b,c,d\n1,200,x,q\n")
    warned = contract(rules=[{**RULES[0], "severity": "warning"}])
    converted = engine.convert(source, "drop.csv", warned, tmp_path / "out.parquet")
    assert converted.checks[-1] == {
        "name": "rule:b_is_small",
        "severity": "warning",
        "passed": False,
        "rows": 1,
        "said": "rule b_is_small found 1 failures",
    }


def test_json_lines_are_read_and_checked(engine: DuckDbIngestEngine, tmp_path: Path) -> None:
    lines = [{"a": 1, "b": 2, "c": "x", "d": "q"}, {"a": 2, "b": None, "c": "y", "d": None}]
    source = tmp_path / "source"
    source.write_text("\n".join(map(json.dumps, lines)))
    assert engine.convert(source, "drop.jsonl", contract("jsonl"), tmp_path / "out.parquet").rows == 2


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b'{"a": 1, "b": 2, "c": "x", "d": "q"}\n{"a": ', "broken_json"),
        (b'{"b": 2}\n', "missing_column"),
        (b'{"a": "one", "b": 2, "c": "x", "d": "q"}\n', "wrong_type"),
        (b'{"a": null, "b": 2, "c": "x", "d": "q"}\n', "not_null:a"),
    ],
)
def test_bad_json_lines_are_refused(
    engine: DuckDbIngestEngine, tmp_path: Path, body: bytes, rule: str
) -> None:
    source = tmp_path / "source"
    source.write_bytes(body)
    with pytest.raises(DropRefused) as refusal:
        engine.convert(source, "drop.jsonl", contract("jsonl"), tmp_path / "out.parquet")
    assert refusal.value.rule == rule


def test_parquet_is_read_and_checked(engine: DuckDbIngestEngine, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(parquet(pa.table({"a": [1, 2], "b": [1, None], "c": ["x", "y"], "d": ["q", "r"]})))
    assert engine.convert(source, "drop.parquet", contract("parquet"), tmp_path / "out.parquet").rows == 2


def test_a_broken_parquet_footer_is_refused(engine: DuckDbIngestEngine, tmp_path: Path) -> None:
    body = parquet(pa.table({"a": [1, 2], "b": [1, None], "c": ["x", "y"], "d": ["q", "r"]}))
    source = tmp_path / "source"
    source.write_bytes(body[:-12] + b"\xff" * 8 + b"PAR1")
    with pytest.raises(DropRefused) as refusal:
        engine.convert(source, "drop.parquet", contract("parquet"), tmp_path / "out.parquet")
    assert refusal.value.rule == "unreadable"


def test_a_contract_rule_cannot_read_other_files(engine: DuckDbIngestEngine, tmp_path: Path) -> None:
    secret = tmp_path.parent / "secret.txt"
    secret.write_text("hidden")
    source = tmp_path / "source"
    source.write_bytes(GOOD)
    spying = contract(rules=[{"name": "spy", "sql": f"SELECT * FROM read_text('{secret}')"}])
    with pytest.raises(DropRefused) as refusal:
        engine.convert(source, "drop.csv", spying, tmp_path / "out.parquet")
    assert "hidden" not in str(refusal.value.sample)
    assert refusal.value.rule == "rule:spy"


def test_a_file_that_takes_more_memory_than_there_is_is_too_large_here(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"a,b,c,d\n" + b"".join(b"%d,1,x,q\n" % n for n in range(200_000)))
    engine = DuckDbIngestEngine(Limits(8 * 1024**2, 1, spill_bytes=0))

    with pytest.raises(TooLargeHere, match=r"drop\.csv takes more memory than there is"):
        engine.convert(source, "drop.csv", contract(), tmp_path / "out.parquet")

    assert not (tmp_path / "out.parquet").exists()
