"""Dataset versions become feature versions: when a build is due, what it is called, and who tells of it. The
build itself is in `headgate.services.features.feature_build`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from headgate.domain import events
from headgate.domain.errors import Permanent
from headgate.domain.events import DomainEvent
from headgate.domain.feature_job import EndedFeatureJob, FeatureJob
from headgate.domain.feature_set import FeatureSet
from headgate.domain.feature_version import FeatureVersionRecord, build_id
from headgate.domain.identity import Principal
from headgate.domain.online_space import online_spaces
from headgate.domain.version import VersionRecord
from headgate.ports import (
    Clock,
    DatasetCatalog,
    EventBus,
    FeatureCatalog,
    FeatureEngine,
    ModelCatalog,
    ObjectStore,
    OnlineStore,
    Scratch,
)
from headgate.services.access import Guard
from headgate.services.clock import iso
from headgate.services.features.feature_build import BuildOutcome, BuildParts, FeatureBuild
from headgate.services.features.feature_compute import PRICED_AS, FeatureJobs
from headgate.services.features.feature_facts import features_built, features_lineage
from headgate.services.features.feature_lineage import recorded_lineage
from headgate.services.features.feature_manifests import load_features
from headgate.services.features.keep_answering import KeepAnswering
from headgate.services.features.live_models import LiveModels
from headgate.services.features.standing_version import standing_version
from headgate.services.features.under_way import UnderWay
from headgate.services.products import AppliedProduct, Products

SERVICE = Principal("service/build_features")


@dataclass(frozen=True)
class BuildFeatures:
    """The use case. Without ``jobs`` every build is made here, whatever its size."""

    products: Products
    datasets: DatasetCatalog
    features: FeatureCatalog
    lake: ObjectStore
    engine: FeatureEngine
    online: OnlineStore
    bus: EventBus
    guard: Guard
    clock: Clock
    scratch: Scratch
    jobs: FeatureJobs | None = None
    models: ModelCatalog | None = None

    def on_dataset_version(self, product: str, dataset: str) -> list[BuildOutcome]:
        """Builds every feature set that reads the dataset, from the newest version of every input, and the
        online views of live models that read it by what was declared before.

        A set that fails does not keep the others from being built; its error is raised after them.
        """
        applied = self.products.get(product)
        outcomes: list[BuildOutcome] = []
        problems: list[Exception] = []
        for _, feature_set in sorted(applied.product.feature_sets.items()):
            try:
                if dataset in feature_set.inputs:
                    outcomes.append(self.build(applied, feature_set))
                outcomes += self._keep(applied, feature_set, dataset)
            except Exception as problem:  # any failure is this set's alone, and is raised below
                problems.append(problem)
        if problems:
            raise problems[0]
        return outcomes

    def on_alias_moved(self, product: str) -> list[BuildOutcome]:
        """A model that answers from now on, perhaps again, has the rows of its own recipe at once; those that
        nobody is answered from any more go.
        """
        applied = self.products.get(product)
        sets = sorted(applied.product.feature_sets.items())
        return [outcome for _, feature_set in sets for outcome in self._keep(applied, feature_set)]

    def on_job_ended(self, ended: EndedFeatureJob) -> BuildOutcome:
        """Goes on where the job has ended; of an array where all of it has. What waited for it comes next:
        the newest inputs, also when the job's own build fails. Raises Permanent when the job failed, and when
        it ended well without having made its stage.
        """
        job = ended.job
        self._publish_cost(ended)
        if ended.scope == "worker":
            return BuildOutcome(job.feature_set, "at work", detail="one worker of an array has ended")
        if self.jobs is not None and not self.jobs.ended(job, ended.job_id):
            return BuildOutcome(job.feature_set, "at work", detail="another job of the set is at work")
        applied = self.products.get(job.product)
        feature_set = applied.product.feature_sets.get(job.feature_set)
        if feature_set is None or feature_set.recipe_digest() != job.recipe:
            return BuildOutcome(job.feature_set, "superseded", detail="the set was declared anew")
        newer = self._newer(feature_set, job)
        try:
            outcome = self._made(applied, feature_set, ended)
        except Permanent as problem:
            if not newer:
                if self.jobs is not None:
                    self.jobs.failed(job, str(problem))
                raise
        else:
            if not newer or outcome.state == "handed over":
                return outcome
        return self.build(applied, feature_set)

    def _made(self, applied: AppliedProduct, feature_set: FeatureSet, ended: EndedFeatureJob) -> BuildOutcome:
        """The build that the job was for, gone on with."""
        job = ended.job
        if ended.failure:
            raise Permanent(
                f"stage {job.stage} of {job.product}/{job.feature_set} was not made: {ended.failure}, job "
                f"{ended.job_id}; `headgate features build` tries again"
            )
        inputs = {d: self.datasets.dataset_version(job.product, d, n) for d, n in job.inputs.items()}
        return self._build(applied, feature_set, inputs, made=job.stage)

    def _newer(self, feature_set: FeatureSet, job: FeatureJob) -> bool:
        """Whether an input has moved on since: builds of it were told to wait."""
        heads = {d: self.datasets.dataset_head(job.product, d) for d in feature_set.inputs}
        return any(head is not None and head.ordinal > job.inputs.get(d, 0) for d, head in heads.items())

    def build(self, applied: AppliedProduct, feature_set: FeatureSet) -> BuildOutcome:
        """Raises AccessDenied, InvalidRequest when a view fails, Conflict after many lost races."""
        product = applied.product.name
        heads = {d: self.datasets.dataset_head(product, d) for d in feature_set.inputs}
        missing = sorted(d for d, head in heads.items() if head is None)
        if missing:
            return BuildOutcome(feature_set.name, "waiting", detail=f"no version yet of {', '.join(missing)}")
        return self._build(applied, feature_set, {d: h for d, h in heads.items() if h is not None})

    def _build(
        self,
        applied: AppliedProduct,
        feature_set: FeatureSet,
        inputs: Mapping[str, VersionRecord],
        made: int | None = None,
    ) -> BuildOutcome:
        product = applied.product.name
        name = build_id(feature_set, {d: h.digest for d, h in inputs.items()}, self.engine.version)
        answered = self._answered(applied, feature_set)
        parts = self._parts(lambda: self._declares(product, feature_set))
        if (known := standing_version(self.features, product, feature_set.name, name)) is not None:
            if not known.collected_at:
                self._publish(known)
                with self.scratch.directory() as directory:
                    parts.follow(product, feature_set, answered).heal(known, directory)
            return BuildOutcome(feature_set.name, "unchanged", known)
        self.guard.require(
            applied, SERVICE, "headgate:BuildFeatures", f"hrn:{product}:features/{feature_set.name}"
        )
        under_way = UnderWay(self.lake, self.clock).noted(product, feature_set.name)
        with under_way, self.scratch.directory() as directory:
            build = FeatureBuild(parts, applied.product, feature_set, inputs, name, directory, answered)
            outcome = build.run(made)
        if outcome.state == "built" and outcome.record is not None:
            self._publish(outcome.record)
        return outcome

    def _keep(
        self, applied: AppliedProduct, feature_set: FeatureSet, dataset: str | None = None
    ) -> Iterator[BuildOutcome]:
        """What becomes of the rows that live models of other recipes are answered from, of those that read
        ``dataset`` or of all.
        """
        if self.models is None:
            return
        live = LiveModels(self.products, self.models).declared(applied, feature_set.name)
        keeping = KeepAnswering(self._parts(lambda: True), applied.product, feature_set)
        keeping.give_up(live)
        for declared in live:
            if (dataset is None or dataset in declared.inputs) and keeping.views(declared):
                yield self._kept(keeping, declared)

    def _kept(self, keeping: KeepAnswering, declared: FeatureSet) -> BuildOutcome:
        """A recipe that today's data cannot be made by any more harms nobody else."""
        heads = {d: self.datasets.dataset_head(keeping.product.name, d) for d in declared.inputs}
        inputs = {dataset: head for dataset, head in heads.items() if head is not None}
        if missing := sorted(heads.keys() - inputs.keys()):
            return BuildOutcome(declared.name, "not kept", detail=f"no version of {', '.join(missing)}")
        try:
            under_way = UnderWay(self.lake, self.clock).noted(keeping.product.name, keeping.current.name)
            with under_way, self.scratch.directory() as directory:
                outcome = keeping.keep(declared, inputs, directory)
        except Permanent as problem:
            return BuildOutcome(declared.name, "not kept", detail=str(problem))
        if outcome.record is not None:
            self.bus.publish([features_lineage(outcome.record, {})])
        return outcome

    def _declares(self, product: str, feature_set: FeatureSet) -> bool:
        """Whether the product still declares the set as it is built."""
        declared = self.products.get(product).product.feature_sets.get(feature_set.name)
        return declared is not None and declared.recipe_digest() == feature_set.recipe_digest()

    def _parts(self, declared: Callable[[], bool]) -> BuildParts:
        return BuildParts(self.features, self.lake, self.engine, self.online, self.clock, self.jobs, declared)

    def _answered(self, applied: AppliedProduct, feature_set: FeatureSet) -> frozenset[str]:
        """The online spaces that live models are answered from."""
        if self.models is None:
            return frozenset()
        live = LiveModels(self.products, self.models).declared(applied, feature_set.name)
        return frozenset(space for each in live for space in online_spaces(each).values())

    def _publish_cost(self, ended: EndedFeatureJob) -> None:
        """What the job took, at the list price of its machine; a repeated event is the same line."""
        if self.jobs is None or not ended.seconds:
            return
        usd = round(self.jobs.decide.prices.compute_usd(PRICED_AS, ended.seconds), 6)
        line = {"kind": "features", "quantity": ended.seconds, "unit": "seconds", "usd": usd}
        at = iso(datetime.fromtimestamp(ended.stopped_ms / 1000, UTC))
        name = f"features-{ended.job_id}"
        self.bus.publish([DomainEvent(events.COST_INCURRED, ended.job.product, name, at, line)])

    def _publish(self, record: FeatureVersionRecord) -> None:
        """The version's facts, and the lineage of the one before it again.

        A worker that died between head and events is followed by one that finds newer inputs: nobody else
        would tell where the older version came from.
        """
        newest = self.features.feature_versions(record.product, record.feature_set, limit=2)
        told = {each.digest: each for each in (*newest, record) if not each.collected_at}
        self.bus.publish([*map(self._lineage, told.values()), features_built(record)])

    def _lineage(self, record: FeatureVersionRecord) -> DomainEvent:
        manifest = load_features(self.lake, record.product, record.feature_set, record.digest)
        return features_lineage(record, recorded_lineage(manifest))
