"""Gives a measured artifact its number: the next integer version, once for equal content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from headgate.domain.canonical import digest
from headgate.domain.errors import Conflict, InvalidRequest
from headgate.domain.feature_version import FeatureVersionRecord
from headgate.domain.model import GateResult, ModelVersion
from headgate.domain.run import RunRecord
from headgate.domain.trainer_manifest import TrainerManifest
from headgate.ports import Clock, FeatureCatalog, ModelCatalog
from headgate.services.clock import iso
from headgate.services.models.closures import closure_of
from headgate.services.training.trainer_outputs import ARTIFACT, output_key

ATTEMPTS = 6
EVERY = 1_000_000


@dataclass(frozen=True)
class Measured:
    """What registration found out: the artifact's own signature, its metrics, and the gates it passed."""

    signature: Mapping[str, Sequence[Mapping[str, Any]]]
    metrics: Mapping[str, Any]
    gates: tuple[GateResult, ...]


@dataclass(frozen=True)
class AddVersion:
    """The use case."""

    models: ModelCatalog
    features: FeatureCatalog
    clock: Clock

    def of_run(self, record: RunRecord, manifest: TrainerManifest) -> ModelVersion | None:
        """The version that this run was given before: what was measured of it stands."""
        known = self.models.model_with_digest(record.model, digest(dict(manifest.files)))
        return known if known is not None and known.run == record.digest else None

    def add(
        self, record: RunRecord, spec: Mapping[str, Any], manifest: TrainerManifest, measured: Measured
    ) -> ModelVersion:
        """The next integer version, or the one that has this content already.

        Raises InvalidRequest for a model of another product, Conflict after many lost races.
        """
        content = digest(dict(manifest.files))
        problem = Conflict("no attempt was made")
        for attempt in range(ATTEMPTS):
            latest = self.models.latest_version(record.model)
            self._require_own(record, latest)
            if (known := self.models.model_with_digest(record.model, content)) is not None:
                return known
            model = self._version(record, latest + 1, content, manifest, measured)
            features = self._features(record)
            closure = closure_of(model, record, spec, features)
            model = replace(model, closure=closure, spec=features.spec if features else "")
            try:
                self.models.add_model(model)
                return model
            except Conflict as error:
                problem = error
                self.clock.sleep(0.05 * 2**attempt)
        raise problem

    def _version(
        self,
        record: RunRecord,
        number: int,
        content: str,
        manifest: TrainerManifest,
        measured: Measured,
    ) -> ModelVersion:
        return ModelVersion(
            model=record.model,
            version=number,
            product=record.product,
            digest=content,
            run=record.digest,
            feature_set=record.feature_set,
            feature_version=record.feature_version,
            artifact_key=output_key(record.product, record.digest, ARTIFACT),
            signature={name: list(tensors) for name, tensors in measured.signature.items()},
            metrics=measured.metrics,
            gates=measured.gates,
            created_at=iso(self.clock.now()),
            artifact_sha256=manifest.sha256(ARTIFACT),
        )

    def _features(self, record: RunRecord) -> FeatureVersionRecord | None:
        versions = self.features.feature_versions(record.product, record.feature_set, EVERY)
        return next((each for each in versions if each.digest == record.feature_version), None)

    def _require_own(self, record: RunRecord, latest: int) -> None:
        """A model is its first product's: no other one's policy may move what that product serves."""
        owner = self.models.model_version(record.model, latest).product if latest else record.product
        if owner != record.product:
            raise InvalidRequest(f"the model {record.model} belongs to product {owner}; choose another name")
