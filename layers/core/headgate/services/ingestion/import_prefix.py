"""Brings the Parquet objects below a prefix of any bucket under versioning where they lie: nothing is copied.

An import is asked for with one message. Taking that, the worker lists the prefix and sends a message for each
few objects; taking one of those, it digests the objects, checks them, and commits them as files of the next
version, named by bucket, key and VersionId. An object that was imported before costs one lookup, so a crash
anywhere is healed by the queue's redelivery, and importing a prefix again takes in what is new.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from headgate.domain.check_context import CheckContext
from headgate.domain.contract import Contract
from headgate.domain.dataset import DataFile, Drop, QuarantineRecord, SourceRef
from headgate.domain.errors import DropRefused, Permanent, PermissionMissing
from headgate.domain.external_object import ExternalObject, ImportRequest
from headgate.domain.file_table import FileTable, ReadSegment
from headgate.domain.manifest import Manifest
from headgate.domain.masking import masked_refusal
from headgate.domain.version import MAX_SOURCES, CommitView, VersionRecord, with_ordinal
from headgate.ports import (
    Clock,
    DatasetCatalog,
    EventBus,
    ExternalObjects,
    ImportEngine,
    MessageQueue,
    ObjectStore,
    QuarantineCatalog,
    RefCatalog,
)
from headgate.services.access import Guard
from headgate.services.ingestion.check_contexts import CheckContexts, on_checked_head
from headgate.services.ingestion.intake import ERASED, governing_contract, known_there, line_of
from headgate.services.ingestion.quarantine import Quarantine
from headgate.services.products import Products
from headgate.services.versions.commit_version import (
    Authorship,
    CommitVersion,
    Line,
    Proposal,
    Propose,
    schema_of,
)
from headgate.services.versions.dataset_inputs import input_file
from headgate.services.versions.take_in import combined_checks

BATCH_BYTES = 2 * 1024**3
"""Most bytes of one message, but for an object that is larger alone: about 20 s of reading at 100 MB/s, three
times over (digest, checks, statistics), in a function that may take 300 s.
"""


@dataclass
class ImportReport:
    """What became of one message: the messages sent for its objects, or the version and what was refused."""

    batches: int = 0
    committed: VersionRecord | None = None
    repeated: list[ExternalObject] = field(default_factory=list)
    quarantined: list[QuarantineRecord] = field(default_factory=list)


@dataclass(frozen=True)
class _Accepted:
    found: ExternalObject
    file: DataFile
    checks: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class ImportPrefix:
    """The use case. ``queue`` is the one that feeds it; ``objects`` and the bytes in them are only read."""

    products: Products
    catalog: DatasetCatalog
    refs: RefCatalog
    quarantine: QuarantineCatalog
    objects: ExternalObjects
    engine: ImportEngine
    lake: ObjectStore
    queue: MessageQueue
    bus: EventBus
    guard: Guard
    clock: Clock

    def handle(self, request: ImportRequest) -> ImportReport:
        """Raises Retryable: the message must be delivered again. What cannot be imported is quarantined."""
        report = ImportReport()
        whole = ExternalObject(request.bucket, request.prefix, "")
        try:
            contract = governing_contract(self.products, self.guard, request.product, request.dataset)
            if not request.objects:
                report.batches = self._plan(request)
                return report
        except DropRefused as refusal:
            self._refuse(request, whole, refusal, report)
            return report
        line = line_of(request.product, contract)
        self._take_in(line, contract, request, report)
        return report

    # --- the prefix

    def _plan(self, request: ImportRequest) -> int:
        """Sends the objects below the prefix to the queue, a few a message. Returns how many messages."""
        place = f"s3://{request.bucket}/{request.prefix}"
        try:
            if not self.objects.is_versioned(request.bucket):
                raise DropRefused(
                    "bucket_not_versioned",
                    f"s3://{request.bucket} keeps no versions: what is imported could be overwritten; "
                    "turn versioning on, then import again",
                )
            sent = 0
            found = self.objects.objects(request.bucket, request.prefix)
            for batch in batches(found, len(request.prefix)):
                message = ImportRequest(
                    *(request.product, request.dataset, request.bucket, request.prefix, request.principal),
                    objects=batch,
                )
                self.queue.send(message.to_message())
                sent += 1
        except DropRefused:
            raise
        except PermissionMissing as denied:
            raise DropRefused(
                "access_denied", f"{denied}; the stack's parameter ImportBucketArns names what may be read"
            ) from denied
        except Permanent as problem:
            raise DropRefused("unreachable", f"{place}: {problem}") from problem
        if not sent:
            raise DropRefused("no_objects", f"nothing lies below {place}")
        return sent

    # --- a few objects

    def _take_in(self, line: Line, contract: Contract, request: ImportRequest, report: ImportReport) -> None:
        """Looks up what is known before a byte is read, and once more with the bytes' digests."""
        started = self.clock.monotonic()
        view = known_there(self.catalog, self.refs, line, [o.source() for o in request.objects], self.clock)
        unknown = self._unknown(line, view, [(o, o.source()) for o in request.objects], report)
        hashed: list[tuple[ExternalObject, SourceRef]] = []
        for found, _ in unknown:
            try:
                source = found.source(self.objects.sha256(found))
            except Permanent as problem:
                self._refuse(request, found, DropRefused("unreachable", str(problem)), report)
            else:
                if source.sha256 not in {other.sha256 for _, other in hashed}:
                    hashed.append((found, source))
        if not hashed:
            return
        view = known_there(self.catalog, self.refs, line, [source for _, source in hashed], self.clock)
        fresh = self._unknown(line, view, hashed, report)
        contexts = CheckContexts(self.products, self.catalog, self.lake, self.clock)
        context = contexts.of(line, contract, view) if fresh else None
        accepted: list[_Accepted] = []
        for found, source in fresh:
            try:
                if source.sha256 in view.erased:
                    raise DropRefused("erased", ERASED)
                taken = self._check(contract, found, source, context)
            except DropRefused as refusal:
                self._refuse(request, found, masked_refusal(refusal, contract), report)
            else:
                accepted.append(taken)
                context = context and context.with_file(line.dataset, input_file(self.lake, taken.file))
        if accepted:
            seconds = self.clock.monotonic() - started
            report.committed = self._commit(line, contract, request, accepted, view, seconds)

    def _unknown(
        self,
        line: Line,
        view: CommitView,
        sources: Sequence[tuple[ExternalObject, SourceRef]],
        report: ImportReport,
    ) -> list[tuple[ExternalObject, SourceRef]]:
        """What no version holds; the versions that hold the rest are published again."""
        fresh = [(found, s) for found, s in sources if s.sha256 not in view.erased]
        known = {found: ordinal for found, s in fresh if (ordinal := view.known(s)) is not None}
        for ordinal in sorted(set(known.values())):
            self._versions.publish(self.catalog.dataset_version(line.product, line.dataset, ordinal))
            drops = [_drop(found) for found, at in known.items() if at == ordinal]
            self._refusals.taken_in(line.product, line.dataset, drops, view.refused, ordinal)
        report.repeated += known
        return [(found, source) for found, source in sources if found not in known]

    def _check(
        self, contract: Contract, found: ExternalObject, source: SourceRef, context: CheckContext | None
    ) -> _Accepted:
        """The object as a data file. Raises DropRefused."""
        name = f"s3://{found.bucket}/{found.key}"
        checked = self.engine.check(self.lake.uri(found.name), name, contract, context)
        file = DataFile(
            key=found.name,
            bytes=found.bytes,
            sha256=source.sha256,
            rows=checked.rows,
            columns=checked.columns,
            source=source,
            source_rows=(0, checked.rows),
        )
        return _Accepted(found, file, checked.checks)

    def _commit(
        self,
        line: Line,
        contract: Contract,
        request: ImportRequest,
        accepted: Sequence[_Accepted],
        view: CommitView,
        seconds: float,
    ) -> VersionRecord:
        by = Authorship(
            request.principal,
            f"import of s3://{request.bucket}/{request.prefix}",
            seconds,
            sum(a.file.bytes for a in accepted),
        )
        sources = [a.file.source for a in accepted]
        propose = on_checked_head(contract, view, add_objects(contract, accepted))
        record = self._versions.commit(line, propose, by, sources, view)
        self._versions.publish(record)
        drops = [_drop(a.found) for a in accepted]
        self._refusals.taken_in(line.product, line.dataset, drops, view.refused, record.ordinal)
        return record

    def _refuse(
        self, request: ImportRequest, found: ExternalObject, refusal: DropRefused, report: ImportReport
    ) -> None:
        drop = _drop(found, request.message_id)
        record = self._refusals.refuse(request.product, request.dataset, drop, refusal)
        report.quarantined.append(record)

    @property
    def _versions(self) -> CommitVersion:
        return CommitVersion(self.catalog, self.lake, self.bus, self.clock)

    @property
    def _refusals(self) -> Quarantine:
        return Quarantine(self.quarantine, self.lake, self.bus, self.clock)


def batches(found: Iterator[ExternalObject], after: int = 0) -> Iterator[tuple[ExternalObject, ...]]:
    """The objects in order, as many as one commit takes and one invocation can read. What other tools keep
    beside their data (names that begin with ``_`` or ``.`` past the first ``after`` characters, folders,
    empty markers) is no data.
    """
    batch: list[ExternalObject] = []
    size = 0
    for each in found:
        if not each.bytes or any(part[:1] in ("_", ".") for part in each.key[after:].split("/")):
            continue
        if batch and (len(batch) == MAX_SOURCES or size + each.bytes > BATCH_BYTES):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(each)
        size += each.bytes
    if batch:
        yield tuple(batch)


def add_objects(contract: Contract, accepted: Sequence[_Accepted]) -> Propose:
    """The objects beside what is there, also where drops overwrite: an import adds."""
    files = [a.file for a in accepted]
    checks = combined_checks(check for a in accepted for check in a.checks)

    def propose(view: CommitView, parent: Manifest | None, read: ReadSegment) -> Proposal:
        before = view.head.record.visible if view.head else ()
        table = parent.table if parent else FileTable()
        return Proposal(
            operation="import",
            change=table.append(files, read),
            schema=schema_of(contract),
            contract_version=contract.version,
            visible=with_ordinal(before, view.next_ordinal),
            added_rows=sum(f.rows for f in files),
            checks=checks,
        )

    return propose


def _drop(found: ExternalObject, message_id: str = "") -> Drop:
    return Drop(found.bucket, found.key, found.version_id, found.bytes, message_id)
