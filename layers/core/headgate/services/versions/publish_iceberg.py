"""Versions become snapshots of a table that other engines read: each of main's versions one, in order, once.

A message only says that there may be something to publish. What is to be done is found by comparing the table
with the catalog, so messages may come twice, late and in any order, and a lost answer is healed by the next
look.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from headgate.domain.contract import Contract
from headgate.domain.dataset import DataFile
from headgate.domain.errors import Conflict, Corrupted, NotFound, Retryable, StateUnknown
from headgate.domain.identity import Principal
from headgate.domain.manifest import Manifest
from headgate.domain.merge import difference
from headgate.domain.policy import hrn
from headgate.domain.policy_request import Fact
from headgate.domain.published_table import ICEBERG, PublishRequest, TableFile, TableId, TableVersion
from headgate.domain.version import MAIN, VersionRecord
from headgate.ports import Clock, DatasetCatalog, MessageQueue, ObjectStore, PublishedTable, TableCatalog
from headgate.services.access import Guard
from headgate.services.products import Products
from headgate.services.versions.ancestry import newest_first
from headgate.services.versions.manifests import Manifests

SERVICE = Principal("service/publish")
ACTION = "headgate:PublishTable"
ATTEMPTS = 20
"""Of 100 commits by four workers, five were lost with 4 attempts and none with 20."""
MOST_HISTORY = 100
"""A new table begins with so many of the newest versions: it keeps no more snapshots."""
MOST_VERSIONS = 50
"""Of one message: a commit takes up to 0.7 s at 25 ms a request, and the function has 300 s."""


@dataclass(frozen=True)
class PublishReport:
    """What became of a message: ordinals that were published, those whose files are gone, and whether another
    message was sent for the rest.
    """

    state: Literal["published", "current", "not_asked"]
    published: tuple[int, ...] = ()
    skipped: tuple[int, ...] = ()
    more: bool = False


@dataclass(frozen=True)
class PublishIceberg:
    """The use case. ``queue`` is the one that feeds it."""

    products: Products
    catalog: DatasetCatalog
    lake: ObjectStore
    tables: TableCatalog
    queue: MessageQueue
    guard: Guard
    clock: Clock

    def publish(self, request: PublishRequest) -> PublishReport:
        """Publishes what the table lacks, at most `MOST_VERSIONS`; the rest is another message's.

        Raises NotFound (product, dataset), AccessDenied, Conflict after many lost races, and what the tables
        raise.
        """
        applied = self.products.get(request.product)
        contract = applied.product.contract(request.dataset)
        if ICEBERG not in contract.tables:
            return PublishReport("not_asked")
        resource = hrn(request.product, "dataset", request.dataset)
        self.guard.require(applied, SERVICE, ACTION, resource, classes(contract))
        problem: Retryable = Conflict("no attempt was made")
        work = _CatchUp(self, request)
        for attempt in range(ATTEMPTS):
            try:
                work.run()
            except (Conflict, StateUnknown) as lost:
                problem = lost
                self.clock.sleep(random.uniform(0, min(5.0, 0.1 * 2**attempt)))  # noqa: S311 - jitter
            else:
                return work.report()
        raise problem


@dataclass
class _CatchUp:
    """One message's work, over as many attempts as it takes."""

    use_case: PublishIceberg
    request: PublishRequest

    def __post_init__(self) -> None:
        self.id = TableId(self.request.product, self.request.dataset)
        self.manifests = Manifests(self.use_case.lake, self.id.product, self.id.dataset)
        self.published: list[int] = []
        self.skipped: list[int] = []
        self.more = False

    def report(self) -> PublishReport:
        state: Literal["published", "current"] = "published" if self.published else "current"
        return PublishReport(state, tuple(self.published), tuple(self.skipped), self.more)

    def run(self) -> None:
        """Raises Conflict or StateUnknown: look again."""
        table = self._current(self.request.generation)
        lacking = self._lacking(table)
        erasure = self._erasure(lacking)
        if table is not None and erasure not in ("", table.generation):
            table = self._current(erasure)
            lacking = self._lacking(table)
        before: Manifest | None = None
        for record in lacking[:MOST_VERSIONS]:
            manifest = self._manifest(record)
            if manifest is None:
                continue
            if table is None:
                generation = erasure or self.request.generation
                table = self.use_case.tables.create(self.id, manifest.schema, generation)
            self._add(table, record, manifest, before or self._shown(table))
            self.published.append(record.ordinal)
            before = manifest
        if len(lacking) > MOST_VERSIONS:
            self.use_case.queue.send(self.request.to_message())
            self.more = True

    def _current(self, generation: str) -> PublishedTable | None:
        """The table, None when there is none of the generation that is asked for."""
        table = self.use_case.tables.find(self.id)
        return table if table is None or generation in ("", table.generation) else None

    def _erasure(self, lacking: Sequence[VersionRecord]) -> str:
        """The generation that the newest erasure among the versions asks for. What was erased is in a table's
        own files as well (bounds of columns, names of files), so it is made anew.
        """
        for record in reversed(lacking):
            manifest = self._manifest(record) if record.operation == "delete" else None
            if manifest is not None and manifest.note.get("erasure"):
                return f"erasure-{manifest.note['erasure']}"
        return ""

    def _manifest(self, record: VersionRecord) -> Manifest | None:
        try:
            return self.manifests.load(record.digest)
        except NotFound:
            if record.ordinal not in self.skipped:
                self.skipped.append(record.ordinal)
            return None

    def _lacking(self, table: PublishedTable | None) -> Sequence[VersionRecord]:
        """Main's readable versions that the table does not show, oldest first; for a new one the newest."""
        ordinal = table.ordinal if table else 0
        found: list[VersionRecord] = []
        for record in newest_first(self.use_case.catalog, self.id.product, self.id.dataset):
            if record.ordinal <= ordinal or (not ordinal and len(found) == MOST_HISTORY):
                break
            if record.branch == MAIN and not record.collected_at:
                found.append(record)
        return found[::-1]

    def _shown(self, table: PublishedTable) -> Manifest | None:
        """What the table shows now, if that is known."""
        try:
            return self.manifests.load(table.digest) if table.digest else None
        except NotFound:
            return None

    def _add(
        self, table: PublishedTable, record: VersionRecord, manifest: Manifest, before: Manifest | None
    ) -> None:
        """The version by what it changes; by all of its files where that is not known, or turns out wrong."""
        whole = TableVersion(
            ordinal=record.ordinal,
            digest=record.digest,
            operation=record.operation,
            committed_at=record.created_at,
            rows=manifest.table.rows,
            schema=manifest.schema,
            added=(),
            removed=None,
        )
        if before is not None:
            change = difference(before.table, manifest.table, self.manifests.read)
            removed = tuple(f.uri for f in map(self._file, change.removed))
            try:
                table.publish(replace(whole, added=tuple(map(self._file, change.added)), removed=removed))
                return
            except Corrupted:
                pass
        table.publish(replace(whole, added=tuple(map(self._file, self.manifests.files(manifest)))))

    def _file(self, file: DataFile) -> TableFile:
        return TableFile.of(file, self.use_case.lake.uri(file.key))


def classes(contract: Contract) -> Mapping[str, Fact]:
    """What policies may ask of a table: the classifications of its columns."""
    return {"headgate:Classification": tuple(sorted({c.classification for c in contract.columns}))}
