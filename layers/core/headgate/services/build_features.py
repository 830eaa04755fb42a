"""Dataset versions become feature versions.

Order of side effects: partitions, manifest, online rows, head, events. All but the head are content-addressed
or conditional on event time, so a repeated build ends in the same state. A build of older inputs never
replaces one of newer inputs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headgate.domain import events
from headgate.domain.canonical import canonical_json
from headgate.domain.dataset import VersionRecord, dataset_node
from headgate.domain.errors import Conflict
from headgate.domain.events import DomainEvent
from headgate.domain.feature import (
    FeatureManifest,
    FeatureSet,
    FeatureVersionRecord,
    FeatureView,
    Partition,
    build_id,
    features_node,
)
from headgate.domain.identity import Principal
from headgate.domain.lineage import Node, run_event
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
    Scratch,
)
from headgate.services.access import Guard
from headgate.services.clock import iso
from headgate.services.file_digest import file_sha256
from headgate.services.manifests import list_files, load_manifest
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
        """Builds every feature set that reads the dataset, from the newest version of every input."""
        applied = self.products.get(product)
        return [self.build(applied, feature_set) for feature_set in applied.product.sets_reading(dataset)]

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
        uris = {d: self._uris(record) for d, record in inputs.items()}
        with self.scratch.directory() as directory:
            built = self.engine.build(feature_set, uris, directory)
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
        previous = self.features.feature_head(product, feature_set.name)
        ordinals = {d: r.ordinal for d, r in inputs.items()}
        if previous is not None and previous.supersedes(ordinals):
            return BuildOutcome(feature_set.name, "superseded", previous)
        self._write_online(feature_set, built, manifest, previous)
        record = self._commit(manifest, name, ordinals, started)
        if record is None:
            return BuildOutcome(feature_set.name, "superseded")
        self._publish(record)
        return BuildOutcome(feature_set.name, "built", record)

    def _uris(self, record: VersionRecord) -> list[str]:
        manifest = load_manifest(self.lake, record.product, record.dataset, record.digest)
        return [self.lake.uri(f.key) for f in list_files(self.lake, manifest)]

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
        previous: FeatureVersionRecord | None,
    ) -> None:
        """Newest rows of the online views whose inputs changed since the version before."""
        version = manifest.digest
        now = int(self.clock.now().timestamp())
        for view in feature_set.views:
            if view.name in built.online and not _unchanged(view, manifest.inputs, previous):
                ttl = (
                    None
                    if view.max_age_seconds is None
                    else now + max(view.max_age_seconds, MINIMUM_TTL_SECONDS)
                )
                rows = [
                    OnlineRow(manifest.product, view.name, v.key, v.event_time, v.values, version, ttl)
                    for v in built.online[view.name]
                ]
                self.online.write(rows)

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
        lineage = run_event(
            job=f"features/{record.product}/{record.feature_set}",
            run_key=record.digest,
            time=record.created_at,
            inputs=[
                Node(
                    dataset_node(record.product, d, v), {"ordinal": record.input_ordinals.get(d), "digest": v}
                )
                for d, v in sorted(record.inputs.items())
            ],
            outputs=[
                Node(
                    features_node(record.product, record.feature_set, record.digest),
                    {"ordinal": record.ordinal},
                )
            ],
        )
        built: dict[str, Any] = {
            "feature_set": record.feature_set,
            "digest": record.digest,
            "ordinal": record.ordinal,
            "rows": record.rows,
            "min_event_time": record.min_event_time,
            "max_event_time": record.max_event_time,
        }
        self.bus.publish(
            [
                DomainEvent(
                    events.LINEAGE_RECORDED,
                    record.product,
                    lineage["run"]["runId"],
                    record.created_at,
                    {"event": lineage},
                ),
                DomainEvent(
                    events.FEATURE_VERSION_BUILT, record.product, record.digest, record.created_at, built
                ),
            ]
        )


def _unchanged(view: FeatureView, inputs: Mapping[str, str], previous: FeatureVersionRecord | None) -> bool:
    return previous is not None and all(previous.inputs.get(d) == inputs[d] for d in view.inputs)


def features_manifest_key(product: str, feature_set: str, digest: str) -> str:
    return f"{product}/features/{feature_set}/manifests/{digest}.json"
