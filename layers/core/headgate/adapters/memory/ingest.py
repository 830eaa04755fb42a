"""An IngestEngine in pure Python, enough to run every path around one: CSV, rows kept as JSON lines, and of a
contract the columns, where files hold them and what they require. Not for data that matters.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from headgate.adapters.engines.sources.columns import check_columns, located
from headgate.adapters.memory.faults import Faults
from headgate.domain.check_context import CheckContext
from headgate.domain.contract import COLUMN_CHECKS, Contract
from headgate.domain.csv_dialect import CsvDialect
from headgate.domain.dataset import ColumnStats
from headgate.domain.errors import ConfigurationError, DropRefused
from headgate.domain.source_limits import SourceLimits
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
        """Rules it refuses by: ``no_rows``, ``not_null:<column>``, those of columns, and ``unsupported`` for
        what a contract may say and only a real engine reads. Raises ConfigurationError for a contract with
        other checks.
        """
        with self._faults.read("engine.convert"):
            _require_simple(contract)
            rows = list(_rows(source, source_name, contract))
            checks = tuple(_not_null(rows, c.name) for c in contract.columns if c.required)
            target.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            stats = tuple(_stats(rows, c.name, c.type) for c in contract.columns)
            return Converted(target, len(rows), stats, checks)


def _require_simple(contract: Contract) -> None:
    """No check that is declared is skipped in silence."""
    beyond = [
        *(f"{check} of {c.name}" for c in contract.columns for check in COLUMN_CHECKS if getattr(c, check)),
        *(f"key of {', '.join(key)}" for key in contract.keys),
        *(rule.check for rule in contract.rules),
        *(reference.check for reference in contract.references),
        *(fresh.check for fresh in contract.freshness),
    ]
    if beyond:
        raise ConfigurationError(
            f"contract {contract.name}: the in-memory engine does not check {', '.join(beyond)}"
        )


def _rows(source: Path, source_name: str, contract: Contract) -> Iterator[Row]:
    """The rows with every column of the contract; an empty field is none, and so are the null values."""
    _check_supported(contract)
    dialect, none = contract.csv, ("", *contract.null_values)
    encoding = "utf-8-sig" if contract.encoding == "utf-8" else contract.encoding
    with source.open(newline="", encoding=encoding) as stream:
        for _ in range(dialect.skip_lines):
            stream.readline()
        reader = csv.reader(stream, delimiter=dialect.delimiter, quotechar=dialect.quote)
        declared = dialect.names or tuple(c.path or c.name for c in contract.columns)
        names = next(reader, []) if dialect.header else list(declared)
        places = located(contract, names)
        check_columns(contract, names, places, SourceLimits())
        empty = True
        for values in reader:
            empty = False
            row = dict(zip(names, values, strict=False))
            found = {c.name: row.get(places.get(c.name, ""), "") for c in contract.columns}
            yield {name: None if value in none else value for name, value in found.items()}
        if empty:
            raise DropRefused("no_rows", f"{source_name} has a header but no rows")


def _check_supported(contract: Contract) -> None:
    dialect, plain = contract.csv, CsvDialect()
    simple = (dialect.escape, dialect.comment, dialect.decimal_separator, dialect.thousands_separator)
    if (
        contract.format != "csv"
        or len(dialect.delimiter) > 1
        or simple != (dialect.quote, plain.comment, plain.decimal_separator, plain.thousands_separator)
        or any(c.format for c in contract.columns)
    ):
        raise DropRefused(
            "unsupported", "only plain CSV is read in memory: no other format, escapes, comments or numbers"
        )


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
