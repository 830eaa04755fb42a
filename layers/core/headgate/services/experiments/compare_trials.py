"""Whether the best trial is better than what serves, beyond chance: a paired bootstrap over held-out rows.

Both are compared on the very same rows, by what each run's trainer said of them; a model that is registered
after that is measured again from its artifact.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headgate.domain.errors import Corrupted, InvalidRequest, NotFound
from headgate.domain.model import CHAMPION
from headgate.domain.run import RunRecord
from headgate.domain.search import BETTER
from headgate.domain.training import TrainingConfig
from headgate.domain.training_window import learning_interval
from headgate.ports import ModelCatalog, RowWindow, RunCatalog, Scratch
from headgate.services.features.feature_manifests import load_features
from headgate.services.models.evaluate_model import MODEL, EvaluateModel, Scored
from headgate.services.models.learnt_baselines import LearntBaselines
from headgate.services.products import AppliedProduct
from headgate.services.training.trainer_outputs import HOLDOUT_SCORES, TrainerOutputs, output_key


@dataclass(frozen=True)
class HeldOut:
    """What a run said of its held-out rows, by event time and entity."""

    keys: Sequence[tuple[Any, ...]]
    labels: Sequence[int]
    scores: Sequence[float]


@dataclass(frozen=True)
class CompareTrials:
    """The use case."""

    runs: RunCatalog
    models: ModelCatalog
    outputs: TrainerOutputs
    evaluation: EvaluateModel
    scratch: Scratch

    def significance(
        self, applied: AppliedProduct, config: TrainingConfig, best: RunRecord, own: Collection[str]
    ) -> dict[str, Any]:
        """``{"against", "metric", "value", "low", "high", "resamples"}`` of the best trial against the
        champion, or where there is none against the best baseline; ``{"against", "metric", "reason"}`` where
        the two do not compare. ``own`` are the runs the experiment computed: what came of them is no
        champion to it, so that it judges alike when it is repeated.
        """
        metric = config.search.metric if config.search is not None else "auc"
        champion = self._champion_before(best.model, own)
        against = f"{best.model}/{champion}" if champion is not None else "the best baseline"
        try:
            mine = self._held_out(applied, config, best)
            if champion is None:
                against, other = self._baseline(config, best, mine, metric)
            else:
                other = self._champion(applied, config, best, mine, champion)
        except (Corrupted, InvalidRequest, NotFound) as problem:
            return {"against": against, "metric": metric, "reason": f"they do not compare: {problem}"}
        gain = self.evaluation.statistics.gain(metric, mine.labels, mine.scores, other, config.seed)
        return {"against": against, "metric": metric, **gain}

    def _champion_before(self, model: str, own: Collection[str]) -> int | None:
        versions = [move.to_version for move in self.models.alias_moves(model, CHAMPION)]
        runs = {version: self.models.model_version(model, version).run for version in versions}
        return next((version for version in reversed(versions) if runs[version] not in own), None)

    def _champion(
        self,
        applied: AppliedProduct,
        config: TrainingConfig,
        best: RunRecord,
        mine: HeldOut,
        version: int,
    ) -> Sequence[float]:
        run = self.models.model_version(best.model, version).run
        if run == best.digest:
            raise InvalidRequest("the best trial is the champion itself")
        theirs = self._held_out(applied, config, self.runs.run(best.product, run))
        if theirs.keys != mine.keys or theirs.labels != mine.labels:
            raise InvalidRequest(f"version {version} was judged on other rows")
        return theirs.scores

    def _baseline(
        self, config: TrainingConfig, best: RunRecord, mine: HeldOut, metric: str
    ) -> tuple[str, Sequence[float]]:
        """The best of what registration compares with, too: the declared baselines and the learnt ones."""
        evaluation = self.evaluation
        features = load_features(evaluation.lake, best.product, best.feature_set, best.feature_version)
        window = evaluation.window(features, *config.split.holdout)
        train = evaluation.window(features, *learning_interval(config.split))
        learnt = LearntBaselines(evaluation).scores(features, train, window, len(mine.labels), config.label)
        scored = Scored(mine.labels, mine.scores)
        compared = evaluation.compare(scored, train, window, config.label, config.baselines, learnt)
        scores = {name: values for name, values in compared.scores.items() if name != MODEL}
        measure = self.evaluation.statistics.metric
        worth = {name: measure(metric, mine.labels, values) for name, values in scores.items()}
        pick = max if BETTER[metric] == "max" else min
        name = pick(worth, key=lambda each: worth[each])
        return f"baseline {name}", scores[name]

    def _held_out(self, applied: AppliedProduct, config: TrainingConfig, run: RunRecord) -> HeldOut:
        with self.scratch.directory() as directory:
            path = directory / HOLDOUT_SCORES
            expected = self.outputs.manifest(run).sha256(HOLDOUT_SCORES)
            key = output_key(run.product, run.digest, HOLDOUT_SCORES)
            if self.outputs.artifacts.download(key, path) != expected:
                raise Corrupted(f"{HOLDOUT_SCORES} does not have the sha256 in the trainer's manifest")
            return self._read(applied, config, path)

    def _read(self, applied: AppliedProduct, config: TrainingConfig, path: Path) -> HeldOut:
        spine = applied.product.feature_sets[config.feature_set].spine
        entity, event_time = spine.entity, spine.event_time or ""
        window = replace(RowWindow((), event_time, entity, *config.split.holdout), uris=(str(path),))
        names = [*dict.fromkeys((event_time, *entity, config.label, "score"))]
        columns: dict[str, list[Any]] = {name: [] for name in names}
        for batch in self.evaluation.engine.rows(window, names):
            for name, values in batch.items():
                columns[name].extend(values)
        if not columns["score"]:
            raise InvalidRequest("there is no held-out row")
        keys = list(zip(*(columns[name] for name in (event_time, *entity)), strict=True))
        return HeldOut(keys, _labels(columns[config.label]), columns["score"])


def _labels(values: Sequence[Any]) -> list[int]:
    if any(value not in (0, 1) for value in values):
        raise InvalidRequest("a held-out row lacks a label of 0 or 1")
    return [int(value) for value in values]


def is_better(significance: Mapping[str, Any]) -> bool:
    """True when the whole interval is above 0: only then a trial may challenge."""
    return float(significance.get("low", 0.0)) > 0
