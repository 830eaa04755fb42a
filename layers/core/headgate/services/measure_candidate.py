"""What a freshly trained model is worth: every number is taken from the artifact, on rows it did not learn
from.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.domain.drift import read_reference
from headgate.domain.errors import InvalidRequest
from headgate.domain.trainer_manifest import TrainerManifest
from headgate.domain.training import RunRecord, TrainingConfig
from headgate.ports import LoadedModel, ObjectStore
from headgate.services.evaluate_model import MODEL, EvaluateModel
from headgate.services.feature_manifests import load_features
from headgate.services.trainer_outputs import HOLDOUT_SCORES, REFERENCE


@dataclass(frozen=True)
class MeasureCandidate:
    """The use case."""

    lake: ObjectStore
    evaluation: EvaluateModel

    def measure(
        self,
        config: TrainingConfig,
        record: RunRecord,
        manifest: TrainerManifest,
        model: LoadedModel,
        directory: Path,
    ) -> dict[str, Any]:
        """Metrics on the declared holdout; ``directory`` holds the run's other outputs.

        Raises InvalidRequest or Corrupted when model, outputs and declaration do not belong together.
        """
        evaluation = self.evaluation
        names = [feature.name for feature in config.features]
        if sorted(manifest.inputs) != sorted(names):
            raise InvalidRequest(f"the model takes {sorted(manifest.inputs)}, declared are {sorted(names)}")
        read_reference((directory / REFERENCE).read_bytes(), names)
        features = load_features(self.lake, record.product, record.feature_set, record.feature_version)
        window = evaluation.window(features, *config.split.holdout)
        train = evaluation.window(features, *config.split.train)
        scored = evaluation.score(model, window, names, config.label)
        lacking = scored.labels.count(None)
        if lacking or not scored.labels:
            raise InvalidRequest(f"{lacking} of {len(scored.labels)} held-out rows lack a label")
        parity = evaluation.parity(scored, directory / HOLDOUT_SCORES, window)
        compared = evaluation.compare(scored, train, window, config.label, config.baselines)
        best = max(compared.baselines, key=lambda name: compared.baselines[name])
        skill = evaluation.statistics.skill(
            compared.labels, compared.scores[MODEL], compared.scores[best], config.seed
        )
        return {
            "auc": compared.auc,
            "baselines": compared.baselines,
            "skill": {**skill, "against": best},
            "rows": len(compared.labels),
            "positives": sum(compared.labels),
            "parity_max_abs_error": parity,
            "window": list(config.split.holdout),
            "trainer": manifest.metrics,
        }
