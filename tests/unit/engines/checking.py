"""Rows under a contract: the results of its checks, or the refusal."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from headgate.adapters.engines.duckdb_ingest import DuckDbIngestEngine
from headgate.adapters.engines.duckdb_session import Limits
from headgate.domain.check_context import CheckContext, SeenDataset
from headgate.domain.contract import Contract
from headgate.domain.dataset_input import DatasetInput, InputFile
from headgate.domain.manifest import SchemaColumn

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)


def contract(columns: Sequence[Mapping[str, Any]], **changes: Any) -> Contract:
    document = {"name": "orders", "version": "1", "format": "csv", "columns": list(columns), **changes}
    return Contract.from_document(document)


def checked(
    folder: Path, declared: Contract, rows: Sequence[Mapping[str, Any]], context: CheckContext | None = None
) -> dict[str, dict[str, Any]]:
    """The results by check. Raises DropRefused."""
    source = folder / "source"
    text = io.StringIO()
    writer = csv.DictWriter(text, [c.name for c in declared.columns], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    source.write_text(text.getvalue(), encoding="utf-8")
    engine = DuckDbIngestEngine(Limits(300 * 1024**2, 1))
    found = engine.convert(source, "orders.csv", declared, folder / "out.parquet", context)
    return {check["name"]: check for check in found.checks}


def seen(
    folder: Path, name: str, types: Mapping[str, str], rows: Sequence[Sequence[Any]] | None, ordinal: int = 1
) -> SeenDataset:
    """A dataset's head with one file of these rows; without rows it has no version yet."""
    schema = tuple(SchemaColumn(column, kind, False, "internal") for column, kind in types.items())
    if rows is None:
        return SeenDataset(None, DatasetInput(schema, ()))
    file = folder / f"{name}-{ordinal}.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t ({', '.join(f'{n} {k}' for n, k in types.items())})")
        if rows:
            marks = ", ".join("?" for _ in types)
            connection.executemany(f"INSERT INTO t VALUES ({marks})", [list(r) for r in rows])
        connection.execute(f"COPY t TO '{file}' (FORMAT parquet)")
    return SeenDataset(ordinal, DatasetInput(schema, (InputFile(str(file), tuple(types.items())),)))


def context(**datasets: SeenDataset) -> CheckContext:
    return CheckContext(NOW, datasets)
