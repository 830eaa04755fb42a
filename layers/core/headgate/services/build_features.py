"""Dataset versions become feature versions.

Order of side effects: partitions, manifest, online rows, head, events. All but the head are content-addressed
or conditional on event time, so a repeated build ends in the same state. A build of older inputs never
replaces one of newer inputs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from headgate.domain.canonical import canonical_json
from headgate.domain.errors import Conflict
from headgate.domain.feature import FeatureSet, FeatureView
from headgate.domain.feature_version import FeatureManifest, FeatureVersionRecord, Partition, build_id
from headgate.domain.identity import Principal
from headgate.domain.version import VersionRecord
from headgate.ports import (
    BuiltFeatures,
    BuiltPartition,
    Clock,
    DatasetCatalog,
    EventBus,
    FeatureCatalog,
    FeatureEngine,
    ObjectStore,
    OnlineRow,
    OnlineStore,
    OnlineValue,
    Scratch,
)
from headgate.services.access import Guard
from headgate.services.clock import iso, parse_iso
from headgate.services.dataset_inputs import dataset_input
from headgate.services.feature_facts import features_built, features_lineage
from headgate.services.feature_manifests import features_manifest_key, load_features
from headgate.services.file_digest import file_sha256
from headgate.services.products import AppliedProduct, Products

SERVICE = Principal("service/build_features")
COMMIT_ATTEMPTS = 8
MINIMUM_TTL_SECONDS = 3600


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
        return self._build(applied, feature_set, inputs, name)

    def _build(
        self, applied: AppliedProduct, feature_set: FeatureSet, inputs: Mapping[str, VersionRecord], name: str
    ) -> BuildOutcome:
        product = applied.product.name
        started = self.clock.monotonic()
        given = {d: dataset_input(self.lake, record) for d, record in inputs.items()}
        with self.scratch.directory() as directory:
            built = self.engine.build(feature_set, given, directory)
            partitions = tuple(self._store(product, feature_set.name, p) for p in built.partitions)
        manifest = FeatureManifest(
            product=product,
            feature_set=feature_set.name,
            recipe=feature_set.recipe_digest(),
            engine=self.engine.version,
            inputs={d: r.digest for d, r in inputs.items()},
            columns=built.columns,
            partitions=partitions,
            label_rows=built.label_rows,
        )
        key = features_manifest_key(product, feature_set.name, manifest.digest)
        self.lake.put(key, canonical_json(manifest.to_document()), "application/json")
        head = self.features.feature_head(product, feature_set.name)
        ordinals = {d: r.ordinal for d, r in inputs.items()}
        if head is not None and head.supersedes(ordinals):
            return BuildOutcome(feature_set.name, "superseded", head)
        self._write_online(feature_set, built, manifest, head)
        record = self._commit(manifest, name, ordinals, started)
        if record is None:
            return BuildOutcome(feature_set.name, "superseded")
        self._publish(record)
        return BuildOutcome(feature_set.name, "built", record)

    def _store(self, product: str, feature_set: str, built: BuiltPartition) -> Partition:
        sha256 = file_sha256(built.path)
        key = f"{product}/features/{feature_set}/data/{sha256}.parquet"
        if not self.lake.exists(key):
            self.lake.upload(built.path, key)
        return Partition(
            month=built.month,
            key=key,
            sha256=sha256,
            bytes=built.path.stat().st_size,
            rows=built.rows,
            positives=built.positives,
            min_event_time=built.min_event_time,
            max_event_time=built.max_event_time,
        )

    def _write_online(
        self,
        feature_set: FeatureSet,
        built: BuiltFeatures,
        manifest: FeatureManifest,
        head: FeatureVersionRecord | None,
    ) -> None:
        """Newest rows of the online views that may have changed since the version before."""
        product = manifest.product
        before = None if head is None else load_features(self.lake, product, feature_set.name, head.digest)
        for view in feature_set.views:
            if view.name in built.online and not _unchanged(view, manifest, before):
                rows = [self._online_row(manifest, view, value) for value in built.online[view.name]]
                self.online.write(rows)

    def _online_row(self, manifest: FeatureManifest, view: FeatureView, value: OnlineValue) -> OnlineRow:
        """A row stays until it is too old to be used, also when it becomes known only later."""
        expires = None
        if view.max_age_seconds is not None:
            now = self.clock.now()
            since = max(now, parse_iso(value.event_time)) if value.event_time else now
            expires = int(since.timestamp()) + max(view.max_age_seconds, MINIMUM_TTL_SECONDS)
        return OnlineRow(
            manifest.product, view.name, value.key, value.event_time, value.values, manifest.digest, expires
        )

    def _commit(
        self, manifest: FeatureManifest, name: str, ordinals: Mapping[str, int], started: float
    ) -> FeatureVersionRecord | None:
        """Moves the head; None when a build of newer inputs got there first."""
        problem = Conflict("no attempt was made")
        for attempt in range(COMMIT_ATTEMPTS):
            head = self.features.feature_head(manifest.product, manifest.feature_set)
            if head is not None and (head.build_id == name or head.supersedes(ordinals)):
                return head if head.build_id == name else None
            record = FeatureVersionRecord(
                product=manifest.product,
                feature_set=manifest.feature_set,
                ordinal=1 if head is None else head.ordinal + 1,
                digest=manifest.digest,
                build_id=name,
                inputs=manifest.inputs,
                rows=manifest.rows,
                partitions=len(manifest.partitions),
                min_event_time=min((p.min_event_time for p in manifest.partitions), default=""),
                max_event_time=max((p.max_event_time for p in manifest.partitions), default=""),
                created_at=iso(self.clock.now()),
                seconds=round(self.clock.monotonic() - started, 3),
                input_ordinals=ordinals,
            )
            try:
                self.features.commit_features(record)
                return record
            except Conflict as error:
                problem = error
                self.clock.sleep(0.05 * 2**attempt)
        raise problem

    def _publish(self, record: FeatureVersionRecord) -> None:
        """The version's facts, and the lineage of the one before it again.

        A worker that died between head and events is followed by one that finds newer inputs: nobody else
        would tell where the older version came from.
        """
        newest = self.features.feature_versions(record.product, record.feature_set, limit=2)
        told = {each.digest: each for each in (*newest, record)}
        self.bus.publish([*map(features_lineage, told.values()), features_built(record)])


def _unchanged(view: FeatureView, manifest: FeatureManifest, before: FeatureManifest | None) -> bool:
    """Whether the view says what it said before: the same recipe and engine over the same inputs."""
    return (
        before is not None
        and (before.recipe, before.engine) == (manifest.recipe, manifest.engine)
        and all(before.inputs.get(d) == manifest.inputs[d] for d in view.inputs)
    )
