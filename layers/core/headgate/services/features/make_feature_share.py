"""Makes one worker's share of a stage: what a Batch job runs. Nothing but partitions and their records come
of it; the function that handed the stage over goes on from there.
"""

from dataclasses import dataclass

from headgate.domain.errors import Permanent
from headgate.domain.feature_job import FeatureJob
from headgate.ports import DatasetCatalog, FeatureCatalog, FeatureEngine, ObjectStore, Scratch
from headgate.services.features.feature_inputs import planned_inputs
from headgate.services.features.feature_manifests import (
    features_prefix,
    load_features,
    load_statistics,
    sketches_of,
)
from headgate.services.features.feature_memo import FeatureMemo
from headgate.services.features.feature_work import FeatureWork
from headgate.services.products import Products

EVERY = 1_000_000


@dataclass(frozen=True)
class ShareOutcome:
    """``made`` of the ``steps`` of the share were missing; ``stale`` when the set was declared anew since."""

    steps: int
    made: int
    stale: bool = False


@dataclass(frozen=True)
class MakeFeatureShare:
    """The use case."""

    products: Products
    datasets: DatasetCatalog
    lake: ObjectStore
    engine: FeatureEngine
    scratch: Scratch
    features: FeatureCatalog

    def make(self, job: FeatureJob, index: int) -> ShareOutcome:
        """Raises NotFound, InvalidRequest when a view fails, Permanent when a stage before is not there."""
        applied = self.products.get(job.product)
        feature_set = applied.product.feature_sets.get(job.feature_set)
        if feature_set is None or feature_set.recipe_digest() != job.recipe:
            return ShareOutcome(0, 0, stale=True)
        records = {d: self.datasets.dataset_version(job.product, d, n) for d, n in job.inputs.items()}
        prefix = features_prefix(job.product, job.feature_set)
        with self.scratch.directory() as directory:
            work = FeatureWork(
                feature_set=feature_set,
                engine=self.engine,
                lake=self.lake,
                memo=self._memo(job, prefix),
                prefix=prefix,
                inputs=planned_inputs(self.lake, applied.product, records),
                directory=directory,
                chunk_bytes=job.chunk_bytes,
            )
            return _share(work, job, index)

    def _memo(self, job: FeatureJob, prefix: str) -> FeatureMemo:
        """What the function knew that handed the stage over: an erasure takes records of what was made."""
        versions = self.features.feature_versions(job.product, job.feature_set, EVERY) if job.before else ()
        before = next((v for v in versions if v.ordinal == job.before), None)
        if before is None:
            return FeatureMemo(self.lake, prefix, None, {})
        manifest = load_features(self.lake, job.product, job.feature_set, before.digest)
        return FeatureMemo(self.lake, prefix, manifest, sketches_of(load_statistics(self.lake, manifest)))


def _share(work: FeatureWork, job: FeatureJob, index: int) -> ShareOutcome:
    stages = work.stages()
    for number, views in enumerate(stages[: job.stage]):
        plans = work.plan(views)
        if any(work.missing(plans)):
            raise Permanent(f"stage {number} of {job.product}/{job.feature_set} is not made yet")
        work.settle(plans)
    if job.stage < len(stages):
        steps = work.make_view_share(work.plan(stages[job.stage]), index, job.size)
    else:
        steps = work.make_join_share(index, job.size)
    return ShareOutcome(steps, len(work.made))
