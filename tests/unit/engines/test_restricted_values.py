"""A value of a restricted column is in no refusal, whatever the format."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.engines.reading import Reading, contract


def parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": ["secret"]}), sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("kind", "body", "declared"),
    [
        ("csv", b"a\nsecret\n", {"type": "INTEGER"}),
        ("csv", b"a\nsecret\n", {"type": "DATE", "format": "%d.%m.%Y"}),
        ("jsonl", b'{"a": "secret"}\n', {"type": "INTEGER"}),
        ("parquet", parquet(), {"type": "INTEGER"}),
    ],
)
@pytest.mark.parametrize("classification", ["restricted", "internal"])
def test_a_refusal_shows_no_restricted_value(
    reading: Reading, kind: str, body: bytes, declared: dict[str, str], classification: str
) -> None:
    column = {"name": "a", "classification": classification, **declared}
    refusal = reading.refused(body, contract(kind, [column]))
    told = f"{refusal} {refusal.sample}"
    assert (refusal.rule, refusal.rows) == ("wrong_type", 1)
    assert ("secret" in told) is (classification == "internal")
