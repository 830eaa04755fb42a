"""What a training job left in the models bucket, checked against the digests it claimed."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from headgate.domain.errors import Corrupted
from headgate.domain.model import ModelVersion
from headgate.domain.model_card import RunEvidence
from headgate.domain.run import RunRecord, run_prefix
from headgate.domain.shape import parse_json
from headgate.domain.trainer_manifest import TrainerManifest, read_trainer_manifest
from headgate.ports import LoadedModel, ModelRuntime, ObjectStore

ARTIFACT, HOLDOUT_SCORES, REFERENCE = "model.onnx", "holdout_scores.parquet", "reference.json"
CARD, METRICS = "card.json", "metrics.json"


def output_key(product: str, run: str, name: str) -> str:
    return f"{run_prefix(product, run)}/out/{name}"


@dataclass(frozen=True)
class TrainerOutputs:
    """Reads outputs; raises NotFound for what is missing and Corrupted for what is not what it should be."""

    artifacts: ObjectStore
    runtime: ModelRuntime

    def manifest(self, run: RunRecord) -> TrainerManifest:
        body = self.artifacts.get(output_key(run.product, run.digest, "manifest.json"))
        return read_trainer_manifest(body, run.digest)

    def evidence(self, run: RunRecord, manifest: TrainerManifest) -> RunEvidence:
        """The run's spec, and what the trainer says in its own card and metrics, where it left any."""
        spec = parse_json(self.artifacts.get(f"{run_prefix(run.product, run.digest)}/spec.json"), "run spec")
        return RunEvidence(
            spec=spec,
            environment=manifest.environment,
            card=self._claim(run, manifest, CARD),
            metrics=self._claim(run, manifest, METRICS),
        )

    def _claim(self, run: RunRecord, manifest: TrainerManifest, name: str) -> dict[str, Any]:
        if name not in manifest.files:
            return {}
        body = self.artifacts.get(output_key(run.product, run.digest, name))
        if sha256(body).hexdigest() != manifest.sha256(name):
            raise Corrupted(f"{name} does not have the sha256 in the trainer's manifest")
        found = parse_json(body, name)
        return found if isinstance(found, dict) else {}

    def fetch(self, run: RunRecord, manifest: TrainerManifest, directory: Path) -> LoadedModel:
        """Downloads what registration needs into ``directory``, and loads the model."""
        for name in (ARTIFACT, HOLDOUT_SCORES, REFERENCE):
            expected = manifest.sha256(name)
            found = self.artifacts.download(output_key(run.product, run.digest, name), directory / name)
            if found != expected:
                raise Corrupted(f"{name} does not have the sha256 in the trainer's manifest")
        return self.runtime.load(directory / ARTIFACT)

    def load(self, model: ModelVersion, directory: Path) -> LoadedModel:
        """The model of a registered version: the very bytes that were measured."""
        found = self.artifacts.download(model.artifact_key, directory / ARTIFACT)
        if model.artifact_sha256 and found != model.artifact_sha256:
            raise Corrupted(
                f"the artifact of {model.model} version {model.version} is not what was registered"
            )
        return self.runtime.load(directory / ARTIFACT)
