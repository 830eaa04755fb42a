"""The champion on a candidate's holdout: the same rows, the same runtime, so that the numbers compare.

The champion may have learnt from some of these rows; then it is judged too well, never too badly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headgate.domain.errors import Corrupted, InvalidRequest, NotFound
from headgate.domain.model import CHAMPION, ModelVersion
from headgate.domain.training import TrainingConfig
from headgate.ports import ModelCatalog, RowWindow, Scratch
from headgate.services.models.evaluate_model import EvaluateModel
from headgate.services.training.trainer_outputs import TrainerOutputs


@dataclass(frozen=True)
class MeasureChampion:
    """The use case."""

    models: ModelCatalog
    outputs: TrainerOutputs
    evaluation: EvaluateModel
    scratch: Scratch

    def compare(
        self, config: TrainingConfig, window: RowWindow, labels: Sequence[int], scores: Sequence[float]
    ) -> dict[str, Any] | None:
        """``{"version", "comparable": true, "auc", "gain": {"value", "low", "high", "resamples"}}``; with a
        ``reason`` instead of numbers where the champion cannot score these rows; None without a champion.
        """
        version = self.models.alias(config.model, CHAMPION)
        if version is None:
            return None
        champion = self.models.model_version(config.model, version)
        try:
            theirs = self._scores(champion, window, config.label)
        except (Corrupted, InvalidRequest, NotFound) as problem:
            return {"version": version, "comparable": False, "reason": str(problem)}
        statistics = self.evaluation.statistics
        return {
            "version": version,
            "comparable": True,
            "auc": statistics.auc(labels, theirs),
            "gain": dict(statistics.skill(labels, scores, theirs, config.seed)),
        }

    def _scores(self, champion: ModelVersion, window: RowWindow, label: str) -> Sequence[float]:
        with self.scratch.directory() as directory:
            loaded = self.outputs.load(champion, directory)
            return self.evaluation.score(loaded, window, champion.inputs, label).scores
