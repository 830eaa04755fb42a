"""What registration finds out by itself: baselines, segments, gates, the champion on the candidate's rows."""

from __future__ import annotations

import json
import statistics as plain
from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from headgate.adapters.memory import Crash, LogisticModel
from headgate.domain.errors import PreconditionFailed
from headgate.domain.model import CHALLENGER, CHAMPION
from headgate.domain.run import RunRecord
from headgate.services.models.closures import config_digest
from headgate.services.models.register_model import RegisterOutcome

from tests.support.memory_platform import MemoryPlatform
from tests.support.small_product import bundle
from tests.support.trained_run import FAIR, GOOD, TrainedRun, job, spec_uri


@pytest.fixture(scope="module")
def fed(prepared_platform: MemoryPlatform) -> MemoryPlatform:
    return prepared_platform.fork()


def submitted(fed: MemoryPlatform, **training: Any) -> tuple[MemoryPlatform, RunRecord]:
    """A run of the product with ``training`` in its declaration."""
    platform = fed.fork()
    seed = 2 + len(platform.catalog.runs("shops"))
    platform.apply_product(bundle(training={**bundle()["training"], "seed": seed, **training}))
    platform.clock.advance(60)
    assert platform.train.consider("shops").state == "submitted"
    return platform, platform.catalog.runs("shops")[0]


def registered(
    fed: MemoryPlatform, model: LogisticModel = GOOD, **training: Any
) -> tuple[MemoryPlatform, RegisterOutcome]:
    platform, run = submitted(fed, **training)
    TrainedRun(platform, run, model).write()
    return platform, platform.register.on_job_ended(spec_uri(run), job(run))


def metrics_of(outcome: RegisterOutcome) -> dict[str, Any]:
    assert outcome.model is not None, outcome.run.reason
    return dict(outcome.model.metrics)


def visits() -> list[tuple[datetime, str, int]]:
    """(time, shop, label) of January and February, as `visits_csv` makes them."""
    return [
        (
            datetime(2024, month, day, 10 + n, 30),
            "north" if n % 2 else "south",
            int((day * 7 + n * 13) % 50 > 25),
        )
        for month, days in ((1, 31), (2, 29))
        for day in range(1, days + 1)
        for n in range(4)
    ]


def brier(labels: list[int], scores: list[float]) -> float:
    return plain.fmean((s - y) ** 2 for y, s in zip(labels, scores, strict=True))


@pytest.mark.parametrize("embargo", [0.0, 36.0])
def test_naive_and_seasonal_are_learnt_from_training_rows_less_the_embargo(
    fed: MemoryPlatform, embargo: float
) -> None:
    split = {**bundle()["training"]["split"], "embargo_hours": embargo}
    _, outcome = registered(fed, split=split)
    metrics = metrics_of(outcome)

    end = datetime(2024, 2, 1) - timedelta(hours=embargo)
    train = [v for v in visits() if v[0] < end]
    held_out = [v for v in visits() if v[0] >= datetime(2024, 2, 1)]
    labels = [label for _, _, label in held_out]
    rate = plain.fmean(label for _, _, label in train)
    newest = plain.fmean(label for time, _, label in train if time >= end - timedelta(days=7))
    seasons: dict[tuple[int, int], list[int]] = defaultdict(list)
    for time, _, label in train:
        seasons[time.isoweekday(), time.hour].append(label)
    seasonal = [plain.fmean(seasons[t.isoweekday(), t.hour] or [rate]) for t, _, _ in held_out]

    measured = metrics["baseline_metrics"]
    assert set(measured) == {"constant", "naive", "seasonal", "by_shop"} == set(metrics["baselines"])
    assert measured["constant"]["brier"] == pytest.approx(brier(labels, [rate] * len(labels)))
    assert measured["naive"]["brier"] == pytest.approx(brier(labels, [newest] * len(labels)))
    assert measured["seasonal"]["brier"] == pytest.approx(brier(labels, seasonal))
    assert metrics["baselines"]["naive"] == 0.5
    assert metrics["train_window"][1] == ("2024-02-01" if not embargo else "2024-01-30T12:00:00.000")


def test_the_models_own_quality_and_calibration_are_measured(fed: MemoryPlatform) -> None:
    platform, outcome = registered(fed, FAIR)
    metrics = metrics_of(outcome)
    rows = TrainedRun(platform, outcome.run, FAIR).holdout()
    scores = FAIR.score({name: rows[name].to_pylist() for name in FAIR.weights})
    labels = [int(v) for v in rows["bought"].to_pylist()]

    assert metrics["brier"] == pytest.approx(brier(labels, scores))
    assert {"average_precision", "log_loss"} <= set(metrics)
    assert sum(each["rows"] for each in metrics["calibration"]) == len(labels)
    assert 0 <= metrics["calibration_error"] <= 1


def test_segments_are_measured_by_their_own_rows(fed: MemoryPlatform) -> None:
    platform, outcome = registered(fed, FAIR, segments=["shop"])
    found = {each["value"]: each for each in metrics_of(outcome)["segments"]["shop"]}

    assert set(found) == {"north", "south"}
    rows = TrainedRun(platform, outcome.run, FAIR).holdout()
    north = [shop == "north" for shop in rows["shop"].to_pylist()]
    scores = FAIR.score({name: rows[name].to_pylist() for name in FAIR.weights})
    labels = [int(v) for v in rows["bought"].to_pylist()]
    kept = [(y, s) for y, s, is_north in zip(labels, scores, north, strict=True) if is_north]
    assert (found["north"]["rows"], found["north"]["positives"]) == (len(kept), sum(y for y, _ in kept))
    assert found["north"]["brier"] == pytest.approx(brier([y for y, _ in kept], [s for _, s in kept]))


def test_small_segments_are_measured_together(fed: MemoryPlatform) -> None:
    _, outcome = registered(fed, segments=["visit_id"])
    (other,) = metrics_of(outcome)["segments"]["visit_id"]

    assert (other["value"], other["rows"]) == ("(other)", 116)


class _Slow:
    """A model that takes 10 ms a call of the platform's clock."""

    def __init__(self, platform: MemoryPlatform, model: Any) -> None:
        self.platform, self.model = platform, model

    def signature(self) -> Any:
        return self.model.signature()

    def score(self, columns: Any) -> list[float]:
        self.platform.clock.advance(0.010)
        return list(self.model.score(columns))


class _SlowRuntime:
    def __init__(self, platform: MemoryPlatform) -> None:
        self.platform, self.runtime = platform, platform.register.runtime

    def load(self, artifact: Path) -> Any:
        return _Slow(self.platform, self.runtime.load(artifact))


@pytest.mark.parametrize(("bound", "state"), [(10.5, "registered"), (9.5, "refused")])
def test_latency_is_that_of_the_serving_runtime(fed: MemoryPlatform, bound: float, state: str) -> None:
    platform, run = submitted(fed, gates={"min_auc": 0.6, "max_latency_ms": bound})
    TrainedRun(platform, run).write()
    register = replace(platform.register, runtime=_SlowRuntime(platform))

    outcome = register.on_job_ended(spec_uri(run), job(run))

    assert outcome.state == state
    if state == "refused":
        assert "max_latency_ms: 10 is not <= 9.5" in (outcome.run.reason or "")
    else:
        assert metrics_of(outcome)["latency_ms_p95"] == pytest.approx(10.0)


def test_an_artifact_that_is_too_large_is_refused(fed: MemoryPlatform) -> None:
    _, outcome = registered(fed, gates={"max_size_mb": 0.00001})

    assert outcome.state == "refused"
    assert (outcome.run.reason or "").startswith("max_size_mb: ")


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (LogisticModel(-51.0, {"double_size": 1.0}), "input warmth is declared, the artifact has none"),
        (
            LogisticModel(-51.0, {"double_size": 1.0, "warmth": 0.0, "hour": 0.0}),
            "input hour is of the artifact, not declared",
        ),
    ],
)
def test_an_artifact_of_another_signature_is_refused_by_a_gate(
    fed: MemoryPlatform, model: LogisticModel, said: str
) -> None:
    platform, outcome = registered(fed, model)

    assert outcome.state == "refused"
    assert said in (outcome.run.reason or "")
    (event,) = platform.bus.of_type("ModelRefused")
    assert [g["name"] for g in event.detail["gates"]] == ["max_signature_differences"]


def test_a_declared_kind_is_the_artifacts_datatype(fed: MemoryPlatform) -> None:
    features = [{"name": "double_size", "kind": "numeric"}, {"name": "warmth", "kind": "categorical"}]
    _, outcome = registered(fed, features=features)

    assert "input warmth is FP32, declared is BYTES" in (outcome.run.reason or "")


def test_a_manifest_that_claims_another_signature_is_refused(fed: MemoryPlatform) -> None:
    platform, run = submitted(fed)
    trained = TrainedRun(platform, run)
    trained.manifest["signature"]["inputs"][0]["datatype"] = "BYTES"
    trained.write()

    outcome = platform.register.on_job_ended(spec_uri(run), job(run))

    assert "input double_size is FP32, claimed by the manifest is BYTES" in (outcome.run.reason or "")


@pytest.mark.parametrize(("relative", "state"), [(0.5, "registered"), (0.0, "refused")])
def test_parity_is_judged_by_the_declared_tolerance(fed: MemoryPlatform, relative: float, state: str) -> None:
    gates = {"min_auc": 0.6, "max_parity_error": 1.0}
    tolerance = {"absolute": 1e-6, "relative": relative}
    platform, run = submitted(fed, gates=gates, tolerance=tolerance)
    near = LogisticModel(GOOD.bias + 0.001, GOOD.weights)
    TrainedRun(platform, run, GOOD, claimed=near).write()

    outcome = platform.register.on_job_ended(spec_uri(run), job(run))

    assert outcome.state == state
    if state == "refused":
        assert "max_rows_out_of_tolerance: " in (outcome.run.reason or "")


def next_one(
    platform: MemoryPlatform, model: LogisticModel, challenge: bool = True, **training: Any
) -> RegisterOutcome:
    """A further run over the same platform, settled and registered by its digest."""
    seed = 2 + len(platform.catalog.runs("shops"))
    platform.apply_product(bundle(training={**bundle()["training"], "seed": seed, **training}))
    platform.clock.advance(60)
    platform.train.consider("shops")
    run = platform.catalog.runs("shops")[0]
    TrainedRun(platform, run, model).write()
    ended = {"state": "SUCCEEDED", "finished_at": "2030-01-01T00:00:36.000Z"}
    platform.catalog.update_run(RunRecord(**{**vars(run), **ended}))
    return platform.register.register_run("shops", run.digest, challenge)


def aliases(platform: MemoryPlatform) -> tuple[int | None, int | None]:
    return (platform.catalog.alias("buys", CHAMPION), platform.catalog.alias("buys", CHALLENGER))


def test_a_gain_below_the_declared_margin_is_on_record_and_makes_a_challenger(fed: MemoryPlatform) -> None:
    platform, _ = registered(fed, FAIR)
    outcome = next_one(platform, GOOD, gates={"min_auc": 0.6, "min_gain_over_champion": 0.9})

    assert outcome.model is not None
    gate = next(g for g in outcome.model.gates if g.name == "min_gain_over_champion")
    assert (gate.passed, gate.scope, gate.detail) == (False, "champion", "against version 1")
    assert gate.value == pytest.approx(outcome.model.metrics["champion"]["gain"]["value"])
    assert aliases(platform) == (1, 2)


def test_a_champion_that_cannot_score_these_rows_stays_and_the_reason_is_kept(fed: MemoryPlatform) -> None:
    platform, outcome = registered(fed, FAIR)
    assert outcome.model is not None
    platform.models.put(outcome.model.artifact_key, b"other bytes")

    second = next_one(platform, GOOD, gates={"min_auc": 0.6, "min_gain_over_champion": 0.0})

    compared = metrics_of(second)["champion"]
    assert (compared["version"], compared["comparable"]) == (1, False)
    assert "is not what was registered" in compared["reason"]
    assert aliases(platform) == (1, 2)


def test_a_run_can_be_registered_without_an_alias_and_given_one_later(fed: MemoryPlatform) -> None:
    platform, _ = registered(fed, FAIR)
    outcome = next_one(platform, GOOD, challenge=False)
    assert outcome.model is not None
    assert (outcome.state, outcome.model.version, aliases(platform)) == ("registered", 2, (1, None))

    again = platform.register.register_run("shops", outcome.run.digest, challenge=False)
    assert (again.state, again.model, aliases(platform)) == ("known", outcome.model, (1, None))

    later = platform.register.register_run("shops", outcome.run.digest)
    assert (later.model, aliases(platform)) == (outcome.model, (2, None))
    assert platform.catalog.latest_version("buys") == 2


def test_a_version_that_has_its_number_is_not_judged_anew(fed: MemoryPlatform) -> None:
    # Given a worker that died between the version and its documents
    platform, run = submitted(fed)
    TrainedRun(platform, run).write()
    platform.faults.fail_at("models.put")
    with pytest.raises(Crash):
        platform.register.on_job_ended(spec_uri(run), job(run))
    platform.faults.clear()
    version = platform.catalog.model_version("buys", 1)

    # When the bounds are tighter by the time it is delivered again
    training = {**bundle()["training"], "seed": 2, "gates": {"max_auc": 0.5}}
    platform.apply_product(bundle(training=training))
    outcome = platform.register.on_job_ended(spec_uri(run), job(run))

    # Then what was measured stands, and nothing is left half done
    assert (outcome.state, outcome.model) == ("registered", version)
    assert platform.models.exists("shops/models/buys/1/signature.json")
    assert aliases(platform) == (1, None)


@pytest.mark.parametrize("state", ["SUBMITTED", "RUNNING", "FAILED"])
def test_a_run_that_did_not_succeed_is_not_registered(fed: MemoryPlatform, state: str) -> None:
    platform, run = submitted(fed)
    platform.catalog.update_run(RunRecord(**{**vars(run), "state": state}))

    with pytest.raises(PreconditionFailed, match=f"is {state}: only one that succeeded"):
        platform.register.register_run("shops", run.digest)


def test_a_version_knows_its_closure(fed: MemoryPlatform) -> None:
    platform, outcome = registered(fed)
    assert outcome.model is not None
    closure = outcome.model.closure
    assert closure is not None
    head = platform.catalog.feature_head("shops", "visit")
    assert head is not None

    assert {name: each["digest"] for name, each in closure.datasets.items()} == head.inputs
    assert {name: each["ordinal"] for name, each in closure.datasets.items()} == head.input_ordinals
    assert (closure.version, closure.run, closure.feature_version) == (1, outcome.run.digest, head.digest)
    assert closure.artifact_sha256 == outcome.model.artifact_sha256
    assert closure.environment_digest == "sha256:test"
    assert closure.code_digest
    release = platform.catalog.latest_release("shops")
    assert release is not None
    assert (release.closure, release.kind, release.principal) == (closure, "promote", "service/register")


def test_the_configuration_is_all_that_is_declared_and_none_of_the_rows(fed: MemoryPlatform) -> None:
    platform, run = submitted(fed)
    spec = json.loads(platform.models.get(f"shops/runs/{run.digest}/spec.json"))
    same = {**spec, "code_digest": "x", "training_set": {**spec["training_set"], "partitions": []}}

    assert config_digest(same) == config_digest(spec)
    assert config_digest({**spec, "seed": spec["seed"] + 1}) != config_digest(spec)
    assert config_digest({**spec, "params": {"rounds": 6}}) != config_digest(spec)
    features = {**spec["training_set"], "features": spec["training_set"]["features"][:1]}
    assert config_digest({**spec, "training_set": features}) != config_digest(spec)
