"""Datasets in memory: heads, versions, sources and quarantine."""

from collections.abc import Sequence

from headgate.adapters import documents
from headgate.adapters.memory.faults import Faults
from headgate.adapters.memory.part import CatalogPart
from headgate.domain.dataset import MAX_SOURCES, QuarantineRecord, VersionRecord
from headgate.domain.errors import Conflict, InvalidRequest, NotFound


class MemoryDatasets(CatalogPart):
    """The DatasetCatalog port."""

    def __init__(self, faults: Faults | None = None) -> None:
        super().__init__(faults)
        self._dataset_versions: dict[tuple[str, str], list[str]] = {}
        self._dataset_sources: dict[tuple[str, str, str], int] = {}
        self._quarantine: dict[tuple[str, str, str], str] = {}

    def dataset_head(self, product: str, dataset: str) -> VersionRecord | None:
        with self._faults.read("catalog.dataset_head"), self._lock:
            versions = self._dataset_versions.get((product, dataset))
            return documents.version_record(versions[-1]) if versions else None

    def dataset_version(self, product: str, dataset: str, ordinal: int) -> VersionRecord:
        with self._faults.read("catalog.dataset_version"), self._lock:
            versions = self._dataset_versions.get((product, dataset), [])
            if not 1 <= ordinal <= len(versions):
                raise NotFound(f"dataset {product}/{dataset} has no version v{ordinal}")
            return documents.version_record(versions[ordinal - 1])

    def dataset_versions(self, product: str, dataset: str, limit: int = 100) -> Sequence[VersionRecord]:
        with self._faults.read("catalog.dataset_versions"), self._lock:
            versions = self._dataset_versions.get((product, dataset), [])
            return [documents.version_record(v) for v in versions[::-1][:limit]]

    def version_with_source(self, product: str, dataset: str, sha256: str) -> int | None:
        with self._faults.read("catalog.version_with_source"), self._lock:
            return self._dataset_sources.get((product, dataset, sha256))

    def commit_version(self, record: VersionRecord) -> None:
        if len({s.sha256 for s in record.sources}) > MAX_SOURCES:
            raise InvalidRequest(f"a commit takes at most {MAX_SOURCES} sources, found {len(record.sources)}")
        with self._faults.effect("catalog.commit_version"), self._lock:
            name = (record.product, record.dataset)
            versions = self._dataset_versions.get(name, [])
            head = documents.version_record(versions[-1]).digest if versions else None
            if head != record.parent or record.ordinal != len(versions) + 1:
                raise Conflict(
                    f"dataset {record.product}/{record.dataset} has moved: read its head, then try again"
                )
            self._dataset_versions.setdefault(name, []).append(documents.text_of_record(record))
            self._dataset_sources.update({(*name, s.sha256): record.ordinal for s in record.sources})

    def add_quarantine(self, record: QuarantineRecord) -> None:
        with self._faults.effect("catalog.add_quarantine"), self._lock:
            key = (record.product, record.dataset, record.id)
            self._quarantine[key] = documents.text_of_record(record)

    def quarantine(self, product: str, limit: int = 100) -> Sequence[QuarantineRecord]:
        """Newest first."""
        with self._faults.read("catalog.quarantine"), self._lock:
            found = [
                documents.quarantine_record(t) for (p, _, _), t in self._quarantine.items() if p == product
            ]
        return sorted(found, key=lambda r: (r.created_at, r.id), reverse=True)[:limit]
