"""The ingest engine in pure Python refuses what its contract refuses, and keeps every row."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from headgate.adapters.memory import MemoryIngestEngine
from headgate.domain.contract import Column, Contract
from headgate.domain.csv_dialect import CsvDialect
from headgate.domain.dataset import ColumnStats
from headgate.domain.errors import ConfigurationError, DropRefused
from headgate.ports import Converted

CONTRACT = Contract(
    "orders",
    "1.0.0",
    "csv",
    (Column("id", "VARCHAR", required=True), Column("note", "VARCHAR")),
    undeclared="ignore",
)


def convert(folder: Path, text: str, declared: Contract = CONTRACT) -> Converted:
    (folder / "source").write_text(text, encoding=declared.encoding)
    return MemoryIngestEngine().convert(folder / "source", "a.csv", declared, folder / "data")


def test_rows_statistics_and_checks_come_back(tmp_path: Path) -> None:
    found = convert(tmp_path, "id,note,more\nb,größer,x\na,,y\n")

    lines = found.path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [{"id": "b", "note": "größer"}, {"id": "a", "note": None}]
    assert found.rows == 2
    assert found.columns == (
        ColumnStats("id", "VARCHAR", 0, "a", "b"),
        ColumnStats("note", "VARCHAR", 1, "größer", "größer"),
    )
    assert [c["name"] for c in found.checks] == ["not_null:id"]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("note\nx\n", "missing_column"),
        ("", "missing_column"),
        ("id\n", "no_rows"),
        ("id,note\n,x\n", "not_null:id"),
    ],
)
def test_what_breaks_the_contract_is_refused_and_leaves_nothing(tmp_path: Path, text: str, rule: str) -> None:
    with pytest.raises(DropRefused) as refused:
        convert(tmp_path, text)

    assert refused.value.rule == rule
    assert not (tmp_path / "data").exists()


def test_a_contract_says_where_columns_are_and_how_they_are_written(tmp_path: Path) -> None:
    declared = replace(
        CONTRACT,
        columns=(Column("id", "VARCHAR", path="Nr."), Column("note", "VARCHAR", former_names=("text",))),
        csv=CsvDialect(delimiter=";", quote="'", escape="'", skip_lines=1),
        encoding="utf-16",
        null_values=("NA",),
    )

    found = convert(tmp_path, "report\ntext;Nr.\n'größer; ';1\nNA;2\n", declared)

    lines = found.path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"id": "1", "note": "größer; "},
        {"id": "2", "note": None},
    ]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"undeclared": "refuse"}, "unexpected_column"),
        ({"format": "json"}, "unsupported"),
        ({"csv": CsvDialect(delimiter="||")}, "unsupported"),
        ({"csv": CsvDialect(comment="#")}, "unsupported"),
        ({"columns": (Column("id", "DATE", format="%d"),)}, "unsupported"),
    ],
)
def test_what_a_contract_does_not_name_or_nobody_here_reads_is_refused(
    tmp_path: Path, change: dict[str, Any], rule: str
) -> None:
    with pytest.raises(DropRefused) as refused:
        convert(tmp_path, "id,more\n1,2\n", replace(CONTRACT, **change))

    assert refused.value.rule == rule


@pytest.mark.parametrize(
    "changes",
    [
        {"rules": [{"name": "r", "sql": "SELECT 0"}]},
        {"columns": [{"name": "a", "type": "INTEGER", "maximum": 3}]},
        {"columns": [{"name": "a", "type": "INTEGER", "unique": True}]},
    ],
)
def test_what_it_cannot_check_is_said(tmp_path: Path, changes: dict[str, Any]) -> None:
    document = {"name": "t", "version": "1", "format": "csv", "columns": [{"name": "a", "type": "INTEGER"}]}
    declared = Contract.from_document({**document, **changes})
    (tmp_path / "source").write_text("a\n1\n", encoding="utf-8")

    with pytest.raises(ConfigurationError, match="in-memory engine"):
        MemoryIngestEngine().convert(tmp_path / "source", "a.csv", declared, tmp_path / "data")
