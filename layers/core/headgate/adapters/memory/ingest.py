"""An IngestEngine in pure Python, enough to run every path around one: CSV with a header, rows kept as JSON
lines, and of a contract the columns and what they require. Not for data that matters.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from headgate.adapters.memory.faults import Faults
from headgate.domain.check_context import CheckContext
from headgate.domain.contract import COLUMN_CHECKS, Contract
from headgate.domain.csv_dialect import CsvDialect
from headgate.domain.dataset import ColumnStats
from headgate.domain.errors import ConfigurationError, DropRefused
from headgate.ports import Converted

Row = dict[str, str | None]


class MemoryIngestEngine:
    """The IngestEngine port. Fault name: ``engine.convert``. Equal rows make equal bytes."""

    def __init__(self, faults: Faults | None = None) -> None:
        self._faults = faults or Faults()

    def convert(
        self,
        source: Path,
        source_name: str,
        contract: Contract,
        target: Path,
        context: CheckContext | None = None,  # noqa: ARG002 - no check of these looks beyond the drop
    ) -> Converted:
        """Rules it refuses by: ``no_rows``, ``missing_column``, ``not_null:<column>``. Raises
        ConfigurationError for a contract that declares more.
        """
        with self._faults.read("engine.convert"):
            _require_simple(contract)
            rows = list(_rows(source, source_name, contract))
            checks = tuple(_not_null(rows, c.name) for c in contract.columns if c.required)
            target.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            stats = tuple(_stats(rows, c.name, c.type) for c in contract.columns)
            return Converted(target, len(rows), stats, checks)


def _require_simple(contract: Contract) -> None:
    """Nothing that is declared is skipped in silence."""
    beyond = [
        *(f"format {f}" for f in [contract.format] if f != "csv"),
        *(f"{check} of {c.name}" for c in contract.columns for check in COLUMN_CHECKS if getattr(c, check)),
        *(f"a key of {', '.join(key)}" for key in contract.keys),
        *(rule.check for rule in contract.rules),
        *(reference.check for reference in contract.references),
        *(fresh.check for fresh in contract.freshness),
    ]
    if beyond or contract.csv != CsvDialect() or contract.encoding != "utf-8":
        told = ", ".join(beyond) or "another dialect or encoding"
        raise ConfigurationError(f"the in-memory engine knows no {told} (contract {contract.name})")


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
