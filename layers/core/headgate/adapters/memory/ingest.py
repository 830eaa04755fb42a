"""An IngestEngine in pure Python, enough to run every path around one: CSV with a header, rows kept as JSON
lines, and of a contract the columns and what they require. Not for data that matters.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from headgate.adapters.memory.faults import Faults
from headgate.domain.contract import Contract
from headgate.domain.dataset import ColumnStats
from headgate.domain.errors import DropRefused
from headgate.ports import Converted

Row = dict[str, str | None]


class MemoryIngestEngine:
    """The IngestEngine port. Fault name: ``engine.convert``. Equal rows make equal bytes."""

    def __init__(self, faults: Faults | None = None) -> None:
        self._faults = faults or Faults()

    def convert(self, source: Path, source_name: str, contract: Contract, target: Path) -> Converted:
        """Rules it refuses by: ``no_rows``, ``missing_column``, ``not_null:<column>``."""
        with self._faults.read("engine.convert"):
            rows = list(_rows(source, source_name, contract))
            checks = tuple(_not_null(rows, c.name) for c in contract.columns if c.required)
            target.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            stats = tuple(_stats(rows, c.name, c.type) for c in contract.columns)
            return Converted(target, len(rows), stats, checks)


def _rows(source: Path, source_name: str, contract: Contract) -> Iterator[Row]:
    """The rows with every column of the contract; an empty field is none."""
    with source.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        missing = [c.name for c in contract.columns if c.required and c.name not in (reader.fieldnames or ())]
        if missing:
            raise DropRefused("missing_column", f"required columns are missing: {', '.join(missing)}")
        empty = True
        for row in reader:
            empty = False
            yield {c.name: row.get(c.name) or None for c in contract.columns}
        if empty:
            raise DropRefused("no_rows", f"{source_name} has a header but no rows")


def _not_null(rows: Sequence[Row], column: str) -> dict[str, Any]:
    name = f"not_null:{column}"
    failed = sum(row[column] is None for row in rows)
    if failed:
        raise DropRefused(name, f"{failed} rows fail {name}", failed)
    return {"name": name, "severity": "error", "passed": True, "rows": 0}


def _stats(rows: Sequence[Row], column: str, kind: str) -> ColumnStats:
    values = [value for row in rows if (value := row[column]) is not None]
    return ColumnStats(
        column, kind, len(rows) - len(values), min(values, default=None), max(values, default=None)
    )
