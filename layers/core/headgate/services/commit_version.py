"""Moves a dataset's head to a version that holds what was taken in, and tells of it.

Order of side effects: segment, manifest, head, events. Everything before the head is content-addressed and
harmless to repeat; a version's events can be published again at any time.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from headgate.domain import events
from headgate.domain.canonical import canonical_json, digest
from headgate.domain.contract import Contract
from headgate.domain.dataset import (
    DataFile,
    Drop,
    Manifest,
    SegmentRef,
    SourceRef,
    VersionRecord,
    dataset_node,
    next_manifest,
    segment_document,
)
from headgate.domain.errors import Conflict, Retryable, StateUnknown
from headgate.domain.events import DomainEvent
from headgate.domain.lineage import Node, run_event
from headgate.ports import Clock, DatasetCatalog, EventBus, ObjectStore
from headgate.services.clock import iso
from headgate.services.manifests import load_manifest, manifest_key, segment_key

COMMIT_ATTEMPTS = 12
MAX_FILES = 50
"""Most files one commit adds, well below what one transaction of the catalog takes."""


@dataclass(frozen=True)
class Accepted:
    """A drop that became a data file in the lake; ``seconds`` is what taking it in took."""

    drop: Drop
    source: SourceRef
    file: DataFile
    checks: tuple[dict[str, Any], ...]
    seconds: float


@dataclass(frozen=True)
class CommitVersion:
    """The use case."""

    catalog: DatasetCatalog
    lake: ObjectStore
    bus: EventBus
    clock: Clock

    def commit(self, product: str, contract: Contract, accepted: Sequence[Accepted]) -> VersionRecord:
        """The version that now holds ``accepted``; retries with jitter when another committer was first.

        Raises Conflict or StateUnknown when that did not help, Throttled.
        """
        dataset = contract.name
        added = self._put_segment(product, dataset, [a.file for a in accepted])
        problem: Retryable = Conflict(f"{product}/{dataset}: no attempt was made")
        for attempt in range(COMMIT_ATTEMPTS):
            if attempt and (found := self._already(product, dataset, accepted)) is not None:
                return found
            manifest = self._put_manifest(product, contract, added, merged_checks(accepted))
            record = self._record(manifest, added, accepted)
            try:
                self.catalog.commit_version(record)
                return record
            except (Conflict, StateUnknown) as error:
                problem = error
                self.clock.sleep(random.uniform(0, min(2.0, 0.05 * 2**attempt)))  # noqa: S311 - jitter
        raise problem

    def publish(self, record: VersionRecord) -> None:
        """The version's facts. Ids come from the version's digest, so consumers recognise a repeat."""
        lineage = _lineage(record)
        committed = {
            "dataset": record.dataset,
            "digest": record.digest,
            "ordinal": record.ordinal,
            "rows": record.rows,
            "operation": record.operation,
        }
        product, time = record.product, record.created_at
        self.bus.publish(
            [
                DomainEvent(
                    events.LINEAGE_RECORDED, product, lineage["run"]["runId"], time, {"event": lineage}
                ),
                DomainEvent(events.DATASET_VERSION_COMMITTED, product, record.digest, time, committed),
            ]
        )

    def _put_segment(self, product: str, dataset: str, files: Sequence[DataFile]) -> SegmentRef:
        segment = segment_document(files)
        name = digest(segment)
        self.lake.put(segment_key(product, dataset, name), canonical_json(segment), "application/json")
        return SegmentRef(name, len(files), sum(f.rows for f in files), sum(f.bytes for f in files))

    def _put_manifest(
        self, product: str, contract: Contract, added: SegmentRef, checks: tuple[dict[str, Any], ...]
    ) -> Manifest:
        """The manifest that follows the present head."""
        head = self.catalog.dataset_head(product, contract.name)
        parent = None if head is None else load_manifest(self.lake, product, contract.name, head.digest)
        manifest = next_manifest(
            parent,
            product=product,
            dataset=contract.name,
            operation=contract.operation,
            contract_version=contract.version,
            added=added,
            checks=checks,
        )
        key = manifest_key(product, contract.name, manifest.digest)
        self.lake.put(key, canonical_json(manifest.to_document()), "application/json")
        return manifest

    def _already(self, product: str, dataset: str, accepted: Sequence[Accepted]) -> VersionRecord | None:
        """The version that holds all of these bytes, if a lost answer or another worker put them there."""
        ordinals = {self.catalog.version_with_source(product, dataset, a.source.sha256) for a in accepted}
        if ordinals == {None}:
            return None
        if len(ordinals) == 1 and (ordinal := ordinals.pop()) is not None:
            return self.catalog.dataset_version(product, dataset, ordinal)
        raise Conflict(f"{product}/{dataset}: some of the drops were committed by another worker meanwhile")

    def _record(self, manifest: Manifest, added: SegmentRef, accepted: Sequence[Accepted]) -> VersionRecord:
        return VersionRecord(
            product=manifest.product,
            dataset=manifest.dataset,
            ordinal=manifest.ordinal,
            digest=manifest.digest,
            parent=manifest.parent,
            operation=manifest.operation,
            rows=manifest.rows,
            files=manifest.files,
            bytes=manifest.bytes,
            added_rows=added.rows,
            created_at=iso(self.clock.now()),
            sources=tuple(a.source for a in accepted),
            ingest_seconds=round(sum(a.seconds for a in accepted), 3),
            ingest_bytes=sum(a.source.bytes for a in accepted),
        )


def _lineage(record: VersionRecord) -> dict[str, Any]:
    node = dataset_node(record.product, record.dataset, record.digest)
    facts = {"ordinal": record.ordinal, "rows": record.rows, "digest": record.digest}
    inputs = [Node(s.node, {"kind": "object", **asdict(s)}) for s in record.sources]
    if record.parent is not None and record.operation == "append":
        parent = dataset_node(record.product, record.dataset, record.parent)
        inputs.append(Node(parent, {"ordinal": record.ordinal - 1}))
    return run_event(
        job=f"ingest/{record.product}/{record.dataset}",
        run_key=record.digest,
        time=record.created_at,
        inputs=inputs,
        outputs=[Node(node, facts)],
    )


def merged_checks(accepted: Sequence[Accepted]) -> tuple[dict[str, Any], ...]:
    """One result a check over all files of the commit."""
    merged: dict[str, dict[str, Any]] = {}
    for check in (c for a in accepted for c in a.checks):
        known: Mapping[str, Any] = merged.get(check["name"], {"passed": True, "rows": 0})
        merged[check["name"]] = {
            **check,
            "passed": check["passed"] and known["passed"],
            "rows": check["rows"] + known["rows"],
        }
    return tuple(merged[name] for name in sorted(merged))
