"""What a run is made of: the feature version's files, the declaration, and the record of a run to be.

Reads the lake and prices; changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headgate.domain.canonical import digest
from headgate.domain.cost import PriceTable
from headgate.domain.feature_version import (
    FeatureManifest,
    FeatureVersionRecord,
    Partition,
    partitions_between,
)
from headgate.domain.run import RunRecord, RunSpec, TrainingPartition, run_prefix
from headgate.domain.training import TrainingConfig
from headgate.domain.trigger import Trigger
from headgate.ports import Clock, FeatureCatalog, ObjectStore
from headgate.services.clock import iso
from headgate.services.features.feature_manifests import load_features
from headgate.services.products import AppliedProduct
from headgate.services.training.training_data import missing_data


@dataclass(frozen=True)
class TrainingInputs:
    """The newest feature version, and the partitions of it that a split covers."""

    head: FeatureVersionRecord
    manifest: FeatureManifest
    partitions: tuple[Partition, ...]


@dataclass(frozen=True)
class TrainingSpecs:
    """``environment_digest`` names the trainer image that will run."""

    features: FeatureCatalog
    lake: ObjectStore
    models: ObjectStore
    clock: Clock
    prices: PriceTable
    environment_digest: str

    def inputs(self, product: str, config: TrainingConfig) -> TrainingInputs | None:
        """None while the feature set has no version."""
        head = self.features.feature_head(product, config.feature_set)
        if head is None:
            return None
        manifest = load_features(self.lake, product, head.feature_set, head.digest)
        partitions = partitions_between(manifest.partitions, config.split.train[0], config.split.holdout[1])
        return TrainingInputs(head, manifest, partitions)

    def lacking(self, inputs: TrainingInputs | None, config: TrainingConfig) -> str | None:
        """What has to come before the declared split can be trained, or None."""
        if inputs is None:
            return f"no version yet of feature set {config.feature_set}"
        return missing_data(inputs.partitions, config)

    def spec(self, applied: AppliedProduct, config: TrainingConfig, inputs: TrainingInputs) -> RunSpec:
        spine = applied.product.feature_sets[config.feature_set].spine
        return RunSpec(
            product=applied.product.name,
            config=config,
            partitions=tuple(
                TrainingPartition(self.lake.uri(p.key), p.sha256, p.rows, p.name) for p in inputs.partitions
            ),
            entity=spine.entity,
            event_time=spine.event_time or "",
            code_digest=_code_digest(inputs.manifest, config, applied.product.document),
            environment_digest=self.environment_digest,
        )

    def record(
        self,
        spec: RunSpec,
        feature_version: str,
        requested_by: str,
        trigger: Trigger,
        refused: RunRecord | None = None,
        experiment: str | None = None,
    ) -> RunRecord:
        """A run to be submitted, after an attempt that was ``refused``. Raises ConfigurationError for a
        compute class without a price.
        """
        config = spec.config
        return RunRecord(
            product=spec.product,
            model=config.model,
            digest=spec.digest,
            state="SUBMITTED",
            spec_uri=self.models.uri(spec_key(spec)),
            feature_set=config.feature_set,
            feature_version=feature_version,
            compute_class=config.compute_class,
            estimated_cost_usd=self.prices.compute_usd(config.compute_class, config.timeout_seconds),
            submitted_by=requested_by,
            created_at=iso(self.clock.now()),
            task=config.task,
            attempt=1 if refused is None else refused.attempt + 1,
            trigger=trigger,
            experiment=experiment,
            params=dict(config.params),
            digests=spec.digests,
        )


def spec_key(spec: RunSpec) -> str:
    return f"{run_prefix(spec.product, spec.digest)}/spec.json"


def _code_digest(manifest: FeatureManifest, config: TrainingConfig, bundle: Mapping[str, Any]) -> str:
    """The SQL the features were made with, and the files of a product's own that its command names.

    Whatever else training.yaml says of a model is in the spec itself; budget, triggers and search shape none,
    so that a change of theirs trains nothing again.
    """
    files: Mapping[str, str] = bundle.get("sources", {})
    named = {path: sha for path, sha in files.items() if any(path in part for part in config.command)}
    return digest({"recipe": manifest.recipe, **({"program": named} if named else {})})
