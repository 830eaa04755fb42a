"""A queue, workers that die or meet rivals, and a checker that replays history: the stage of the commit
protocol's properties.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from headgate.adapters.memory import Crash, MemoryIngestEngine
from headgate.domain import events
from headgate.domain.dataset import DataFile, Drop, SourceRef
from headgate.domain.errors import Retryable
from headgate.domain.version import MAIN, VersionRecord
from headgate.services.ingestion.ingest_drops import IngestDrops
from headgate.services.ingestion.ingest_report import IngestReport
from headgate.services.versions.branches import PENDING, start_branch
from headgate.services.versions.commit_version import Authorship, Line
from headgate.services.versions.datasets import Datasets
from headgate.services.versions.manifests import Manifests, data_key
from headgate.services.versions.merge_versions import MergeVersions
from headgate.services.versions.rollback_dataset import ShowAgain
from headgate.services.versions.take_in import Accepted, take_in

from tests.support.memory_platform import MemoryPlatform
from tests.support.small_product import bundle

PRODUCT, DATASET, DEV = "shops", "pieces", "dev"
BAD = b"nonsense\n"
BY = Authorship("user/ada")


def body(number: int) -> bytes:
    return f"item\n{number}\n".encode()


def product(**contract: Any) -> dict[str, Any]:
    """A product with one dataset of one column; ``contract`` changes what it promises."""
    columns = [{"name": "item", "type": "VARCHAR", "required": True}]
    pieces = {"name": DATASET, "version": "1.0.0", "format": "csv", "columns": columns, **contract}
    whole = bundle()
    return {**whole, "datasets": {**whole["datasets"], DATASET: pieces}}


def insist(act: Callable[[], Any]) -> Any:
    """``act``, by someone who asks again until there is an answer."""
    while True:
        try:
            return act()
        except (Crash, Retryable):
            continue


class Meeting:
    """The catalog, where somebody may act between a committer's look and its commit."""

    def __init__(self, catalog: Any, meanwhile: list[Callable[[], object]]) -> None:
        self._catalog = catalog
        self._meanwhile = meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._catalog, name)

    def commit_version(self, *arguments: Any) -> None:
        if self._meanwhile:
            self._meanwhile.pop(0)()
        self._catalog.commit_version(*arguments)


@dataclass
class Queue:
    """What waits to be delivered, and what was taken off; a message may be delivered again all the same."""

    waiting: list[Drop] = field(default_factory=list)
    done: list[Drop] = field(default_factory=list)

    def take(self, batch: Sequence[Drop]) -> None:
        """What is delivered waits until it is finished, also where that was once before."""
        for drop in batch:
            if drop in self.done:
                self.done.remove(drop)
                self.waiting.append(drop)

    def finish(self, drop: Drop) -> None:
        if drop in self.waiting:
            self.waiting.remove(drop)
            self.done.append(drop)


class CommitWorld:
    """One dataset, its queue and its workers; `checked` has every version as replayed."""

    def __init__(self, root: Path, **contract: Any) -> None:
        self.platform = MemoryPlatform(root)
        applied = self.platform.apply_product(product(**contract))
        self.platform.faults.clear()
        self.contract = applied.product.contract(DATASET)
        self.queue = Queue()
        self.drops: list[Drop] = []
        self.rolled_back: set[str] = set()
        """Digests of what main does not show any more: it may come back with the next drop of these bytes."""
        self.taken: set[str] = set()
        self.replayed: dict[str, tuple[DataFile, ...]] = {}
        self.heads: dict[str, VersionRecord | None] = {MAIN: None}
        self._seen = 0

    # --- what happens

    def drop(self, key: str, content: bytes, messages: int = 1) -> None:
        """An object that the queue tells of, once or more often."""
        told = self.platform.drop(f"{PRODUCT}/{DATASET}/{key}", content)
        self.drops.append(told)
        self.queue.waiting += [replace(told, message_id=f"{told.message_id}.{n}") for n in range(messages)]

    def ingest(self, meanwhile: Sequence[Callable[[], object]] = ()) -> IngestDrops:
        p = self.platform
        catalog: Any = Meeting(p.catalog, list(meanwhile))
        return replace(p.ingest, catalog=catalog, engine=MemoryIngestEngine(p.faults), large=None)

    def deliver(self, batch: Sequence[Drop], meanwhile: Sequence[Callable[[], object]] = ()) -> IngestReport:
        """A worker takes a batch; one that dies takes nothing off the queue."""
        self.queue.take(batch)
        try:
            report = self.ingest(meanwhile).ingest(batch)
        except Crash:
            self.platform.restart()
            return IngestReport()
        finally:
            self.platform.clock.advance(1)
        for drop in batch:
            if drop.message_id not in report.failed:
                self.queue.finish(drop)
        return report

    @property
    def datasets(self) -> Datasets:
        p = self.platform
        return Datasets(p.products, p.catalog, p.catalog, p.lake, p.guard, p.bus, p.clock)

    def roll_back(self, to: int) -> None:
        """Main shows again what a version of it showed."""
        before = self.contents(MAIN)
        target = self.platform.catalog.dataset_version(PRODUCT, DATASET, to) if to else None
        insist(lambda: ShowAgain(self.datasets).show(Line(PRODUCT, DATASET), target, BY))
        self.rolled_back = (self.rolled_back | before) - self.contents(MAIN)

    def publish_pending(self) -> None:
        """What waits is merged into main, as a manual publication does."""
        if any(b.name == PENDING for b in self.platform.catalog.branches(PRODUCT, DATASET)):
            theirs = self.platform.catalog.dataset_head(PRODUCT, DATASET, PENDING)
            if theirs is not None:
                insist(lambda: MergeVersions(self.datasets).merge(Line(PRODUCT, DATASET), theirs, BY))

    def commit_on_branch(self, number: int) -> None:
        """A person adds bytes to a branch, if it has not got them."""
        catalog, line = self.platform.catalog, Line(PRODUCT, DATASET, DEV)
        if DEV not in self.heads:
            head = catalog.commit_view(PRODUCT, DATASET, MAIN, ()).head
            insist(lambda: start_branch(catalog, line, head, BY.author, "2030-01-01T00:00:00.000Z"))
            self.heads[DEV] = head.record if head else None
        content, sha256 = body(number), hashlib.sha256(body(number)).hexdigest()
        source = SourceRef("landing", f"{DEV}/{len(self.history())}/{number}", "v1", sha256, len(content))
        if insist(lambda: catalog.commit_view(PRODUCT, DATASET, DEV, [source])).known(source) is None:
            key = data_key(PRODUCT, DATASET, sha256)
            insist(lambda: self.platform.lake.put(key, content))
            file = DataFile(key, len(content), sha256, 1, (), source, (0, 1))
            propose = take_in(self.contract, [Accepted((), source, file, (), 0.0)])
            record = insist(lambda: self.datasets.commits.commit(line, propose, BY, [source]))
            insist(lambda: self.datasets.commits.publish(record))

    def settle(self) -> None:
        """Everything that waits is delivered, with nothing in the way."""
        self.platform.faults.clear()
        for _ in range(5):
            if self.queue.waiting:
                self.deliver(list(self.queue.waiting))
        assert self.queue.waiting == []

    # --- what there is

    def sha256(self, drop: Drop) -> str:
        return hashlib.sha256(self.platform.landing.get(drop.key, drop.version_id)).hexdigest()

    def is_bad(self, drop: Drop) -> bool:
        return self.platform.landing.get(drop.key, drop.version_id) == BAD

    def history(self) -> list[VersionRecord]:
        return list(self.platform.catalog.dataset_versions(PRODUCT, DATASET, 10_000))[::-1]

    def contents(self, branch: str) -> set[str]:
        """Digests of the sources in a branch's head."""
        head = self.platform.catalog.dataset_head(PRODUCT, DATASET, branch)
        return set() if head is None else {f.source.sha256 for f in self._files(head.digest)}

    def _files(self, digest: str) -> tuple[DataFile, ...]:
        manifests = Manifests(self.platform.lake, PRODUCT, DATASET)
        return tuple(manifests.files(manifests.load(digest)))

    # --- what must hold

    def check_history(self) -> None:
        """Each version that is new: on top of its branch's head, its files what replaying gives."""
        history = self.history()
        assert [r.ordinal for r in history] == list(range(1, len(history) + 1))
        for record in history[self._seen :]:
            before = self._before(record)
            # A merge into a branch that has nothing stands on what it merged alone
            assert record.parent == (before.digest if before else record.second_parent)
            files = self._files(record.digest)
            held = self.replayed[before.digest] if before else ()
            other = self.replayed[record.second_parent] if record.second_parent else ()
            added = {s.identity for s in record.sources}
            assert added.isdisjoint(self.taken)
            self.taken |= added
            # Of several objects with the same bytes one is the file's source
            new = added & _names(files)
            brought = {f.source.sha256 for f in files if f.source.identity in new}
            assert brought == {s.sha256 for s in record.sources}
            expected = {
                "append": _names(held) | new,
                "overwrite": new,
                "rollback": _names(other),
                "merge": _names(held) | _names(other),
            }
            assert _names(files) == expected[record.operation]
            self._check_files(record, files)
            self.replayed[record.digest] = files
            self.heads[record.branch] = record
        self._seen = len(history)

    def _before(self, record: VersionRecord) -> VersionRecord | None:
        """Where the branch stood; a pending one is opened by whoever needs it first."""
        if record.branch not in self.heads:
            opened = {b.name: b for b in self.platform.catalog.branches(PRODUCT, DATASET)}[record.branch]
            base = opened.base_ordinal
            self.heads[record.branch] = self.history()[base - 1] if base else None
        return self.heads[record.branch]

    def _check_files(self, record: VersionRecord, files: tuple[DataFile, ...]) -> None:
        doubled = [sha for sha, n in Counter(f.source.sha256 for f in files).items() if n > 1]
        assert doubled == []
        assert (record.files, record.rows) == (len(files), sum(f.rows for f in files))
        assert all(self.platform.lake.exists(f.key) for f in files)
        for other in self.history()[: record.ordinal]:
            if other.sources and record.operation != "overwrite":
                added = {s.identity for s in other.sources}
                assert record.shows(other.ordinal) == bool(added & _names(files))

    def check_heads(self) -> None:
        """Each branch stands at its last version, with the manifest that the lake has."""
        manifests = Manifests(self.platform.lake, PRODUCT, DATASET)
        for branch, record in self.heads.items():
            head = self.platform.catalog.commit_view(PRODUCT, DATASET, branch, ()).head
            assert (head.record if head else None) == record
            assert head is None or head.manifest == manifests.load(head.record.digest)

    def check_settled(self) -> None:
        """Every good drop was taken in, every bad one is in quarantine, and every version was told of."""
        good = {self.sha256(d) for d in self.drops if not self.is_bad(d)}
        assert good <= {s.sha256 for r in self.history() for s in r.sources}
        assert self.contents(MAIN) <= good
        refused = Counter(r.version_id for r in self.platform.catalog.quarantine(PRODUCT, 1000))
        assert refused == Counter(d.version_id for d in self.drops if self.is_bad(d))
        bus = self.platform.bus
        told = (*bus.of_type(events.DATASET_VERSION_COMMITTED), *bus.of_type(events.BRANCH_VERSION_COMMITTED))
        assert {r.digest for r in self.history()} == {e.id for e in told}

    def check_main_has_everything(self) -> None:
        """Each good drop's bytes are in main, once as `check_history` says, unless they were rolled back."""
        shown = self.contents(MAIN)
        shown |= self.rolled_back
        assert [d.key for d in self.drops if not self.is_bad(d) and self.sha256(d) not in shown] == []


def _names(files: Sequence[DataFile]) -> set[str]:
    return {f.source.identity for f in files}
