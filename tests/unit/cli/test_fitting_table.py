"""Tables on terminals of any width: what is short is never cut off."""

import io
from typing import Any

import pytest
from headgate.cli.commands.features import COLUMNS
from headgate.cli.output import table
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

VERSION = {
    **{"feature_set": "departure", "ordinal": 1, "digest": "b88f8f40b976", "rows": 50_009, "made": "23/23"},
    **{"compared": "89/89", "first": "2013-01-01", "last": "2013-03-01"},
    **{"created_at": "2026-11-29T22:16:43.000Z"},
}


def shown(rows: list[dict[str, Any]], columns: list[tuple[str, str]], width: int) -> list[str]:
    screen = Console(file=io.StringIO(), width=width)
    screen.print(table(rows, columns))
    text: str = screen.file.getvalue()  # type: ignore[attr-defined]
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.parametrize("width", [100, 140])
def test_where_there_is_room_a_row_is_a_line(width: int) -> None:
    told = shown([VERSION, VERSION], COLUMNS, width)
    assert told[0] == "set version digest rows built parity from to created"
    assert (
        told[1]
        == told[2]
        == ("departure 1 b88f8f40b976 50,009 23/23 89/89 2013-01-01 2013-03-01 2026-11-29 22:16:43")
    )


def test_where_there_is_none_a_row_is_shown_field_by_field() -> None:
    told = shown([VERSION, VERSION], COLUMNS, 80)
    assert told[:4] == ["set departure", "version 1", "digest b88f8f40b976", "rows 50,009"]
    assert told[9:11] == ["", "set departure"]


@given(
    width=st.integers(24, 120),
    rows=st.lists(
        st.fixed_dictionaries({name: st.text("abc123", min_size=1, max_size=18) for name in "pqrst"}),
        min_size=1,
        max_size=3,
    ),
)
def test_a_short_cell_is_whole_at_any_width(width: int, rows: list[dict[str, Any]]) -> None:
    text = "\n".join(shown(rows, [(name, name) for name in "pqrst"], width))
    assert all(value in text for row in rows for value in row.values())
