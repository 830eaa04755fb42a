"""Rows of the benchmarks' table: what is within a target, and what is said when it is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.results import Row, not_measured, save, table


@pytest.mark.parametrize(
    ("row", "ok"),
    [
        (Row("informs", 5.0, "s"), True),
        (Row("value within", 5.0, "requests", target=5.0), True),
        (Row("value over", 6.0, "requests", target=5.0), False),
        (Row("ratio within", 13.0, "s", 10.0, "COPY", 1.3, "ratio"), True),
        (Row("ratio over", 13.1, "s", 10.0, "COPY", 1.3, "ratio"), False),
        (Row("value within though the ratio is not", 5.0, "x", 1.0, "peer", 5.0), True),
        (Row("ratio of nothing", 5.0, "s", target=1.3, bound="ratio"), False),
        (not_measured("broken", "s", "no disk"), False),
    ],
    ids=lambda value: value.name if isinstance(value, Row) else "",
)
def test_a_row_is_ok_when_it_was_measured_and_is_within_its_target(row: Row, ok: bool) -> None:
    assert row.ok is ok


def test_a_missed_target_stands_in_table_and_file(tmp_path: Path) -> None:
    # Given one row that met its target and one that did not
    rows = [
        Row("quick", 1.0, "s", 1.0, "COPY", 1.3, "ratio"),
        Row("slow", 2.0, "s", 1.0, "COPY", 1.3, "ratio"),
    ]
    # When they are printed and saved
    printed = table(rows)
    save(rows, tmp_path / "bench" / "data.json")
    # Then both say so
    quick, slow = (next(line for line in printed.splitlines() if name in line) for name in ("quick", "slow"))
    assert quick.endswith("ok")
    assert slow.endswith("MISSED")
    saved = json.loads((tmp_path / "bench" / "data.json").read_text())
    assert [(r["name"], r["ratio"], r["ok"]) for r in saved] == [("quick", 1.0, True), ("slow", 2.0, False)]
