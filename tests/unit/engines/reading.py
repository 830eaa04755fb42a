"""One small source through the ingest engine: what came out, or why it was refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from headgate.adapters.engines.duckdb_ingest import DuckDbIngestEngine
from headgate.adapters.engines.duckdb_session import Limits
from headgate.domain.contract import Contract
from headgate.domain.errors import DropRefused
from headgate.domain.source_limits import SourceLimits


def contract(kind: str, columns: dict[str, str] | list[dict[str, Any]], **changes: Any) -> Contract:
    """``columns`` as name -> type, or as in a bundle."""
    if isinstance(columns, dict):
        columns = [{"name": name, "type": of} for name, of in columns.items()]
    return Contract.from_document(
        {"name": "t", "version": "1", "format": kind, "columns": columns, **changes}
    )


class Reading:
    """Converts bytes below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.limits = SourceLimits()

    def rows(self, body: bytes, declared: Contract) -> list[dict[str, Any]]:
        source, target = self.folder / "source", self.folder / "out.parquet"
        source.write_bytes(body)
        target.unlink(missing_ok=True)
        engine = DuckDbIngestEngine(Limits(600 * 1024**2, 2), self.limits)
        try:
            converted = engine.convert(source, "a drop", declared, target)
        finally:
            left = {path for path in self.folder.iterdir() if path.is_file()}
            assert left <= {source, target}
        found: list[dict[str, Any]] = pq.read_table(target).to_pylist()
        assert converted.rows == len(found)
        assert source.read_bytes() == body
        return found

    def refused(self, body: bytes, declared: Contract) -> DropRefused:
        with pytest.raises(DropRefused) as refusal:
            self.rows(body, declared)
        assert not (self.folder / "out.parquet").exists()
        assert str(self.folder) not in str(refusal.value)
        return refusal.value
