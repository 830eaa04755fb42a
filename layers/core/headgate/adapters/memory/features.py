"""Feature versions in memory."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from headgate.adapters import documents
from headgate.adapters.memory.faults import Faults
from headgate.adapters.memory.part import CatalogPart
from headgate.domain.errors import Conflict
from headgate.domain.feature_job import StageJob
from headgate.domain.feature_version import FeatureVersionRecord


class MemoryFeatures(CatalogPart):
    """The FeatureCatalog port."""

    def __init__(self, faults: Faults | None = None) -> None:
        super().__init__(faults)
        self._feature_versions: dict[tuple[str, str], list[str]] = {}
        self._stage_jobs: dict[tuple[str, str, str], str] = {}
        self._builds: dict[tuple[str, str, str], int] = {}

    def feature_head(self, product: str, feature_set: str) -> FeatureVersionRecord | None:
        with self._faults.read("catalog.feature_head"), self._lock:
            versions = self._feature_versions.get((product, feature_set))
            return documents.feature_record(versions[-1]) if versions else None

    def feature_version_of_build(
        self, product: str, feature_set: str, build_id: str
    ) -> FeatureVersionRecord | None:
        with self._faults.read("catalog.feature_version_of_build"), self._lock:
            ordinal = self._builds.get((product, feature_set, build_id))
            if ordinal is None:
                return None
            return documents.feature_record(self._feature_versions[product, feature_set][ordinal - 1])

    def feature_versions(
        self, product: str, feature_set: str, limit: int = 100
    ) -> Sequence[FeatureVersionRecord]:
        """Newest first."""
        with self._faults.read("catalog.feature_versions"), self._lock:
            versions = self._feature_versions.get((product, feature_set), [])
            return [documents.feature_record(v) for v in versions[::-1][:limit]]

    def commit_features(self, record: FeatureVersionRecord) -> None:
        with self._faults.effect("catalog.commit_features"), self._lock:
            name = (record.product, record.feature_set)
            versions = self._feature_versions.get(name, [])
            is_head = self._builds.get((*name, record.build_id), 0) == len(versions) > 0
            if record.ordinal != len(versions) + 1 or is_head:
                name_of_set = f"{record.product}/{record.feature_set}"
                raise Conflict(
                    f"feature set {name_of_set} has moved, or is of this build: read its head again"
                )
            self._feature_versions.setdefault(name, []).append(documents.text_of_record(record))
            self._builds[(*name, record.build_id)] = record.ordinal

    def stage_job(self, product: str, feature_set: str, recipe: str) -> StageJob | None:
        with self._faults.read("catalog.stage_job"), self._lock:
            text = self._stage_jobs.get((product, feature_set, recipe))
        return None if text is None else documents.stage_job(text)

    def put_stage_job(self, job: StageJob, was: StageJob | None) -> None:
        key = (job.product, job.feature_set, job.recipe)
        with self._faults.effect("catalog.put_stage_job"), self._lock:
            if self._stage_jobs.get(key) != (documents.text_of_record(was) if was else None):
                raise Conflict(f"another job of {job.product}/{job.feature_set} is there: read it again")
            self._stage_jobs[key] = documents.text_of_record(job)

    def give_up_features(self, product: str, feature_set: str, ordinals: Sequence[int], at: str) -> None:
        with self._faults.effect("catalog.give_up_features"), self._lock:
            for ordinal in ordinals:
                self._mark(product, feature_set, ordinal, lambda was: was or at)

    def keep_features(self, product: str, feature_set: str, ordinals: Sequence[int]) -> None:
        with self._faults.effect("catalog.keep_features"), self._lock:
            for ordinal in ordinals:
                self._mark(product, feature_set, ordinal, lambda _: "")

    def _mark(self, product: str, feature_set: str, ordinal: int, mark: Callable[[str], str]) -> None:
        versions = self._feature_versions[product, feature_set]
        record = documents.feature_record(versions[ordinal - 1])
        marked = replace(record, collected_at=mark(record.collected_at))
        versions[ordinal - 1] = documents.text_of_record(marked)
