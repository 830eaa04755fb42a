"""Erases a subject's rows from everything that can be read, and keeps that it was done: what, when, by whom,
why, and which bytes stand for which, but no value.

Looks, takes away, and looks again until nothing is found and nothing is under way that read the rows before:
a build of features could bring them back, so the last look comes after it has ended. A crash anywhere is
healed by the queue's redelivery: what was found first is kept, and every step is safe to repeat.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from headgate.domain import events
from headgate.domain.canonical import canonical_json
from headgate.domain.dataset import dataset_node
from headgate.domain.erasure import ErasureRecord, ErasureRequest, Rewrite
from headgate.domain.errors import Conflict, NotFound, Permanent
from headgate.domain.events import DomainEvent
from headgate.domain.lineage import Node, run_event
from headgate.domain.version import VersionRecord
from headgate.ports import ErasureCatalog, MessageQueue
from headgate.services.clock import parse_iso
from headgate.services.erasure.erase_data import EraseData
from headgate.services.erasure.erase_made import EraseMade
from headgate.services.erasure.find_subject import FindSubject
from headgate.services.features.feature_reports import forget_reports
from headgate.services.features.under_way import UnderWay
from headgate.services.versions.ancestry import newest_first
from headgate.services.versions.datasets import Datasets
from headgate.services.versions.diff_reports import DiffReports

FIND, ERASE = "headgate:FindSubject", "headgate:EraseSubject"
LOOKS = 4
KEPT = 200
"""Entries a list in the catalog: an item takes 400 kB."""


def erasure_key(product: str, name: str) -> str:
    """Key of an erasure's whole report in the lake."""
    return f"{product}/erasures/{name}.json"


@dataclass(frozen=True)
class EraseSubject:
    """The use case, from a message of `headgate.services.erasure.request_erasure`."""

    finder: FindSubject
    data: EraseData
    made: EraseMade
    records: ErasureCatalog
    datasets: Datasets
    queue: MessageQueue
    under_way: UnderWay

    def handle(self, request: ErasureRequest) -> ErasureRecord:
        """Raises Retryable when the message must be delivered again; what a retry cannot help with is kept in
        the record.
        """
        record = self._known(request)
        if record.finished_at:
            self.records.put_erasure(record.clipped(KEPT))
        else:
            try:
                record = self._run(request, record)
            except Permanent as problem:
                record = self._save(
                    replace(record, state="failed", problem=str(problem), finished_at=self.datasets.now())
                )
        if record.state == "erased":
            self._tell(record)
        return record

    def _run(self, request: ErasureRequest, record: ErasureRecord) -> ErasureRecord:
        action = FIND if request.dry_run else ERASE
        self.datasets.allow(request.principal, action, request.product, request.dataset)
        for _ in range(LOOKS):
            wait = 0 if request.dry_run else self._wait(record)
            held = self.finder.find(request.product, request.dataset, request.subject)
            record = self._save(replace(record.with_found(held.findings), state="running"))
            if request.dry_run:
                return self._save(replace(record, state="found", finished_at=self.datasets.now()))
            if not held.findings.holds and wait:
                self.queue.send(request.to_message(), wait)
                return record
            if not held.findings.holds:
                # Now that nothing names the old files, no report of them can come any more.
                self._forget_reports(request)
                return self._save(replace(record, state="erased", finished_at=self.datasets.now()))
            record = self._noted(record, self.made.erase(request, held))
            given_up = frozenset(r.key for r in record.rewritten)
            noted: list[ErasureRecord] = [record]

            def note(rewritten: Sequence[Rewrite], kept: list[ErasureRecord] = noted) -> None:
                kept.append(self._noted(kept[-1], rewritten))

            done = self.data.erase(request, held, given_up, note)
            committed = sorted({*record.committed, *(r.ordinal for r in done.committed)})
            taken = replace(noted[-1], committed=tuple(committed), taken_at=self.datasets.now())
            record = self._save(self._noted(taken, done.rewritten))
        raise Conflict(f"erasure {request.id}: rows of the subject keep coming; try again")

    def _wait(self, record: ErasureRecord) -> int:
        """Seconds until it is worth looking again for what a build may bring back; 0 when none can."""
        before = parse_iso(record.taken_at) if record.taken_at else None
        return self.under_way.wait_for(record.product, began_before=before)

    def _forget_reports(self, request: ErasureRequest) -> None:
        lake, product = self.datasets.lake, request.product
        DiffReports(lake).forget(product, request.dataset)
        for feature_set in self.datasets.products.get(product).product.sets_reading(request.dataset):
            forget_reports(lake, product, feature_set.name)

    def _known(self, request: ErasureRequest) -> ErasureRecord:
        """The whole record as an earlier attempt left it, or as it was asked for."""
        try:
            return ErasureRecord.from_document(
                json.loads(self.datasets.lake.get(erasure_key(request.product, request.id)))
            )
        except NotFound:
            return self.records.erasure(request.product, request.id)

    def _noted(self, record: ErasureRecord, rewritten: Sequence[Rewrite]) -> ErasureRecord:
        new = [r for r in rewritten if r not in record.rewritten]
        return self._save(replace(record, rewritten=(*record.rewritten, *new))) if new else record

    def _save(self, record: ErasureRecord) -> ErasureRecord:
        key = erasure_key(record.product, record.id)
        self.datasets.lake.put(key, canonical_json(asdict(record)), "application/json")
        self.records.put_erasure(record.clipped(KEPT))
        return record

    def _tell(self, record: ErasureRecord) -> None:
        """The fact, with a digest of the report; and lineage that says of every source what became of it."""
        found, report = record.findings, canonical_json(asdict(record))
        detail = {
            "dataset": record.dataset,
            "principal": record.requested_by,
            "reason": record.reason,
            "subjects": record.subjects,
            "subject_digest": record.subject_digest,
            "rows": found.rows,
            "files": len(found.files),
            "sources": len(found.sources),
            "versions": len(found.versions),
            "committed": list(record.committed),
            "feature_versions": len(found.feature_versions),
            "models": list(found.models[:KEPT]),
            "prediction_rows": found.prediction_rows,
            "report": erasure_key(record.product, record.id),
            "report_sha256": hashlib.sha256(report).hexdigest(),
        }
        product, time = record.product, record.finished_at
        lineage = [self._lineage(record, v) for v in self._versions_of(record)]
        told = [
            DomainEvent(events.LINEAGE_RECORDED, product, e["run"]["runId"], time, {"event": e})
            for e in lineage
        ]
        self.datasets.bus.publish(
            [*told, DomainEvent(events.SUBJECT_ERASED, product, record.id, time, detail)]
        )

    def _versions_of(self, record: ErasureRecord) -> list[VersionRecord]:
        """The versions that took in a source that is gone."""
        gone = set(record.findings.sources)
        versions = newest_first(self.datasets.catalog, record.product, record.dataset)
        return [v for v in versions if any(s.node in gone for s in v.sources)]

    def _lineage(self, record: ErasureRecord, version: VersionRecord) -> dict[str, Any]:
        """The edges of the version's ingest again, now with the erasure at the sources that are gone."""
        gone = set(record.findings.sources)
        inputs = [
            Node(s.node, {"kind": "object", **asdict(s), "erased": record.id})
            for s in version.sources
            if s.node in gone
        ]
        return run_event(
            job=f"erase/{record.product}/{record.dataset}",
            run_key=f"{record.id}/{version.digest}",
            time=record.finished_at,
            inputs=inputs,
            outputs=[
                Node(dataset_node(record.product, record.dataset, version.digest), {"erased": record.id})
            ],
        )
