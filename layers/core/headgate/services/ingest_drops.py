"""Dropped objects become dataset versions, or go to quarantine.

One batch of deliveries is folded into one commit a dataset. Order of side effects for a dataset: data files,
segment, manifest, head, events. Everything before the head is content-addressed and harmless to repeat; a
delivery that finds its bytes already in a version only publishes that version's events again. So a crash
anywhere is healed by the queue's redelivery.
"""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from headgate.domain import events
from headgate.domain.canonical import canonical_json, digest
from headgate.domain.contract import Contract
from headgate.domain.dataset import (
    DataFile,
    Drop,
    Manifest,
    QuarantineRecord,
    SegmentRef,
    SourceRef,
    VersionRecord,
    dataset_node,
    next_manifest,
    segment_document,
    split_key,
)
from headgate.domain.errors import (
    AccessDenied,
    Conflict,
    DropRefused,
    HeadgateError,
    NotFound,
    Retryable,
    StateUnknown,
)
from headgate.domain.events import DomainEvent
from headgate.domain.identity import Principal
from headgate.domain.lineage import Node, run_event
from headgate.ports import Clock, DatasetCatalog, EventBus, IngestEngine, ObjectStore, Scratch
from headgate.services.access import Guard
from headgate.services.clock import iso
from headgate.services.manifests import load_manifest, manifest_key, segment_key
from headgate.services.products import AppliedProduct, Products

UNROUTED = "_unrouted"
COMMIT_ATTEMPTS = 12
SERVICE = Principal("service/ingest")


@dataclass
class IngestReport:
    """What became of a batch: committed ordinals by dataset, quarantine ids, and messages to deliver again by
    id.
    """

    committed: list[VersionRecord] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    quarantined: list[QuarantineRecord] = field(default_factory=list)
    failed: dict[str, HeadgateError] = field(default_factory=dict)


@dataclass(frozen=True)
class _Accepted:
    drop: Drop
    source: SourceRef
    file: DataFile
    checks: tuple[dict[str, Any], ...]
    seconds: float


@dataclass(frozen=True)
class IngestDrops:
    """The use case. ``landing`` is only read; ``lake`` takes data, manifests and quarantine reports."""

    products: Products
    catalog: DatasetCatalog
    landing: ObjectStore
    lake: ObjectStore
    engine: IngestEngine
    bus: EventBus
    guard: Guard
    clock: Clock
    scratch: Scratch

    def ingest(self, drops: Sequence[Drop]) -> IngestReport:
        """Takes in a batch. A problem of one drop or dataset never harms the others; the report says which to
        deliver again.
        """
        report = IngestReport()
        by_dataset: dict[tuple[str, str], list[Drop]] = defaultdict(list)
        for drop in drops:
            route = split_key(drop.key)
            by_dataset[route or (UNROUTED, UNROUTED)].append(drop)
        for (product, dataset), group in by_dataset.items():
            try:
                self._ingest_dataset(product, dataset, group, report)
            except Retryable as error:
                report.failed.update({d.message_id: error for d in group})
        return report

    def _ingest_dataset(self, product: str, dataset: str, group: list[Drop], report: IngestReport) -> None:
        try:
            applied, contract = self._contract(product, dataset)
        except DropRefused as refusal:
            for drop in group:
                self._quarantine(UNROUTED, dataset, drop, refusal, report)
            return
        with self.scratch.directory() as directory:
            accepted: dict[str, _Accepted] = {}
            for index, drop in enumerate(group):
                if drop.message_id in report.failed:
                    continue
                try:
                    taken = self._take(applied, contract, drop, directory / str(index), report)
                except DropRefused as refusal:
                    self._quarantine(product, dataset, drop, refusal, report)
                except Retryable as error:
                    report.failed[drop.message_id] = error
                else:
                    if taken is not None:
                        accepted.setdefault(taken.source.sha256, taken)
            self._commit_all(applied, contract, list(accepted.values()), report)

    def _contract(self, product: str, dataset: str) -> tuple[AppliedProduct, Contract]:
        """Raises DropRefused when the key names no product or dataset, or policy does not let ingest commit
        to it.
        """
        if product == UNROUTED:
            raise DropRefused("unknown_prefix", "the key is not <product>/<dataset>/<file>")
        try:
            applied = self.products.get(product)
        except NotFound as missing:
            raise DropRefused("unknown_product", f"no product {product!r} was applied") from missing
        try:
            contract = applied.product.contract(dataset)
        except NotFound as missing:
            raise DropRefused("unknown_dataset", str(missing)) from missing
        try:
            self.guard.require(applied, SERVICE, "headgate:CommitVersion", f"hrn:{product}:dataset/{dataset}")
        except AccessDenied as denied:
            raise DropRefused("access_denied", str(denied)) from denied
        return applied, contract

    def _take(
        self, applied: AppliedProduct, contract: Contract, drop: Drop, directory: Path, report: IngestReport
    ) -> _Accepted | None:
        """The drop as a data file in the lake, or None when its bytes are in a version already."""
        product, dataset = applied.product.name, contract.name
        started = self.clock.monotonic()
        directory.mkdir()
        source_path = directory / "source"
        try:
            sha256 = self.landing.download(drop.key, source_path, drop.version_id)
        except NotFound as missing:
            raise DropRefused("object_missing", f"the object version is gone: {missing}") from missing
        source = SourceRef(drop.bucket, drop.key, drop.version_id, sha256, source_path.stat().st_size)
        if (ordinal := self.catalog.version_with_source(product, dataset, sha256)) is not None:
            self._publish(self.catalog.dataset_version(product, dataset, ordinal))
            report.repeated.append(drop.message_id)
            return None
        target = directory / "data.parquet"
        converted = self.engine.convert(source_path, drop.key, contract, target)
        data_sha = file_sha256(target)
        key = f"{product}/datasets/{dataset}/data/{data_sha}.parquet"
        self.lake.upload(target, key)
        file = DataFile(
            key,
            target.stat().st_size,
            data_sha,
            converted.rows,
            converted.columns,
            source,
            (0, converted.rows),
        )
        return _Accepted(drop, source, file, converted.checks, self.clock.monotonic() - started)

    def _commit_all(
        self, applied: AppliedProduct, contract: Contract, accepted: list[_Accepted], report: IngestReport
    ) -> None:
        """One commit for what is appended; one commit each for what overwrites."""
        if contract.operation == "append":
            groups = [accepted[i : i + 50] for i in range(0, len(accepted), 50)]
        else:
            groups = [[a] for a in accepted]
        for group in groups:
            try:
                record = self._commit(applied, contract, group)
            except Retryable as error:
                report.failed.update({a.drop.message_id: error for a in group})
            else:
                self._publish(record)
                report.committed.append(record)

    def _commit(
        self, applied: AppliedProduct, contract: Contract, accepted: list[_Accepted]
    ) -> VersionRecord:
        """Moves the head, retrying with jitter when another committer was first."""
        product, dataset = applied.product.name, contract.name
        segment = segment_document(a.file for a in accepted)
        name = digest(segment)
        self.lake.put(segment_key(product, dataset, name), canonical_json(segment), "application/json")
        files = [a.file for a in accepted]
        added = SegmentRef(name, len(files), sum(f.rows for f in files), sum(f.bytes for f in files))
        checks = _merged_checks(accepted)
        problem: Retryable = Conflict(f"{product}/{dataset}: no attempt was made")
        for attempt in range(COMMIT_ATTEMPTS):
            if attempt and (found := self._already(product, dataset, accepted)) is not None:
                return found
            head = self.catalog.dataset_head(product, dataset)
            parent = None if head is None else load_manifest(self.lake, product, dataset, head.digest)
            manifest = next_manifest(
                parent,
                product=product,
                dataset=dataset,
                operation=contract.operation,
                contract_version=contract.version,
                added=added,
                checks=checks,
            )
            self.lake.put(
                manifest_key(product, dataset, manifest.digest), canonical_json(manifest.to_document())
            )
            record = self._record(manifest, added, accepted)
            try:
                self.catalog.commit_version(record)
                return record
            except (Conflict, StateUnknown) as error:
                problem = error
                self.clock.sleep(random.uniform(0, min(2.0, 0.05 * 2**attempt)))
        raise problem

    def _already(self, product: str, dataset: str, accepted: list[_Accepted]) -> VersionRecord | None:
        """The version that holds all of these bytes, if a lost answer or another worker put them there."""
        ordinals = {self.catalog.version_with_source(product, dataset, a.source.sha256) for a in accepted}
        if ordinals == {None}:
            return None
        if len(ordinals) == 1 and (ordinal := ordinals.pop()) is not None:
            return self.catalog.dataset_version(product, dataset, ordinal)
        raise Conflict(f"{product}/{dataset}: some of the drops were committed by another worker meanwhile")

    def _record(self, manifest: Manifest, added: SegmentRef, accepted: list[_Accepted]) -> VersionRecord:
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

    def _publish(self, record: VersionRecord) -> None:
        """The version's facts. Ids come from the version's digest, so consumers recognise a repeat."""
        node = dataset_node(record.product, record.dataset, record.digest)
        facts = {"ordinal": record.ordinal, "rows": record.rows, "digest": record.digest}
        inputs = [Node(s.node, {"kind": "object", **asdict(s)}) for s in record.sources]
        if record.parent is not None and record.operation == "append":
            inputs.append(
                Node(
                    dataset_node(record.product, record.dataset, record.parent),
                    {"ordinal": record.ordinal - 1},
                )
            )
        lineage = run_event(
            job=f"ingest/{record.product}/{record.dataset}",
            run_key=record.digest,
            time=record.created_at,
            inputs=inputs,
            outputs=[Node(node, facts)],
        )
        committed = {
            "dataset": record.dataset,
            "digest": record.digest,
            "ordinal": record.ordinal,
            "rows": record.rows,
            "operation": record.operation,
        }
        self.bus.publish(
            [
                DomainEvent(
                    events.LINEAGE_RECORDED,
                    record.product,
                    lineage["run"]["runId"],
                    record.created_at,
                    {"event": lineage},
                ),
                DomainEvent(
                    events.DATASET_VERSION_COMMITTED,
                    record.product,
                    record.digest,
                    record.created_at,
                    committed,
                ),
            ]
        )

    def _quarantine(
        self, product: str, dataset: str, drop: Drop, refusal: DropRefused, report: IngestReport
    ) -> None:
        """Keeps why: a report in the lake, a catalog entry, an event. The id comes from the object version."""
        name = digest({"bucket": drop.bucket, "key": drop.key, "version_id": drop.version_id})[:24]
        record = QuarantineRecord(
            id=name,
            product=product,
            dataset=dataset,
            bucket=drop.bucket,
            key=drop.key,
            version_id=drop.version_id,
            rule=refusal.rule,
            reason=str(refusal),
            rows=refusal.rows,
            sample=tuple(refusal.sample),
            created_at=iso(self.clock.now()),
        )
        try:
            self.lake.put(
                f"{product}/quarantine/{dataset}/{name}.json",
                canonical_json(asdict(record)),
                "application/json",
            )
            self.catalog.add_quarantine(record)
            self.bus.publish([_quarantined(record)])
        except Retryable as error:
            report.failed[drop.message_id] = error
        else:
            report.quarantined.append(record)


def _quarantined(record: QuarantineRecord) -> DomainEvent:
    detail = {
        "dataset": record.dataset,
        "key": record.key,
        "version_id": record.version_id,
        "rule": record.rule,
        "reason": record.reason,
        "quarantine_id": record.id,
    }
    return DomainEvent(events.DROP_QUARANTINED, record.product, record.id, record.created_at, detail)


def _merged_checks(accepted: Sequence[_Accepted]) -> tuple[dict[str, Any], ...]:
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


def file_sha256(path: Path) -> str:
    """sha256 of a file, read in chunks."""
    import hashlib

    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
