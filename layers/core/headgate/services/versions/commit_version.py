"""Moves the head of a dataset's branch, and tells of it: the one protocol behind every change of a dataset.

Order of side effects: segments, manifest, head, events. Everything before the head is content-addressed and
harmless to repeat; a version's events can be published again at any time.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from headgate.domain import events
from headgate.domain.contract import Contract
from headgate.domain.dataset import SourceRef, dataset_node
from headgate.domain.errors import Conflict, Retryable, StateUnknown
from headgate.domain.events import DomainEvent
from headgate.domain.file_table import Change, ReadSegment
from headgate.domain.lineage import Node, run_event
from headgate.domain.manifest import Manifest, Operation, SchemaColumn
from headgate.domain.version import MAIN, CommitView, Spans, VersionRecord
from headgate.ports import Clock, DatasetCatalog, EventBus, ObjectStore
from headgate.services.clock import iso
from headgate.services.versions.manifests import Manifests

COMMIT_ATTEMPTS = 12


@dataclass(frozen=True)
class Line:
    """Where a commit goes."""

    product: str
    dataset: str
    branch: str = MAIN


@dataclass(frozen=True)
class Proposal:
    """What the next version is to be, given what a committer saw."""

    operation: Operation
    change: Change
    schema: tuple[SchemaColumn, ...]
    contract_version: str
    visible: Spans
    added_rows: int
    checks: tuple[dict[str, Any], ...] = ()
    note: Mapping[str, Any] = field(default_factory=dict)
    second_parent: str | None = None
    reuses: tuple[int, ...] = ()
    """Ordinals of versions, other than the head, whose files this one takes over."""


Propose = Callable[[CommitView, Manifest | None, ReadSegment], Proposal]


@dataclass(frozen=True)
class Authorship:
    """Who commits and why; ``seconds`` and ``bytes`` are what taking the sources in took."""

    author: str
    message: str = ""
    seconds: float = 0.0
    bytes: int = 0


@dataclass(frozen=True)
class CommitVersion:
    """The use case."""

    catalog: DatasetCatalog
    lake: ObjectStore
    bus: EventBus
    clock: Clock

    def commit(
        self,
        line: Line,
        propose: Propose,
        by: Authorship,
        sources: Sequence[SourceRef] = (),
        view: CommitView | None = None,
    ) -> VersionRecord:
        """The version that ``propose`` asks for on top of the head, or the one that holds ``sources``
        already; retries with jitter when another committer was first. ``view`` saves the first read: who
        gives it has looked for the sources in it.

        Raises Conflict or StateUnknown when that did not help, Throttled, and what ``propose`` raises.
        """
        manifests = Manifests(self.lake, line.product, line.dataset)
        problem: Retryable = Conflict(f"{line.product}/{line.dataset}: no attempt was made")
        for attempt in range(COMMIT_ATTEMPTS):
            seen = view
            if seen is None or attempt:
                seen = self.catalog.commit_view(line.product, line.dataset, line.branch, sources)
                if (ordinal := _already(line, seen, sources)) is not None:
                    return self.catalog.dataset_version(line.product, line.dataset, ordinal)
            manifest, proposal = self._next(line, manifests, seen, propose)
            record = self._record(line, manifest, proposal, by, sources)
            try:
                self.catalog.commit_version(record, manifest, seen, proposal.reuses)
                return record
            except (Conflict, StateUnknown) as error:
                if isinstance(error, StateUnknown) and (landed := self._landed(record)) is not None:
                    return landed
                problem = error
                self.clock.sleep(random.uniform(0, min(2.0, 0.05 * 2**attempt)))  # noqa: S311 - jitter
        raise problem

    def _next(
        self, line: Line, manifests: Manifests, view: CommitView, propose: Propose
    ) -> tuple[Manifest, Proposal]:
        parent = _manifest_of(view, manifests)
        proposal = propose(view, parent, manifests.read)
        parents = [view.head.record.digest] if view.head else []
        manifest = Manifest(
            product=line.product,
            dataset=line.dataset,
            ordinal=view.next_ordinal,
            parents=(*parents, *([proposal.second_parent] if proposal.second_parent else [])),
            operation=proposal.operation,
            contract_version=proposal.contract_version,
            schema=proposal.schema,
            table=proposal.change.table,
            checks=proposal.checks,
            note=proposal.note,
        )
        manifests.store(manifest, proposal.change.segments)
        return manifest, proposal

    def _landed(self, record: VersionRecord) -> VersionRecord | None:
        """The version of a commit whose answer was lost, if it is there. Equal files on equal parents have
        one digest on every branch.
        """
        view = self.catalog.commit_view(record.product, record.dataset, record.branch, ())
        if view.next_ordinal <= record.ordinal:
            return None
        found = self.catalog.dataset_version(record.product, record.dataset, record.ordinal)
        same = (found.digest, found.branch) == (record.digest, record.branch)
        return found if same else None

    def _record(
        self,
        line: Line,
        manifest: Manifest,
        proposal: Proposal,
        by: Authorship,
        sources: Sequence[SourceRef],
    ) -> VersionRecord:
        table = manifest.table
        return VersionRecord(
            product=line.product,
            dataset=line.dataset,
            ordinal=manifest.ordinal,
            digest=manifest.digest,
            parent=manifest.parent,
            operation=manifest.operation,
            rows=table.rows,
            files=table.files,
            bytes=table.bytes,
            added_rows=proposal.added_rows,
            created_at=iso(self.clock.now()),
            sources=tuple(sources),
            ingest_seconds=round(by.seconds, 3),
            ingest_bytes=by.bytes,
            branch=line.branch,
            author=by.author,
            message=by.message,
            visible=proposal.visible,
            second_parent=proposal.second_parent,
        )

    def publish(self, record: VersionRecord) -> None:
        """The version's facts. Ids come from the version's digest, so consumers recognise a repeat."""
        lineage = _lineage(record)
        committed = {
            "dataset": record.dataset,
            "branch": record.branch,
            "digest": record.digest,
            "ordinal": record.ordinal,
            "rows": record.rows,
            "operation": record.operation,
            "author": record.author,
        }
        product, time = record.product, record.created_at
        kind = events.DATASET_VERSION_COMMITTED if record.branch == MAIN else events.BRANCH_VERSION_COMMITTED
        self.bus.publish(
            [
                DomainEvent(
                    events.LINEAGE_RECORDED, product, lineage["run"]["runId"], time, {"event": lineage}
                ),
                DomainEvent(kind, product, record.digest, time, committed),
            ]
        )


def _manifest_of(view: CommitView, manifests: Manifests) -> Manifest | None:
    if view.head is None:
        return None
    return view.head.manifest or manifests.load(view.head.record.digest)


def _already(line: Line, view: CommitView, sources: Sequence[SourceRef]) -> int | None:
    """The version that holds all of these sources, if a lost answer or another worker put them there."""
    ordinals = {view.known(source) for source in sources}
    if not ordinals or ordinals == {None}:
        return None
    if len(ordinals) == 1:
        return ordinals.pop()
    raise Conflict(f"{line.product}/{line.dataset}: another worker committed some of the drops meanwhile")


def schema_of(contract: Contract) -> tuple[SchemaColumn, ...]:
    """The schema a contract gives the versions made under it."""
    return tuple(
        SchemaColumn(c.name, c.type, c.required or c.primary_key, c.classification, c.former_names)
        for c in contract.columns
    )


def _lineage(record: VersionRecord) -> dict[str, Any]:
    node = dataset_node(record.product, record.dataset, record.digest)
    facts = {"ordinal": record.ordinal, "rows": record.rows, "digest": record.digest}
    inputs = [Node(s.node, {"kind": "object", **asdict(s)}) for s in record.sources]
    if record.parent is not None and record.operation not in ("overwrite", "rollback"):
        inputs.append(Node(dataset_node(record.product, record.dataset, record.parent), {"parent": True}))
    if record.second_parent is not None:
        merged = dataset_node(record.product, record.dataset, record.second_parent)
        inputs.append(Node(merged, {"parent": True}))
    return run_event(
        job=f"{'ingest' if record.sources else record.operation}/{record.product}/{record.dataset}",
        run_key=record.digest,
        time=record.created_at,
        inputs=inputs,
        outputs=[Node(node, facts)],
    )
