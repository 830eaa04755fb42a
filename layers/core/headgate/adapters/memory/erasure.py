"""An ErasureEngine in pure Python over the files of `headgate.adapters.memory.ingest`: rows as JSON lines."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headgate.adapters.memory.faults import Faults
from headgate.domain.dataset import ColumnStats
from headgate.ports import KeyColumns, Rest


class MemoryErasureEngine:
    """The ErasureEngine port. Fault names: ``engine.holding``, ``engine.without``. Values compare as text."""

    def __init__(self, faults: Faults | None = None) -> None:
        self._faults = faults or Faults()

    def holding(
        self, uris: Sequence[str], keys: KeyColumns, values: Sequence[Sequence[str]]
    ) -> Mapping[str, int]:
        with self._faults.read("engine.holding"):
            counts = {uri: sum(_holds(r, keys, values) for r in _rows(Path(uri))) for uri in uris}
            return {uri: count for uri, count in counts.items() if count}

    def without(
        self,
        source: Path,
        keys: KeyColumns,
        values: Sequence[Sequence[str]],
        target: Path,
        columns: Sequence[tuple[str, str]] = (),
        label: str = "",
    ) -> Rest:
        with self._faults.read("engine.without"):
            rows = [r for r in _rows(source) if not _holds(r, keys, values)]
            target.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            positives = sum(str(r.get(label)).lower() in ("1", "true") for r in rows) if label else 0
            return Rest(len(rows), tuple(_stats(rows, name, kind) for name, kind in columns), positives)


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _holds(row: Mapping[str, Any], keys: KeyColumns, values: Sequence[Sequence[str]]) -> bool:
    """None of a key's names in the row: no subject."""
    found = [[str(row[name]) for name in names if row.get(name) is not None] for names in keys]
    return any(all(text in has for text, has in zip(value, found, strict=True)) for value in values)


def _stats(rows: Sequence[Mapping[str, Any]], name: str, kind: str) -> ColumnStats:
    values = [str(row[name]) for row in rows if row.get(name) is not None]
    return ColumnStats(
        name, kind, len(rows) - len(values), min(values, default=None), max(values, default=None)
    )
