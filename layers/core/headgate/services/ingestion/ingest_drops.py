"""Dropped objects become dataset versions, or go to quarantine.

One batch of deliveries is folded into one commit a dataset. Data files go into the lake first, then the
version is committed and published. Everything before the head is content-addressed and harmless to repeat; a
delivery that finds its bytes already in a version only publishes that version's events again. So a crash
anywhere is healed by the queue's redelivery.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from headgate.domain.check_context import CheckContext
from headgate.domain.contract import Contract
from headgate.domain.dataset import DataFile, Drop, SourceRef, split_key
from headgate.domain.errors import (
    ConfigurationError,
    DropRefused,
    HeadgateError,
    NotFound,
    Retryable,
    TooLargeHere,
)
from headgate.domain.masking import masked_refusal
from headgate.domain.source_limits import TOO_LARGE
from headgate.domain.version import MAX_SOURCES, CommitView
from headgate.ports import (
    Clock,
    DatasetCatalog,
    EventBus,
    IngestEngine,
    ObjectStore,
    QuarantineCatalog,
    RefCatalog,
    Scratch,
)
from headgate.services.access import Guard
from headgate.services.file_digest import file_sha256
from headgate.services.ingestion.check_contexts import CheckContexts, on_checked_head
from headgate.services.ingestion.hand_over_drop import HandOverDrop
from headgate.services.ingestion.ingest_report import IngestReport
from headgate.services.ingestion.intake import ERASED, SERVICE, governing_contract, known_there, line_of
from headgate.services.ingestion.landed_drops import Landed, by_bytes, sorted_out
from headgate.services.ingestion.quarantine import Quarantine
from headgate.services.products import Products
from headgate.services.versions.commit_version import Authorship, CommitVersion, Line
from headgate.services.versions.manifests import data_key
from headgate.services.versions.take_in import Accepted, take_in

UNROUTED = "_unrouted"
"""What a drop is filed under when its key names no product."""
NOBODYS = ("unknown_prefix", "unknown_product")


@dataclass(frozen=True)
class IngestDrops:
    """The use case. ``landing`` is only read; ``lake`` takes data, manifests and quarantine reports."""

    products: Products
    catalog: DatasetCatalog
    refs: RefCatalog
    quarantine: QuarantineCatalog
    landing: ObjectStore
    lake: ObjectStore
    engine: IngestEngine
    bus: EventBus
    guard: Guard
    clock: Clock
    scratch: Scratch
    large: HandOverDrop | None = None
    """None where every drop is taken in right here, as in the job itself."""

    @property
    def versions(self) -> CommitVersion:
        return CommitVersion(self.catalog, self.lake, self.bus, self.clock)

    @property
    def refusals(self) -> Quarantine:
        return Quarantine(self.quarantine, self.lake, self.bus, self.clock)

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
            if product == UNROUTED:
                raise DropRefused("unknown_prefix", "the key is not <product>/<dataset>/<file>")
            contract = governing_contract(self.products, self.guard, product, dataset)
        except DropRefused as refusal:
            owner = UNROUTED if refusal.rule in NOBODYS else product
            for drop in group:
                self._refuse(owner, dataset, [drop], refusal, report)
            return
        line = line_of(product, contract)
        here: list[Drop] = []
        for drop in group:
            if self.large is not None and self.large.takes(drop):
                self._hand_over(drop, self.large, report)
            else:
                here.append(drop)
        for start in range(0, len(here), MAX_SOURCES):
            with self.scratch.directory() as directory:
                self._take_in(line, contract, here[start : start + MAX_SOURCES], directory, report)

    def _hand_over(self, drop: Drop, large: HandOverDrop, report: IngestReport) -> None:
        try:
            job = large.hand_over(drop)
        except HeadgateError as error:
            report.failed[drop.message_id] = error
        else:
            if job is None:
                report.repeated.append(drop.message_id)
            else:
                report.handed_over[drop.message_id] = job

    def job_failed(self, drop: Drop, reason: str, report: IngestReport) -> None:
        """A job that `HandOverDrop` started was given up."""
        if self.large is None:
            raise ConfigurationError("large drops are not handed over here, yet a job failed")
        try:
            record = self.large.job_failed(drop, reason)
        except Retryable as error:
            report.failed[drop.message_id] = error
        else:
            report.quarantined += [record] if record else []

    def _take_in(
        self, line: Line, contract: Contract, group: list[Drop], directory: Path, report: IngestReport
    ) -> None:
        """Landed bytes, one read of what is known, then data files of what is new, then the commit."""
        landed: list[Landed] = []
        for index, drop in enumerate(group):
            try:
                found = self._land(drop, directory / str(index))
            except DropRefused as refusal:
                self._refuse(line.product, line.dataset, [drop], refusal, report)
            except Exception as error:  # a full disk, say, costs its own message alone
                report.failed[drop.message_id] = error
            else:
                landed.append(found)
        if not landed:
            return
        sources = [found.source for found in landed]
        view = known_there(self.catalog, self.refs, line, sources, self.clock)
        unknown = self._unknown(line, view, by_bytes(landed), report)
        context = self._contexts.of(line, contract, view) if unknown else None
        accepted: list[Accepted] = []
        for found in unknown:
            try:
                if found.source.sha256 in view.erased:
                    raise DropRefused("erased", ERASED)
                taken = self._convert(line, contract, found, context)
            except (DropRefused, TooLargeHere) as problem:
                self._not_taken(line, contract, found, problem, report)
            except Exception as error:  # whatever it is, it costs its own messages alone
                report.failed.update({d.message_id: error for d in found.drops})
            else:
                accepted.append(taken)
                context = context and context.with_file(line.dataset, found.written(taken.file))
        self._commit_all(line, contract, accepted, view, report)

    def _not_taken(
        self,
        line: Line,
        contract: Contract,
        found: Landed,
        problem: DropRefused | TooLargeHere,
        report: IngestReport,
    ) -> None:
        """What turns out to be too large for this process, once unpacked or while it is read, is handed over
        as what looked so before.
        """
        too_large = isinstance(problem, TooLargeHere) or problem.rule == TOO_LARGE
        if too_large and self.large is not None:
            for drop in found.drops:
                self._hand_over(drop, self.large, report)
        elif isinstance(problem, TooLargeHere):
            report.failed.update({d.message_id: problem for d in found.drops})
        else:
            shown = masked_refusal(problem, contract)
            self._refuse(line.product, line.dataset, found.drops, shown, report)

    def _unknown(
        self, line: Line, view: CommitView, landed: list[Landed], report: IngestReport
    ) -> list[Landed]:
        """What no version holds yet; the versions that hold the rest are published again."""
        unknown, again = sorted_out(view, landed)
        for ordinal, arrivals in sorted(again.items()):
            drops = [drop for drop, _ in arrivals]
            self._remember(line, view, ordinal, (source for _, source in arrivals))
            self.versions.publish(self.catalog.dataset_version(line.product, line.dataset, ordinal))
            self.refusals.taken_in(line.product, line.dataset, drops, view.refused, ordinal)
            report.repeated += [drop.message_id for drop in drops]
        return unknown

    def _remember(self, line: Line, view: CommitView, ordinal: int, sources: Iterable[SourceRef]) -> None:
        """Objects known by their bytes alone: a late message of one brings back nothing that goes later."""
        late = {s.identity: ordinal for s in sources if s.identity not in view.objects}
        if late:
            self.catalog.remember(line.product, line.dataset, late)

    def _land(self, drop: Drop, directory: Path) -> Landed:
        """The dropped bytes on scratch disk, with digest. Raises DropRefused when the version is gone."""
        started = self.clock.monotonic()
        directory.mkdir()
        path = directory / "source"
        try:
            sha256 = self.landing.download(drop.key, path, drop.version_id)
        except NotFound as missing:
            raise DropRefused("object_missing", f"the object version is gone: {missing}") from missing
        source = SourceRef(drop.bucket, drop.key, drop.version_id, sha256, path.stat().st_size)
        return Landed(((drop, source),), path, self.clock.monotonic() - started)

    @property
    def _contexts(self) -> CheckContexts:
        return CheckContexts(self.products, self.catalog, self.lake, self.clock)

    def _convert(
        self, line: Line, contract: Contract, landed: Landed, context: CheckContext | None
    ) -> Accepted:
        """The drop as a data file in the lake. Raises DropRefused."""
        started = self.clock.monotonic()
        target = landed.target
        converted = self.engine.convert(landed.path, landed.source.key, contract, target, context)
        sha256 = file_sha256(target)
        key = data_key(line.product, line.dataset, sha256)
        self.lake.upload(target, key)
        file = DataFile(
            key,
            target.stat().st_size,
            sha256,
            converted.rows,
            converted.columns,
            landed.source,
            (0, converted.rows),
        )
        seconds = landed.seconds + self.clock.monotonic() - started
        return Accepted(landed.drops, landed.source, file, converted.checks, seconds, landed.copies)

    def _commit_all(
        self,
        line: Line,
        contract: Contract,
        accepted: list[Accepted],
        view: CommitView,
        report: IngestReport,
    ) -> None:
        """One commit for what is appended; one commit each for what overwrites."""
        size = MAX_SOURCES if contract.operation == "append" else 1
        for start in range(0, len(accepted), size):
            group = accepted[start : start + size]
            by = Authorship(SERVICE.id, "", sum(a.seconds for a in group), sum(a.source.bytes for a in group))
            sources = [source for a in group for source in a.sources]
            drops = [d for a in group for d in a.drops]
            try:
                propose = on_checked_head(contract, view, take_in(contract, group))
                record = self.versions.commit(line, propose, by, sources, view if start == 0 else None)
                self.versions.publish(record)
                self.refusals.taken_in(line.product, line.dataset, drops, view.refused, record.ordinal)
            except Retryable as error:
                report.failed.update({d.message_id: error for d in drops})
            else:
                report.committed.append(record)

    def _refuse(
        self, product: str, dataset: str, drops: Sequence[Drop], refusal: DropRefused, report: IngestReport
    ) -> None:
        """Each object version is refused by itself, also when several brought the same bytes."""
        for drop in drops:
            try:
                report.quarantined.append(self.refusals.refuse(product, dataset, drop, refusal))
            except Retryable as error:
                report.failed[drop.message_id] = error
