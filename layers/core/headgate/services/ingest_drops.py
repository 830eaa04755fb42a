"""Dropped objects become dataset versions, or go to quarantine.

One batch of deliveries is folded into one commit a dataset. Data files go into the lake first, then the
version is committed and published. Everything before the head is content-addressed and harmless to repeat; a
delivery that finds its bytes already in a version only publishes that version's events again. So a crash
anywhere is healed by the queue's redelivery.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from headgate.domain import events
from headgate.domain.canonical import canonical_json, digest
from headgate.domain.contract import Contract
from headgate.domain.dataset import (
    DataFile,
    Drop,
    QuarantineRecord,
    SourceRef,
    VersionRecord,
    split_key,
)
from headgate.domain.errors import AccessDenied, DropRefused, NotFound, Retryable
from headgate.domain.events import DomainEvent
from headgate.domain.identity import Principal
from headgate.ports import Clock, DatasetCatalog, EventBus, IngestEngine, ObjectStore, Scratch
from headgate.services.access import Guard
from headgate.services.clock import iso
from headgate.services.commit_version import MAX_FILES, Accepted, CommitVersion
from headgate.services.file_digest import file_sha256
from headgate.services.products import AppliedProduct, Products

UNROUTED = "_unrouted"
"""What a drop is filed under when its key names no product."""
NOBODYS = ("unknown_prefix", "unknown_product")
SERVICE = Principal("service/ingest")


@dataclass
class IngestReport:
    """What became of a batch: versions, messages whose bytes were known, refused drops, and by id the
    messages to deliver again.
    """

    committed: list[VersionRecord] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    quarantined: list[QuarantineRecord] = field(default_factory=list)
    failed: dict[str, Exception] = field(default_factory=dict)


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

    @property
    def versions(self) -> CommitVersion:
        return CommitVersion(self.catalog, self.lake, self.bus, self.clock)

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
            except Exception as error:  # whatever it is, it must cost this dataset's messages alone
                report.failed.update({d.message_id: error for d in group})
        return report

    def _ingest_dataset(self, product: str, dataset: str, group: list[Drop], report: IngestReport) -> None:
        try:
            applied, contract = self._contract(product, dataset)
        except DropRefused as refusal:
            owner = UNROUTED if refusal.rule in NOBODYS else product
            for drop in group:
                self._quarantine(owner, dataset, drop, refusal, report)
            return
        with self.scratch.directory() as directory:
            accepted: dict[str, Accepted] = {}
            for index, drop in enumerate(group):
                if drop.message_id in report.failed:
                    continue
                try:
                    taken = self._take(applied, contract, drop, directory / str(index), report)
                except DropRefused as refusal:
                    self._quarantine(product, dataset, drop, refusal, report)
                except Exception as error:  # a file too large for memory, say, costs its own message alone
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
    ) -> Accepted | None:
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
            self.versions.publish(self.catalog.dataset_version(product, dataset, ordinal))
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
        return Accepted(drop, source, file, converted.checks, self.clock.monotonic() - started)

    def _commit_all(
        self, applied: AppliedProduct, contract: Contract, accepted: list[Accepted], report: IngestReport
    ) -> None:
        """One commit for what is appended; one commit each for what overwrites."""
        size = MAX_FILES if contract.operation == "append" else 1
        for start in range(0, len(accepted), size):
            group = accepted[start : start + size]
            try:
                record = self.versions.commit(applied.product.name, contract, group)
                self.versions.publish(record)
            except Retryable as error:
                report.failed.update({a.drop.message_id: error for a in group})
            else:
                report.committed.append(record)

    def _quarantine(
        self, product: str, dataset: str, drop: Drop, refusal: DropRefused, report: IngestReport
    ) -> None:
        """Keeps why: a report in the lake, a catalog entry, an event; the object version gives the id."""
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
        key = f"{product}/quarantine/{dataset}/{name}.json"
        try:
            self.lake.put(key, canonical_json(asdict(record)), "application/json")
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
