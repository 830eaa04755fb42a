"""The first half of a reproduction: what was recorded is read, and every feature partition is made again from
the recorded dataset versions, as if nothing had ever been made. What a Batch job runs.

A partition that comes out equal is not written. One that does not is put in the lake under its own digest,
where the trainer finds it; no version names it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from headgate.domain.canonical import digest
from headgate.domain.errors import NotFound, Permanent
from headgate.domain.feature_set import FeatureSet
from headgate.domain.feature_version import Partition
from headgate.domain.product import Product
from headgate.domain.reproduction import Rebuilt, Reproduction
from headgate.domain.version import VersionRecord
from headgate.ports import (
    Clock,
    FeatureEngine,
    ModelCatalog,
    ReproductionCatalog,
    Scratch,
)
from headgate.services.features.feature_inputs import planned_inputs
from headgate.services.features.feature_manifests import features_prefix, statistics_document
from headgate.services.features.feature_memo import FreshMemo
from headgate.services.features.feature_work import FeatureWork
from headgate.services.features.under_way import JOB_SECONDS, UnderWay
from headgate.services.reproduction.feature_evidence import (
    code_of,
    feature_digests,
    found_evidence,
    recorded_evidence,
)
from headgate.services.reproduction.recorded_closure import FindClosure, RecordedClosure
from headgate.services.reproduction.reproduction_documents import ReproductionDocuments
from headgate.services.reproduction.verify_closure import Bytes, VerifyClosure


@dataclass(frozen=True)
class _Made:
    """What was made again: the training table, and the digest of every partition by name."""

    table: tuple[Partition, ...]
    digests: Mapping[str, str]


@dataclass(frozen=True)
class RebuildFeatures:
    """The use case."""

    closures: FindClosure
    verify: VerifyClosure
    models: ModelCatalog
    reproductions: ReproductionCatalog
    documents: ReproductionDocuments
    engine: FeatureEngine
    scratch: Scratch
    clock: Clock

    def rebuild(self, product: str, name: str) -> Rebuilt:
        """The document that was kept of it. Once it is there it stays. Raises NotFound for a reproduction
        that nobody asked for, Retryable where trying again may help.
        """
        asked = self.reproductions.reproduction(product, name)
        if (known := self.documents.rebuilt(asked)) is not None:
            return known
        model = self.models.model_version(asked.model, asked.version)
        under_way = UnderWay(self.closures.lake, self.clock).noted(product, model.feature_set, JOB_SECONDS)
        with under_way, self.scratch.directory() as directory:
            rebuilt = self._rebuilt(asked, self.closures.find(model), directory)
        self.documents.keep_rebuilt(asked, rebuilt)
        return rebuilt

    def _rebuilt(self, asked: Reproduction, closure: RecordedClosure, directory: Path) -> Rebuilt:
        nothing = Rebuilt(closure.gone, "", {}, {}, (), (), "", "")
        if closure.gone or closure.features is None or closure.bundle is None:
            return nothing
        sources = self.verify.sources(closure, directory)
        stored = self.verify.stored(closure, directory)
        if gone := (*sources.gone, *stored.gone):
            return replace(nothing, gone=gone)
        bundle = self._run_as(asked, closure)
        feature_set = _set_of(asked, bundle, closure)
        if feature_set is None:
            return replace(nothing, problem="the bundle has no feature set to train on any more")
        recorded = recorded_evidence(closure, sources, stored)
        command = _command(asked, bundle, closure)
        code = code_of(bundle, feature_set, command)
        found = found_evidence(code, feature_set, sources, stored, self.engine.version)
        name = str(closure.spec["code_digest"]) if asked.against == "recorded" else digest(code)
        event_time = feature_set.spine.event_time or ""
        told = Rebuilt((), "", recorded, found, (), feature_set.spine.entity, event_time, name)
        try:
            made = self._make(closure, bundle, feature_set, directory, stored)
        except Permanent as problem:
            return replace(told, problem=str(problem))
        found = {**found, "partitions": dict(made.digests)}
        return replace(told, found=found, partitions=tuple(asdict(p) for p in made.table))

    def _run_as(self, asked: Reproduction, closure: RecordedClosure) -> Product:
        assert closure.bundle is not None
        if asked.against == "recorded":
            return closure.bundle
        return self.closures.products.bundle(asked.product, asked.spec)

    def _make(
        self,
        closure: RecordedClosure,
        bundle: Product,
        feature_set: FeatureSet,
        directory: Path,
        stored: Bytes,
    ) -> _Made:
        lake = self.closures.lake
        work = FeatureWork(
            feature_set=feature_set,
            engine=self.engine,
            lake=lake,
            memo=FreshMemo(),
            prefix=features_prefix(bundle.name, feature_set.name),
            inputs=planned_inputs(lake, bundle, self._inputs(closure, feature_set)),
            directory=directory,
            kept=frozenset(p.key for p in closure.features.stored) if closure.features else frozenset(),
        )
        for stage in work.stages():
            plans = work.plan(stage)
            work.make_views(plans, work.missing(plans))
            work.settle(plans)
        steps = work.join_steps()
        with self.engine.session([*work.uris().values()], directory, feature_set.seed) as session:
            work.make_joins(session, steps)
        parts = work.memo.find([step.id for step in steps])
        table = tuple(p for step in steps for p in parts[step.id].partitions)
        self._put_right(work, table, stored)
        statistics = digest(statistics_document({id_: part.sketches for id_, part in parts.items()}))
        return _Made(table, feature_digests(feature_set.name, table, work.built.values(), statistics))

    def _inputs(self, closure: RecordedClosure, feature_set: FeatureSet) -> dict[str, VersionRecord]:
        """The recorded versions; of a dataset that was not read then, the newest one."""
        product, catalog = closure.model.product, self.closures.datasets
        found = {}
        for dataset in feature_set.inputs:
            record = closure.inputs.get(dataset) or catalog.dataset_head(product, dataset)
            if record is None:
                raise NotFound(f"dataset {dataset}, which the declared views read, has no version yet")
            found[dataset] = record
        return found

    def _put_right(self, work: FeatureWork, table: tuple[Partition, ...], stored: Bytes) -> None:
        """A stored partition that is not what its name says is replaced: no trainer would take it."""
        wrong = {
            sha256 for name, sha256 in stored.recorded.items() if stored.found[name] != sha256
        } & work.local.keys()
        for partition in table:
            if partition.sha256 in wrong:
                work.lake.upload(Path(work.local[partition.sha256]), partition.key)


def _set_of(asked: Reproduction, bundle: Product, closure: RecordedClosure) -> FeatureSet | None:
    """The recorded set, or the one that the declared training learns from."""
    name = closure.model.feature_set
    if asked.against == "declared" and bundle.training is not None:
        name = bundle.training.feature_set
    return bundle.feature_sets.get(name)


def _command(asked: Reproduction, bundle: Product, closure: RecordedClosure) -> Sequence[str]:
    """What the trainer runs of the product's own."""
    if asked.against == "declared" and bundle.training is not None:
        return bundle.training.command
    command: Sequence[str] = closure.spec["command"]
    return command
