"""Dataset versions become feature versions.

Order of side effects: partitions and their records, statistics, manifest, online rows, head, events. All but
the head are content-addressed or conditional on event time, so a repeated build ends in the same state. A
build of older inputs never replaces one of newer inputs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.domain.canonical import canonical_json
from headgate.domain.errors import Conflict
from headgate.domain.events import DomainEvent
from headgate.domain.feature import FeatureSet
from headgate.domain.feature_version import (
    FeatureManifest,
    FeatureVersionRecord,
    ViewVersion,
    build_id,
)
from headgate.domain.identity import Principal
from headgate.domain.version import VersionRecord
from headgate.ports import (
    Clock,
    DatasetCatalog,
    EventBus,
    FeatureCatalog,
    FeatureEngine,
    FeatureSession,
    ObjectStore,
    OnlineStore,
    Scratch,
)
from headgate.services.access import Guard
from headgate.services.clock import iso
from headgate.services.feature_facts import features_built, features_lineage
from headgate.services.feature_inputs import planned_inputs
from headgate.services.feature_lineage import recorded_lineage, version_lineage
from headgate.services.feature_manifests import (
    features_manifest_key,
    features_prefix,
    load_features,
    load_statistics,
    sketches_of,
    statistics_document,
    store_statistics,
)
from headgate.services.feature_memo import FeatureMemo, Made
from headgate.services.feature_tests import FeatureTests
from headgate.services.feature_work import FeatureWork, JoinStep
from headgate.services.online_rows import OnlineRows, reads
from headgate.services.products import AppliedProduct, Products

SERVICE = Principal("service/build_features")
COMMIT_ATTEMPTS = 8


@dataclass(frozen=True)
class BuildOutcome:
    """What became of one build: ``state`` is built, unchanged, waiting or superseded; ``detail`` says why it
    waits.
    """

    feature_set: str
    state: str
    record: FeatureVersionRecord | None = None
    detail: str = ""


@dataclass(frozen=True)
class BuildFeatures:
    """The use case."""

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

    def on_dataset_version(self, product: str, dataset: str) -> list[BuildOutcome]:
        """Builds every feature set that reads the dataset, from the newest version of every input.

        A set that fails does not keep the others from being built; its error is raised after them.
        """
        applied = self.products.get(product)
        outcomes: list[BuildOutcome] = []
        problems: list[Exception] = []
        for feature_set in applied.product.sets_reading(dataset):
            try:
                outcomes.append(self.build(applied, feature_set))
            except Exception as problem:  # any failure is this set's alone, and is raised below
                problems.append(problem)
        if problems:
            raise problems[0]
        return outcomes

    def build(self, applied: AppliedProduct, feature_set: FeatureSet) -> BuildOutcome:
        """Raises AccessDenied, InvalidRequest when a view fails, Conflict after many lost races."""
        product = applied.product.name
        heads = {d: self.datasets.dataset_head(product, d) for d in feature_set.inputs}
        missing = sorted(d for d, head in heads.items() if head is None)
        if missing:
            return BuildOutcome(feature_set.name, "waiting", detail=f"no version yet of {', '.join(missing)}")
        inputs = {d: head for d, head in heads.items() if head is not None}
        name = build_id(feature_set, {d: h.digest for d, h in inputs.items()}, self.engine.version)
        if (known := self.features.feature_version_of_build(product, feature_set.name, name)) is not None:
            self._publish(known)
            return BuildOutcome(feature_set.name, "unchanged", known)
        self.guard.require(
            applied, SERVICE, "headgate:BuildFeatures", f"hrn:{product}:features/{feature_set.name}"
        )
        with self.scratch.directory() as directory:
            return _Build(self, applied, feature_set, inputs, name, directory).run()

    def _publish(self, record: FeatureVersionRecord) -> None:
        """The version's facts, and the lineage of the one before it again.

        A worker that died between head and events is followed by one that finds newer inputs: nobody else
        would tell where the older version came from.
        """
        newest = self.features.feature_versions(record.product, record.feature_set, limit=2)
        told = {each.digest: each for each in (*newest, record)}
        self.bus.publish([*map(self._lineage, told.values()), features_built(record)])

    def _lineage(self, record: FeatureVersionRecord) -> DomainEvent:
        manifest = load_features(self.lake, record.product, record.feature_set, record.digest)
        return features_lineage(record, recorded_lineage(manifest))


def _same_recipe(before: FeatureManifest | None, manifest: FeatureManifest, name: str) -> ViewVersion | None:
    """The view as the version before had it, unless its rows meant something else then."""
    was, now = before.view(name) if before else None, manifest.view(name)
    return was if was and now and was.recipe == now.recipe else None


class _Build:
    """One build of a set from pinned input versions."""

    def __init__(
        self,
        platform: BuildFeatures,
        applied: AppliedProduct,
        feature_set: FeatureSet,
        inputs: Mapping[str, VersionRecord],
        name: str,
        directory: Path,
    ) -> None:
        self._platform = platform
        self._product = applied.product.name
        self._set = feature_set
        self._inputs = inputs
        self._name = name
        self._started = platform.clock.monotonic()
        self._before = self._manifest_before()
        self._tests = FeatureTests(self._before)
        sketches = sketches_of(load_statistics(platform.lake, self._before)) if self._before else {}
        prefix = features_prefix(self._product, feature_set.name)
        self._work = FeatureWork(
            feature_set=feature_set,
            engine=platform.engine,
            lake=platform.lake,
            memo=FeatureMemo(platform.lake, prefix, self._before, sketches),
            prefix=prefix,
            inputs=planned_inputs(platform.lake, applied.product, inputs),
            directory=directory,
        )

    def run(self) -> BuildOutcome:
        work, ordinals = self._work, {d: r.ordinal for d, r in self._inputs.items()}
        for stage in work.stages():
            plans = work.plan(stage)
            work.make_views(plans, work.missing(plans))
            work.settle(plans)
            self._tests.views(work, plans)
        with self._session() as session:
            manifest = self._joined(session)
            head = self._newest_head()
            if head is not None and head.supersedes(ordinals):
                return BuildOutcome(self._set.name, "superseded", head)
            parity = self._write_online(session, manifest)
        record = self._commit(manifest, ordinals, parity)
        if record is None:
            return BuildOutcome(self._set.name, "superseded")
        self._platform._publish(record)
        return BuildOutcome(self._set.name, "built", record)

    def _newest_head(self) -> FeatureVersionRecord | None:
        return self._platform.features.feature_head(self._product, self._set.name)

    def _manifest_before(self) -> FeatureManifest | None:
        head = self._newest_head()
        if head is None:
            return None
        return load_features(self._platform.lake, self._product, self._set.name, head.digest)

    def _session(self) -> Any:
        work, lake = self._work, self._platform.lake
        before = [lake.uri(p.key) for p in reads(self._set.views, self._before)]
        return work.engine.session([*work.uris().values(), *before], work.directory, self._set.seed)

    def _joined(self, session: FeatureSession) -> FeatureManifest:
        """The training table, made where it is not there yet, and the manifest put in the lake."""
        work, platform = self._work, self._platform
        steps = work.join_steps()
        found = work.memo.find([s.id for s in steps])
        work.make_joins(session, [s for s in steps if s.id not in found])
        parts = work.memo.find([s.id for s in steps])
        statistics = statistics_document({id_: part.sketches for id_, part in parts.items()})
        manifest = self._manifest(steps, parts, self._stored(statistics))
        key = features_manifest_key(self._product, self._set.name, manifest.digest)
        platform.lake.put(key, canonical_json(manifest.to_document()), "application/json")
        return manifest

    def _stored(self, statistics: Mapping[str, Any]) -> str:
        return store_statistics(self._platform.lake, self._product, self._set.name, statistics)

    def _manifest(
        self, steps: Sequence[JoinStep], parts: Mapping[str, Made], statistics: str
    ) -> FeatureManifest:
        work = self._work
        ordered = [parts[s.id] for s in steps]
        columns = ordered[0].columns if ordered else ()
        return FeatureManifest(
            product=self._product,
            feature_set=self._set.name,
            recipe=self._set.recipe_digest(),
            engine=work.engine.version,
            seed=self._set.seed,
            inputs={d: r.digest for d, r in self._inputs.items()},
            columns=columns,
            partitions=tuple(p for part in ordered for p in part.partitions),
            label_rows=work.built[self._set.spine.name].rows,
            views=tuple(work.built[v.name] for v in self._set.built),
            statistics=statistics,
            tests=self._tests.results(),
            lineage=version_lineage(work, columns, self._before),
        )

    def _write_online(self, session: FeatureSession, manifest: FeatureManifest) -> dict[str, Any]:
        """Newest rows of the online views, and by view how a sample of them compares."""
        platform, before = self._platform, self._before
        lake = platform.lake
        uris = {
            **{p.sha256: lake.uri(p.key) for p in reads(self._set.views, before)},
            **self._work.uris(),
        }
        rows = OnlineRows(platform.online, platform.clock, manifest, uris)
        found = {}
        for view in self._set.views:
            if view.online:
                was = _same_recipe(before, manifest, view.name)
                rows.follow(session, view, was)
                found[view.name] = rows.sample(session, view, was).to_document()
        return found

    def _commit(
        self, manifest: FeatureManifest, ordinals: Mapping[str, int], parity: Mapping[str, Any]
    ) -> FeatureVersionRecord | None:
        """Moves the head; None when a build of newer inputs got there first."""
        platform = self._platform
        problem = Conflict("no attempt was made")
        for attempt in range(COMMIT_ATTEMPTS):
            head = platform.features.feature_head(manifest.product, manifest.feature_set)
            if head is not None and (head.build_id == self._name or head.supersedes(ordinals)):
                return head if head.build_id == self._name else None
            record = self._record(manifest, ordinals, parity, 1 if head is None else head.ordinal + 1)
            try:
                platform.features.commit_features(record)
                return record
            except Conflict as error:
                problem = error
                platform.clock.sleep(0.05 * 2**attempt)
        raise problem

    def _record(
        self, manifest: FeatureManifest, ordinals: Mapping[str, int], parity: Mapping[str, Any], ordinal: int
    ) -> FeatureVersionRecord:
        clock = self._platform.clock
        return FeatureVersionRecord(
            product=manifest.product,
            feature_set=manifest.feature_set,
            ordinal=ordinal,
            digest=manifest.digest,
            build_id=self._name,
            inputs=manifest.inputs,
            rows=manifest.rows,
            partitions=len(manifest.partitions),
            min_event_time=min((p.min_event_time for p in manifest.partitions), default=""),
            max_event_time=max((p.max_event_time for p in manifest.partitions), default=""),
            created_at=iso(clock.now()),
            seconds=round(clock.monotonic() - self._started, 3),
            input_ordinals=ordinals,
            built=len(self._work.made),
            parity=parity,
        )
