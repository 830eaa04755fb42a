"""Parquet is read by path and type without changing a value; what is no sound file is refused before it is
read.
"""

from __future__ import annotations

import datetime
import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from headgate.domain.source_limits import SourceLimits

from tests.unit.engines.reading import Reading, contract

A = {"a": "BIGINT"}


def written(columns: dict[str, Any], **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, **options)
    return sink.getvalue()


NESTED = {
    "id": [1, 2],
    "customer": [{"name": "k", "address": {"city": "Bern"}}, None],
    "tags": [["a"], []],
}


def test_nested_columns_are_read_by_path(reading: Reading) -> None:
    columns = [
        {"name": "id", "type": "BIGINT", "required": True},
        {"name": "customer", "type": "VARCHAR", "path": "customer.name"},
        {"name": "city", "type": "VARCHAR", "path": "customer.address.city"},
        {"name": "labels", "type": "VARCHAR[]", "former_names": ["tags"]},
        {"name": "later", "type": "DATE"},
    ]
    assert reading.rows(written(NESTED), contract("parquet", columns)) == [
        {"id": 1, "customer": "k", "city": "Bern", "labels": ["a"], "later": None},
        {"id": 2, "customer": None, "city": None, "labels": [], "later": None},
    ]


def test_fields_that_the_contract_does_not_name_are_refused_or_left_out(reading: Reading) -> None:
    body = written(NESTED)
    columns = {"id": "BIGINT", "customer": "STRUCT(name VARCHAR)", "tags": "VARCHAR[]"}
    refusal = reading.refused(body, contract("parquet", columns))
    assert refusal.rule == "unexpected_column"
    assert "customer.address" in str(refusal)
    by_path = [{"name": "n", "type": "VARCHAR", "path": "customer.name"}]
    assert "customer.address, tags" in str(
        reading.refused(body, contract("parquet", [*by_path, {"name": "id", "type": "BIGINT"}]))
    )
    found = reading.rows(body, contract("parquet", columns, undeclared="ignore"))
    assert found[0]["customer"] == {"name": "k"}


CHANGED: dict[str, tuple[pa.Array, str, int]] = {
    "a fraction": (pa.array([1.0, 1.5]), "INTEGER", 1),
    "too large": (pa.array([1, 300, 301]), "TINYINT", 2),
    "cents": (pa.array([Decimal("1.23"), Decimal("1.20")]), "DECIMAL(9,1)", 1),
    "text": (pa.array(["1", "x"]), "INTEGER", 1),
    "more than a DOUBLE": (pa.array([1e300]), "FLOAT", 1),
}


@pytest.mark.parametrize(("values", "kind", "rows"), CHANGED.values(), ids=CHANGED)
def test_a_value_that_would_change_is_refused(
    reading: Reading, values: pa.Array, kind: str, rows: int
) -> None:
    refusal = reading.refused(written({"a": values}), contract("parquet", {"a": kind}))
    assert (refusal.rule, refusal.rows) == ("wrong_type", rows)
    assert refusal.sample[0]["column"] == "a"


def test_a_value_that_stays_itself_is_converted(reading: Reading) -> None:
    body = written({"a": [1.0, None], "b": ["2024-02-29", None], "c": pa.array([1, 2], pa.uint32())})
    declared = contract("parquet", {"a": "INTEGER", "b": "DATE", "c": "BIGINT"})
    assert reading.rows(body, declared)[0] == {"a": 1, "b": datetime.date(2024, 2, 29), "c": 1}


@pytest.mark.parametrize(
    "body",
    [
        written({"a": [1, 2]})[:-1],
        written({"a": [1, 2]})[:40] + b"PAR1",
        written({"a": [1, 2]})[:-12] + b"\xff" * 8 + b"PAR1",
        written({"a": [1, 2]})[:-8] + b"\xff\xff\xff\x7fPAR1",
        b"PAR1PAR1",
        b"a\n1\n",
    ],
)
def test_a_file_that_is_cut_off_or_no_parquet_is_refused(reading: Reading, body: bytes) -> None:
    assert reading.refused(body, contract("parquet", A)).rule == "unreadable"


def test_an_encrypted_file_is_refused(reading: Reading) -> None:
    refusal = reading.refused(b"PARE" + written({"a": [1]})[4:-4] + b"PARE", contract("parquet", A))
    assert refusal.rule == "encrypted"


def test_a_file_that_unpacks_to_too_much_is_refused_unread(reading: Reading) -> None:
    # Given 80 MB of equal text in few bytes, and a column of five million equal numbers in fewer
    text = written({"a": ["x" * 1000] * 80_000}, compression="zstd", use_dictionary=False)
    runs = written({"a": pa.array([1] * 5_000_000)})
    assert len(text) < 200_000
    # Then the ratio or the size tells
    refusal = reading.refused(text, contract("parquet", {"a": "VARCHAR"}))
    assert refusal.rule == "compression_ratio"
    assert "setting SOURCE_MAX_RATIO" in str(refusal)
    reading.limits = SourceLimits(max_bytes=4_000_000)
    for body in (text, runs):
        assert reading.refused(body, contract("parquet", A)).rule == "too_large"


def test_ten_thousand_columns_are_refused(reading: Reading) -> None:
    body = written({f"c{n}": [n] for n in range(10_000)})
    refusal = reading.refused(body, contract("parquet", {"c1": "BIGINT"}, undeclared="ignore"))
    assert refusal.rule == "too_many_columns"
