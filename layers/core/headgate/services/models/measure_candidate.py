"""What a freshly trained model is worth: every number is taken from the artifact, on rows it did not learn
from.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from headgate.domain.drift import read_reference
from headgate.domain.errors import InvalidRequest
from headgate.domain.run import RunRecord
from headgate.domain.trainer_manifest import TrainerManifest
from headgate.domain.training import TrainingConfig
from headgate.domain.training_window import learning_interval
from headgate.ports import Clock, LoadedModel, ObjectStore, RowWindow
from headgate.services.features.feature_manifests import load_features
from headgate.services.models.evaluate_model import MODEL, Comparison, EvaluateModel, Parity, Scored
from headgate.services.models.learnt_baselines import LearntBaselines
from headgate.services.models.measure_champion import MeasureChampion
from headgate.services.models.measure_latency import latency_ms, size_mb
from headgate.services.models.segment_metrics import segment_metrics
from headgate.services.models.telling_features import telling_features
from headgate.services.training.trainer_outputs import ARTIFACT, HOLDOUT_SCORES, REFERENCE


@dataclass(frozen=True)
class Candidate:
    """A run's outputs: what its trainer says, the artifact in memory, and the folder with the files."""

    manifest: TrainerManifest
    model: LoadedModel
    directory: Path


@dataclass(frozen=True)
class MeasureCandidate:
    """The use case."""

    lake: ObjectStore
    evaluation: EvaluateModel
    champion: MeasureChampion
    clock: Clock

    def measure(self, config: TrainingConfig, record: RunRecord, candidate: Candidate) -> dict[str, Any]:
        """Metrics on the declared holdout. The artifact's signature has been found to be the declared one.

        Raises InvalidRequest or Corrupted when model, outputs and declaration do not belong together.
        """
        evaluation = self.evaluation
        names = [feature.name for feature in config.features]
        read_reference((candidate.directory / REFERENCE).read_bytes(), names)
        features = load_features(self.lake, record.product, record.feature_set, record.feature_version)
        window = evaluation.window(features, *config.split.holdout)
        train = evaluation.window(features, *learning_interval(config.split))
        scored = evaluation.score(candidate.model, window, names, config.label)
        lacking = scored.labels.count(None)
        if lacking or not scored.labels:
            raise InvalidRequest(f"{lacking} of {len(scored.labels)} held-out rows lack a label")
        path = candidate.directory / HOLDOUT_SCORES
        parity = evaluation.parity(scored, path, window, config.tolerance)
        learnt = LearntBaselines(evaluation).scores(features, train, window, len(scored.labels), config.label)
        compared = evaluation.compare(scored, train, window, config.label, config.baselines, learnt)
        return {
            **self._quality(compared, config.seed),
            **_parity_facts(parity, config),
            "window": list(config.split.holdout),
            "train_window": [train.start, train.end],
            "segments": self._segments(config, window, scored),
            **self._serving(candidate, window, names),
            **self._against_champion(config, window, scored),
            **self._too_good(config, train, window, compared),
            "trainer": candidate.manifest.metrics,
        }

    def _quality(self, compared: Comparison, seed: int) -> dict[str, Any]:
        """The model and every baseline, and its skill over the best of them."""
        statistics, labels = self.evaluation.statistics, compared.labels
        measured = {
            name: {"auc": compared.aucs[name], **statistics.quality(labels, scores)}
            for name, scores in compared.scores.items()
        }
        best = max(compared.baselines, key=lambda name: compared.baselines[name])
        scores = compared.scores[MODEL]
        bins = statistics.calibration(labels, scores)
        off = sum(each["rows"] * abs(each["mean_score"] - each["rate"]) for each in bins) / len(labels)
        return {
            **measured.pop(MODEL),
            "baselines": compared.baselines,
            "baseline_metrics": measured,
            "skill": {**statistics.skill(labels, scores, compared.scores[best], seed), "against": best},
            "rows": len(labels),
            "positives": sum(labels),
            "calibration": [dict(each) for each in bins],
            "calibration_error": off,
        }

    def _segments(
        self, config: TrainingConfig, window: RowWindow, scored: Scored
    ) -> dict[str, list[dict[str, Any]]]:
        if not config.segments:
            return {}
        values: dict[str, list[Any]] = {column: [] for column in config.segments}
        for batch in self.evaluation.engine.rows(window, [*values]):
            for column, found in values.items():
                found.extend(batch[column])
        statistics, labels = self.evaluation.statistics, _known(scored.labels)
        return {
            column: segment_metrics(statistics, found, labels, scored.scores)
            for column, found in values.items()
        }

    def _serving(self, candidate: Candidate, window: RowWindow, names: Sequence[str]) -> dict[str, float]:
        """What serving it takes, on the runtime that will."""
        batches = self.evaluation.engine.rows(window, names)
        with closing(cast(Any, batches)):
            first: Mapping[str, Sequence[Any]] = next(batches)
        rows = len(next(iter(first.values())))
        measured = latency_ms(candidate.model, first, rows, self.clock)
        return {"size_mb": size_mb(candidate.directory / ARTIFACT), **measured}

    def _against_champion(self, config: TrainingConfig, window: RowWindow, scored: Scored) -> dict[str, Any]:
        compared = self.champion.compare(config, window, _known(scored.labels), scored.scores)
        return {} if compared is None else {"champion": compared}

    def _too_good(
        self, config: TrainingConfig, train: RowWindow, window: RowWindow, compared: Comparison
    ) -> dict[str, Any]:
        if compared.auc <= config.gates.get("max_auc", 1.0):
            return {}
        return {"telling": telling_features(self.evaluation, config, train, window, compared.labels)}


def _known(labels: Sequence[int | None]) -> list[int]:
    return [int(label or 0) for label in labels]


def _parity_facts(parity: Parity, config: TrainingConfig) -> dict[str, Any]:
    return {
        "parity_max_abs_error": parity.max_abs_error,
        "parity_max_rel_error": parity.max_rel_error,
        "parity_rows_out_of_tolerance": parity.rows_out_of_tolerance,
        "tolerance": {"absolute": config.tolerance.absolute, "relative": config.tolerance.relative},
    }
