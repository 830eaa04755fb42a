"""The TableCatalog port in memory: tables as lists of snapshots, each with the files that it shows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from headgate.adapters.memory.faults import Faults
from headgate.domain.errors import Conflict, Corrupted, InvalidRequest
from headgate.domain.manifest import SchemaColumn
from headgate.domain.published_table import TableFile, TableId, TableVersion


@dataclass(frozen=True)
class MemorySnapshot:
    """What one version left in the table."""

    version: TableVersion
    files: tuple[TableFile, ...]


@dataclass
class _Kept:
    id: TableId
    generation: str
    snapshots: list[MemorySnapshot] = field(default_factory=list)
    touched: bool = False


class MemoryTables:
    """Fault names: ``tables.find``, ``tables.create``, ``tables.publish``."""

    def __init__(self, faults: Faults | None = None) -> None:
        self._faults = faults or Faults()
        self._tables: dict[str, _Kept] = {}

    def find(self, table: TableId) -> "MemoryTable | None":
        with self._faults.read("tables.find"):
            kept = self._tables.get(table.name)
            if kept is not None and kept.id != table:
                raise InvalidRequest(f"the table {table.name} is another dataset's")
            return MemoryTable(kept, self._faults) if kept else None

    def create(self, table: TableId, schema: Sequence[SchemaColumn], generation: str) -> "MemoryTable":
        del schema  # each version brings its own
        with self._faults.effect("tables.create"):
            kept = self._tables.get(table.name)
            if kept is None or kept.generation != generation:
                kept = self._tables[table.name] = _Kept(table, generation)
            return MemoryTable(kept, self._faults)

    def snapshots(self, table: TableId) -> tuple[MemorySnapshot, ...]:
        """Oldest first. Not in the port: for looking at what a service left."""
        kept = self._tables.get(table.name)
        return tuple(kept.snapshots) if kept else ()

    def touch(self, table: TableId) -> None:
        """Another engine writes to the table. Not in the port."""
        self._tables[table.name].touched = True


class MemoryTable:
    """The PublishedTable port."""

    def __init__(self, kept: _Kept, faults: Faults) -> None:
        self._kept = kept
        self._faults = faults
        self._seen = len(kept.snapshots)

    @property
    def generation(self) -> str:
        return self._kept.generation

    @property
    def ordinal(self) -> int:
        seen = self._kept.snapshots[: self._seen]
        return seen[-1].version.ordinal if seen else 0

    @property
    def digest(self) -> str:
        seen = self._kept.snapshots[: self._seen]
        return seen[-1].version.digest if seen and not self._kept.touched else ""

    def publish(self, version: TableVersion) -> None:
        with self._faults.effect("tables.publish"):
            if len(self._kept.snapshots) != self._seen:
                raise Conflict("another worker came first")
            files = version.added
            if version.removed is not None:
                before = self._kept.snapshots[-1].files if self._kept.snapshots else ()
                gone = Counter(version.removed)
                files = (*(f for f in before if f.uri not in gone), *files)
            if sum(f.rows for f in files) != version.rows:
                raise Corrupted("the change does not lead to the version's rows")
            self._kept.snapshots.append(MemorySnapshot(version, files))
            self._kept.touched = False
            self._seen += 1
