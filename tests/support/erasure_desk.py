"""Erasure over the in-memory platform, and the question whether anything readable still holds a value."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq
from headgate.adapters.engines.duckdb_erasure import DuckDbErasureEngine
from headgate.adapters.memory import MemoryObjectStore, MemoryQueue
from headgate.domain.dataset import DataFile
from headgate.domain.erasure import ErasureRecord, ErasureRequest, Subject
from headgate.services.erasure.erase_data import EraseData
from headgate.services.erasure.erase_made import EraseMade
from headgate.services.erasure.erase_subject import EraseSubject
from headgate.services.erasure.find_subject import FindSubject, Holdings
from headgate.services.erasure.request_erasure import RequestErasure
from headgate.services.features.under_way import UnderWay
from headgate.services.versions.branches import Versions
from headgate.services.versions.datasets import Datasets
from headgate.services.versions.manifests import Manifests

from tests.support.memory_platform import ALICE, MemoryPlatform

PRODUCT, DATASET = "shops", "visits"
BUCKETS = ("landing", "lake", "models", "logs")


@dataclass(frozen=True)
class ErasureDesk:
    """Every use case of erasure. The queue between asking and doing is a list."""

    platform: MemoryPlatform
    queue: MemoryQueue = field(default_factory=lambda: MemoryQueue("maintain"))

    @property
    def datasets(self) -> Datasets:
        p = self.platform
        return Datasets(p.products, p.catalog, p.catalog, p.lake, p.guard, p.bus, p.clock)

    @property
    def engine(self) -> DuckDbErasureEngine:
        return DuckDbErasureEngine(self.platform.limits, self.platform.root / "sql")

    @property
    def finder(self) -> FindSubject:
        p = self.platform
        return FindSubject(
            products=p.products,
            datasets=p.catalog,
            runs=p.catalog,
            models=p.catalog,
            quarantine=p.catalog,
            landing=p.landing,
            lake=p.lake,
            artifacts=p.models,
            logs=p.logs,
            online=p.online,
            engine=self.engine,
            scratch=p.scratch,
        )

    @property
    def erasing(self) -> EraseSubject:
        p = self.platform
        made = EraseMade(
            datasets=p.catalog,
            quarantine=p.catalog,
            landing=p.landing,
            lake=p.lake,
            artifacts=p.models,
            logs=p.logs,
            online=p.online,
            engine=self.engine,
            scratch=p.scratch,
            clock=p.clock,
        )
        data = EraseData(self.datasets, self.engine, p.scratch)
        under_way = UnderWay(p.lake, p.clock)
        return EraseSubject(self.finder, data, made, p.catalog, self.datasets, self.queue, under_way)

    @property
    def asking(self) -> RequestErasure:
        return RequestErasure(self.datasets, self.platform.catalog, self.queue, self.platform.new_id)

    def ask(self, *values: str, column: str = "visit_id", dry_run: bool = False) -> ErasureRecord:
        subject = Subject.of([column], [[v] for v in values])
        reason = "" if dry_run else "asked by the visitor"
        return self.asking.request(ALICE, PRODUCT, DATASET, subject, reason, dry_run)

    def work(self) -> ErasureRecord:
        """Takes one message, as the function does."""
        (message,) = self.queue.receive(1)
        return self.erasing.handle(ErasureRequest.from_message(message))

    def erase(self, *values: str) -> ErasureRecord:
        self.ask(*values)
        return self.work()

    def find(self, value: str) -> Holdings:
        return self.finder.find(PRODUCT, DATASET, Subject.of(["visit_id"], [[value]]))

    # --- what readers see

    def files(self, name: str) -> tuple[DataFile, ...]:
        record = Versions(self.platform.catalog, self.platform.catalog).resolve(PRODUCT, DATASET, name)
        manifests = Manifests(self.platform.lake, PRODUCT, DATASET)
        return manifests.files(manifests.load(record.digest))

    def ids(self, name: str) -> list[str]:
        """The visits a version shows, read from its files."""
        paths = [self.platform.lake.uri(f.key) for f in self.files(name)]
        return sorted(i for path in paths for i in pq.read_table(path)["visit_id"].to_pylist())

    def traces(self, value: str) -> list[str]:
        """Every readable object version, and every item of the catalog, in which ``value`` stands."""
        found = [place for place, text in self._texts() if value in text]
        return sorted(found)

    def _texts(self) -> Iterator[tuple[str, str]]:
        for bucket in BUCKETS:
            store: MemoryObjectStore = getattr(self.platform, bucket)
            for entry in store.entries(""):
                body = store.get(entry.key, entry.version_id)
                name = f"{bucket}/{entry.key}@{entry.version_id}"
                if body[:4] == b"PAR1":
                    path = Path(self.platform.root / "read.parquet")
                    path.write_bytes(body)
                    yield name, str(pq.read_table(path).to_pylist()) + str(pq.read_metadata(path).to_dict())
                else:
                    yield name, body.decode("utf-8", "replace")
        catalog = self.platform.catalog
        for (product, dataset), kept in catalog._datasets.items():
            for branch, head in kept.heads.items():
                yield f"head {product}/{dataset}@{branch}", str(head)
        for key, text in catalog._quarantine.items():
            yield f"quarantine {key}", text
        for key, text in catalog._erasures.items():
            yield f"erasure {key}", text
        yield "online rows", str(self.platform.online._rows)
