"""Registration: nothing is taken on trust, gates, aliases, duplicates, and crashes."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from headgate.adapters.memory import Crash, LogisticModel
from headgate.domain.errors import AccessDenied, InvalidRequest, NotFound
from headgate.domain.lineage import edges_of
from headgate.domain.model import CHALLENGER, CHAMPION, AliasMove
from headgate.domain.run import RunRecord
from headgate.services.models.promote_model import PromoteModel, Promotion
from headgate.services.models.register_model import RegisterOutcome, run_of_spec
from headgate.services.models.verify_version import VerifyVersion

from tests.support.crash_points import after_every_crash
from tests.support.memory_platform import ALICE, MemoryPlatform
from tests.support.small_product import POLICY, bundle, other_product
from tests.support.trained_run import BLIND, FAIR, GOOD, REFERENCE, TrainedRun, build, job, spec_uri, take_in

SCORES = "holdout_scores.parquet"
Tamper = Callable[[TrainedRun], Any]


@pytest.fixture(scope="module")
def prepared(prepared_platform: MemoryPlatform) -> MemoryPlatform:
    platform = prepared_platform.fork()
    platform.train.consider("shops")
    return platform


@pytest.fixture
def submitted(prepared: MemoryPlatform) -> MemoryPlatform:
    """One run is submitted; its job has not ended."""
    return prepared.fork()


def the_run(platform: MemoryPlatform) -> RunRecord:
    return platform.catalog.runs("shops")[0]


def end(platform: MemoryPlatform, state: str = "SUCCEEDED", **changes: Any) -> RegisterOutcome:
    run = the_run(platform)
    return platform.register.on_job_ended(spec_uri(run), job(run, state, **changes))


def train(platform: MemoryPlatform, model: LogisticModel = GOOD) -> TrainedRun:
    return TrainedRun(platform, the_run(platform), model).write()


def train_next(platform: MemoryPlatform, model: LogisticModel, **training: Any) -> RegisterOutcome:
    """A further run of the product, with another seed so that it is another run."""
    seed = 2 + len(platform.catalog.runs("shops"))
    document = bundle()
    document["training"] = {**document["training"], "seed": seed, **training}
    platform.apply_product(document)
    platform.clock.advance(60)
    assert platform.train.consider("shops").state == "submitted"
    train(platform, model)
    return end(platform)


def aliases(platform: MemoryPlatform) -> dict[str, int | None]:
    return {alias: platform.catalog.alias("buys", alias) for alias in (CHAMPION, CHALLENGER)}


def moves(platform: MemoryPlatform) -> list[AliasMove]:
    return [m for alias in (CHAMPION, CHALLENGER) for m in platform.catalog.alias_moves("buys", alias)]


def test_the_first_good_model_is_measured_registered_and_champion(submitted: MemoryPlatform) -> None:
    trained = train(submitted)
    outcome = end(submitted)
    assert outcome.state == "registered"
    model = submitted.catalog.model_version("buys", 1)
    assert outcome.model == model
    assert model.artifact_sha256 == trained.manifest["files"]["model.onnx"]["sha256"]
    assert (model.metrics["auc"], model.metrics["rows"]) == (1.0, 29 * 4)
    assert model.metrics["baselines"]["constant"] == 0.5
    assert model.metrics["skill"]["against"] in model.metrics["baselines"]
    assert model.metrics["parity_max_abs_error"] == 0.0
    assert [g.name for g in model.gates] == [
        "max_signature_differences",
        "min_auc",
        "max_auc",
        "min_lift_over_baseline",
        "max_parity_error",
        "max_rows_out_of_tolerance",
    ]
    assert aliases(submitted) == {CHAMPION: 1, CHALLENGER: None}
    run = the_run(submitted)
    assert (run.state, run.model_version, run.seconds) == ("REGISTERED", 1, 36.0)


def test_where_a_model_came_from_is_told(submitted: MemoryPlatform) -> None:
    train(submitted)
    end(submitted)
    run = the_run(submitted)
    edges = [e for event in submitted.bus.of_type("LineageRecorded") for e in edges_of(event.detail["event"])]
    upstream = {(e.node, e.upstream) for e in edges}
    assert ("model/buys/1", f"run/shops/{run.digest}") in upstream
    assert (f"run/shops/{run.digest}", f"features/shops/visit/{run.feature_version}") in upstream


def test_the_cost_is_the_jobs_own_and_settled_once(submitted: MemoryPlatform) -> None:
    train(submitted)
    end(submitted)
    submitted.clock.advance(31 * 24 * 3600)
    end(submitted)
    lines = submitted.bus.of_type("CostIncurred")
    assert len({(line.id, line.time, line.detail["usd"]) for line in lines}) == 1
    assert lines[0].time == "2030-01-01T00:00:36.000Z"
    budget = submitted.ledger.reserve("shops", "2030-01", "a look", 9.0, 0.0)
    assert budget.reserved == 0
    assert budget.spent == pytest.approx(lines[0].detail["usd"], abs=1e-6)


def test_every_attempt_of_a_job_is_paid(submitted: MemoryPlatform) -> None:
    train(submitted)
    end(submitted, attempts_ms=90_000)
    assert the_run(submitted).seconds == 90.0


def test_a_failing_gate_refuses_and_names_value_and_bound(submitted: MemoryPlatform) -> None:
    train(submitted, BLIND)
    outcome = end(submitted)
    assert outcome.state == "refused"
    assert outcome.run.reason is not None
    assert outcome.run.reason.startswith("min_auc: 0.")
    assert "is not >= 0.6" in outcome.run.reason
    (event,) = submitted.bus.of_type("ModelRefused")
    assert {g["name"]: g["passed"] for g in event.detail["gates"]}["min_auc"] is False
    assert submitted.catalog.latest_version("buys") == 0
    assert the_run(submitted).state == "REFUSED"


def test_a_model_too_good_to_be_true_is_refused(submitted: MemoryPlatform) -> None:
    end(submitted, "FAILED")
    outcome = train_next(submitted, GOOD, gates={"max_auc": 0.95})
    assert outcome.run.reason == (
        "max_auc: 1 is not <= 0.95 (AUC of single features: double_size 1.000, warmth 0.506)"
    )


def test_an_artifact_that_scores_otherwise_than_its_source_is_refused(submitted: MemoryPlatform) -> None:
    near = LogisticModel(GOOD.bias + 0.001, GOOD.weights)
    TrainedRun(submitted, the_run(submitted), GOOD, claimed=near).write()
    outcome = end(submitted)
    assert outcome.state == "refused"
    assert outcome.run.reason is not None
    assert "max_parity_error: " in outcome.run.reason
    assert "is not <= 1e-05" in outcome.run.reason


def without_file(name: str) -> Tamper:
    return lambda trained: trained.manifest["files"].pop(name)


def scores(*values: float | None) -> Tamper:
    """Scores as claimed: the first ones replaced by ``values``."""

    def tamper(trained: TrainedRun) -> None:
        table = pq.read_table(io.BytesIO(trained.files[SCORES]))
        column = [*values, *table["score"].to_pylist()[len(values) :]]
        position = table.schema.get_field_index("score")
        trained.replace_file(
            SCORES, parquet(table.set_column(position, "score", pa.array(column, pa.float64())))
        )

    return tamper


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def other_bytes(name: str) -> Tamper:
    """The file is replaced after its digest was written down."""
    return lambda trained: trained.files.update({name: trained.files[name] + b" "})


def reference(**changes: Any) -> Tamper:
    document = {**REFERENCE, "features": {**REFERENCE["features"], **changes}}
    return lambda trained: trained.replace_file("reference.json", json.dumps(document).encode())


@pytest.mark.parametrize(
    ("tamper", "reason"),
    [
        (other_bytes("model.onnx"), "model.onnx does not have the sha256"),
        (other_bytes(SCORES), "holdout_scores.parquet does not have the sha256"),
        (other_bytes("reference.json"), "reference.json does not have the sha256"),
        (without_file("model.onnx"), "names no file model.onnx"),
        (lambda t: t.files.pop("model.onnx"), "has no object"),
        (lambda t: t.manifest.update(run="0" * 64), "is of run 000000000000"),
        (lambda t: t.manifest.update(format="headgate.model/2"), "headgate.model/1 is needed"),
        (lambda t: t.manifest.pop("signature"), "signature: missing"),
        (lambda t: t.manifest["files"].update({"card.md": {"sha256": "?"}}), "64 lower-case hex digits"),
        (lambda t: t.manifest.update(metrics={"auc": float("nan")}), "NaN is no JSON number"),
        (lambda t: t.replace_file("model.onnx", b"\x08\x07"), "is no model"),
        (lambda t: t.replace_file(SCORES, b"PAR1"), "cannot be read"),
        (scores(float("nan")), "the trainer has no score for row 0"),
        (scores(0.5, None), "the trainer has no score for row 1"),
        (scores(float("inf")), "the trainer has no score for row 0"),
        (reference(warmth=None), "reference.json: warmth"),
        (reference(warmth={"kind": "numeric", "edges": [], "counts": [0], "nulls": 0}), "no row was counted"),
        (
            reference(warmth={"kind": "numeric", "edges": [1], "counts": [1], "nulls": 0}),
            "1 counts for 2 bins",
        ),
        (lambda t: t.replace_file("reference.json", b"[]"), "reference.json has no features"),
    ],
)
def test_outputs_that_cannot_be_used_fail_the_run_and_say_why(
    submitted: MemoryPlatform, tamper: Tamper, reason: str
) -> None:
    trained = TrainedRun(submitted, the_run(submitted))
    tamper(trained)
    trained.write()
    outcome = end(submitted)
    assert outcome.state == "failed"
    assert outcome.run.reason is not None
    assert reason in outcome.run.reason
    (event,) = submitted.bus.of_type("TrainingFailed")
    assert event.detail["reason"] == outcome.run.reason
    assert submitted.catalog.latest_version("buys") == 0


def test_a_score_of_too_few_rows_fails_the_run(submitted: MemoryPlatform) -> None:
    trained = TrainedRun(submitted, the_run(submitted))
    table = pq.read_table(io.BytesIO(trained.files[SCORES]))
    trained.replace_file(SCORES, parquet(table.slice(1))).write()
    assert "scored 115 held-out rows, the artifact 116" in (end(submitted).run.reason or "")


def test_a_job_that_left_nothing_failed(submitted: MemoryPlatform) -> None:
    outcome = end(submitted)
    assert outcome.state == "failed"
    assert "manifest.json" in (outcome.run.reason or "")


@pytest.mark.parametrize(
    ("ended", "reason"),
    [
        ({"exit_code": 64}, "exit code 64: bad spec or data: Essential container in task exited"),
        (
            {"exit_code": 70},
            "exit code 70: the trainer refused its model: Essential container in task exited",
        ),
        ({"exit_code": None, "reason": "Job attempt duration exceeded"}, "Job attempt duration exceeded"),
        ({"exit_code": None, "reason": None}, "the job failed without a reason"),
    ],
)
def test_a_failed_job_registers_nothing_and_tells_why(
    submitted: MemoryPlatform, ended: dict[str, Any], reason: str
) -> None:
    outcome = end(submitted, "FAILED", **ended)
    assert (outcome.state, outcome.run.reason) == ("failed", reason)
    assert the_run(submitted).state == "FAILED"
    assert [e.detail["reason"] for e in submitted.bus.of_type("TrainingFailed")] == [reason]
    assert submitted.catalog.latest_version("buys") == 0
    # And no later event of the same spec trains it again
    assert submitted.train.consider("shops").state == "known"


@pytest.mark.parametrize("state", ["SUBMITTED", "RUNNABLE", "RUNNING"])
def test_a_job_that_has_not_ended_changes_nothing(submitted: MemoryPlatform, state: str) -> None:
    assert end(submitted, state).state == "running"
    assert submitted.faults.effects == ()


def test_the_same_job_twice_makes_one_version(submitted: MemoryPlatform) -> None:
    train(submitted)
    assert [end(submitted).state, end(submitted).state] == ["registered", "known"]
    assert submitted.catalog.latest_version("buys") == 1
    assert len(moves(submitted)) == 1


def test_a_late_failure_of_a_second_job_does_not_undo_a_registration(submitted: MemoryPlatform) -> None:
    train(submitted)
    end(submitted)
    assert end(submitted, "FAILED", id="job-0002").state == "known"
    assert the_run(submitted).state == "REGISTERED"


def test_a_second_job_may_succeed_after_the_first_has_failed(submitted: MemoryPlatform) -> None:
    end(submitted, "FAILED")
    train(submitted)
    assert end(submitted, id="job-0002").state == "registered"
    assert the_run(submitted).reason is None


def test_a_better_model_becomes_champion_and_a_worse_one_challenger(submitted: MemoryPlatform) -> None:
    train(submitted, FAIR)
    first = end(submitted)
    better = train_next(submitted, GOOD)
    worse = train_next(submitted, LogisticModel(-50.5, FAIR.weights))
    assert [o.model.version for o in (first, better, worse) if o.model] == [1, 2, 3]
    assert aliases(submitted) == {CHAMPION: 2, CHALLENGER: 3}
    assert [(m.alias, m.from_version, m.to_version) for m in moves(submitted)] == [
        (CHAMPION, None, 1),
        (CHAMPION, 1, 2),
        (CHALLENGER, None, 3),
    ]


def test_a_run_that_leaves_the_same_bytes_is_the_same_version(submitted: MemoryPlatform) -> None:
    train(submitted)
    end(submitted)
    again = train_next(submitted, GOOD)
    assert (again.state, again.run.model_version) == ("registered", 1)
    assert submitted.catalog.latest_version("buys") == 1
    assert len(moves(submitted)) == 1


def test_a_model_of_another_product_cannot_be_taken_over(submitted: MemoryPlatform) -> None:
    # Given a champion of the product shops, which declares no training any more
    train(submitted, FAIR)
    end(submitted)
    submitted.apply_product(bundle(training=None))
    # When another product declares the same model, and trains a better one
    submitted.apply_product(other_product())
    take_in(submitted, 1, 2, product="others")
    build(submitted, "others")
    assert submitted.train.consider("others").state == "submitted"
    (run,) = submitted.catalog.runs("others")
    TrainedRun(submitted, run, GOOD).write()
    outcome = submitted.register.on_job_ended(spec_uri(run), job(run))
    # Then it is not registered, and shops is served as before
    assert outcome.state == "failed"
    assert "the model buys belongs to product shops" in (outcome.run.reason or "")
    assert submitted.catalog.latest_version("buys") == 1
    assert aliases(submitted) == {CHAMPION: 1, CHALLENGER: None}


def test_a_gain_too_small_makes_a_challenger(submitted: MemoryPlatform) -> None:
    train(submitted, FAIR)
    end(submitted)
    train_next(submitted, GOOD, gates={"min_auc": 0.6, "min_gain_over_champion": 0.9})
    assert aliases(submitted) == {CHAMPION: 1, CHALLENGER: 2}


def test_a_champion_of_another_window_is_measured_again_on_the_candidates(submitted: MemoryPlatform) -> None:
    train(submitted, FAIR)
    end(submitted)
    split = {"train": ["2024-01-01", "2024-02-01"], "holdout": ["2024-02-10", "2024-03-01"]}
    outcome = train_next(submitted, GOOD, split=split)
    assert aliases(submitted) == {CHAMPION: 2, CHALLENGER: None}
    assert outcome.model is not None
    compared = outcome.model.metrics["champion"]
    assert (compared["version"], compared["comparable"]) == (1, True)
    # Other rows, another number
    assert compared["auc"] != submitted.catalog.model_version("buys", 1).metrics["auc"]
    assert compared["gain"]["value"] == pytest.approx(1.0 - compared["auc"])


def test_policy_decides_whether_registration_may_promote(tmp_path: Path) -> None:
    # Given a policy that wants more of a champion than the gates do
    strict = {
        "Sid": "NearlyPerfect",
        "Effect": "Deny",
        "Principal": {"Headgate": ["service/register"]},
        "Action": "headgate:PromoteModel",
        "Resource": "hrn:shops:model/*",
        "Condition": {"NumericLessThan": {"headgate:Metric/auc": "0.999"}},
    }
    platform = MemoryPlatform(tmp_path)
    platform.apply_product(bundle(policy={**POLICY, "Statement": [*POLICY["Statement"], strict]}))
    take_in(platform, 1, 2)
    build(platform)
    platform.train.consider("shops")
    # When a fair model is the first to pass
    train(platform, FAIR)
    assert end(platform).state == "registered"
    # Then it is a challenger only, and the refusal is on record
    assert aliases(platform) == {CHAMPION: None, CHALLENGER: 1}
    decided = [(e.detail["action"], e.detail["decision"]) for e in platform.bus.of_type("AccessDecided")]
    assert decided[-2:] == [("headgate:RegisterModel", "allow"), ("headgate:PromoteModel", "explicit_deny")]


def test_policy_may_refuse_the_registration(tmp_path: Path) -> None:
    actions = ("ApplyProduct", "CommitVersion", "BuildFeatures", "SubmitTraining")
    all_but_register = {**POLICY["Statement"][0], "Action": [f"headgate:{action}" for action in actions]}
    platform = MemoryPlatform(tmp_path)
    platform.apply_product(bundle(policy={**POLICY, "Statement": [all_but_register]}))
    take_in(platform, 1, 2)
    build(platform)
    platform.train.consider("shops")
    train(platform)
    with pytest.raises(AccessDenied, match="RegisterModel"):
        end(platform)
    assert platform.catalog.latest_version("buys") == 0


def test_a_declaration_that_changed_meanwhile_does_not_judge_the_run(submitted: MemoryPlatform) -> None:
    # Given a run that learnt from January
    train(submitted)
    # When January is declared to be the holdout before its job ends
    split = {"train": ["2023-12-01", "2024-01-01"], "holdout": ["2024-01-01", "2024-02-01"]}
    submitted.apply_product(bundle(training={**bundle()["training"], "split": split}))
    # Then it is not judged on what it has seen
    outcome = end(submitted)
    assert outcome.state == "failed"
    assert "declared anew" in (outcome.run.reason or "")


def test_a_changed_gate_or_budget_judges_the_run_all_the_same(submitted: MemoryPlatform) -> None:
    train(submitted)
    changed = {**bundle()["training"], "gates": {"min_auc": 0.9}, "budget_usd_per_month": 2.0}
    submitted.apply_product(bundle(training=changed))
    outcome = end(submitted)
    assert outcome.state == "registered"
    assert outcome.model is not None
    assert [g.name for g in outcome.model.gates] == [
        "max_signature_differences",
        "min_auc",
        "max_parity_error",
        "max_rows_out_of_tolerance",
    ]


def test_an_unknown_run_is_not_found(submitted: MemoryPlatform) -> None:
    run = the_run(submitted)
    with pytest.raises(NotFound):
        submitted.register.on_job_ended(spec_uri(run).replace(run.digest, "0" * 64), job(run))


@pytest.mark.parametrize(
    "uri", ["", "spec.json", "s3://models/shops/spec.json", "s3://models/runs/x/spec.txt"]
)
def test_what_names_no_run_is_refused(uri: str) -> None:
    with pytest.raises(InvalidRequest, match="no run spec"):
        run_of_spec(uri)


def test_a_crash_at_any_side_effect_is_healed_by_redelivery(submitted: MemoryPlatform) -> None:
    train(submitted)
    for platform, crash in after_every_crash(submitted, end):
        run = the_run(platform)
        assert (run.state, run.model_version) == ("REGISTERED", 1), crash
        assert platform.catalog.latest_version("buys") == 1, crash
        assert [(m.alias, m.to_version) for m in moves(platform)] == [(CHAMPION, 1)], crash
        told = {e.type for e in platform.bus.events}
        assert {"CostIncurred", "ModelRegistered", "AliasMoved", "ReleaseMoved"} <= told, crash
        assert len({(e.id, e.time) for e in platform.bus.of_type("ReleaseMoved")}) == 1, crash
        assert [r.closure.version for r in platform.catalog.releases("shops")] == [1], crash
        assert len({e.id for e in platform.bus.of_type("CostIncurred")}) == 1, crash
        assert len({(e.id, e.time) for e in platform.bus.of_type("AliasMoved")}) == 1, crash
        edges = [e for v in platform.bus.of_type("LineageRecorded") for e in edges_of(v.detail["event"])]
        assert {"model/buys/1", f"run/shops/{run.digest}"} <= {e.node for e in edges}, crash
        budget = platform.ledger.reserve("shops", "2030-01", "a look", 9.0, 0.0)
        assert (budget.reserved, budget.spent > 0) == (0, True), crash


@pytest.mark.parametrize("state", ["FAILED", "SUCCEEDED"])
def test_a_crash_in_a_failure_or_refusal_is_healed_by_redelivery(
    submitted: MemoryPlatform, state: str
) -> None:
    train(submitted, BLIND)
    expected, kind = ("FAILED", "TrainingFailed") if state == "FAILED" else ("REFUSED", "ModelRefused")
    for platform, crash in after_every_crash(submitted, lambda p: end(p, state)):
        assert the_run(platform).state == expected, crash
        assert len({e.id for e in platform.bus.of_type(kind)}) == 1, crash
        assert platform.catalog.latest_version("buys") == 0, crash
        assert platform.ledger.reserve("shops", "2030-01", "a look", 9.0, 0.0).reserved == 0, crash


def test_a_redelivery_does_not_take_back_an_alias_that_moved_on(submitted: MemoryPlatform) -> None:
    # Given a worker that died after it made version 1 champion, before the run's record
    train(submitted)
    submitted.faults.fail_at("catalog.update_run")
    with pytest.raises(Crash):
        end(submitted)
    submitted.faults.clear()
    first = the_run(submitted)
    # And a version 2 that someone made champion meanwhile
    train_next(submitted, LogisticModel(-50.9, GOOD.weights))
    promote = PromoteModel(
        submitted.products,
        submitted.catalog,
        submitted.catalog,
        submitted.guard,
        submitted.bus,
        submitted.clock,
        VerifyVersion(submitted.register.documents, submitted.scratch),
    )
    promote.promote(ALICE, "shops", Promotion(2, reason="by hand"))
    # When the first job's message is delivered again
    before = moves(submitted)
    submitted.apply_product(bundle())
    outcome = submitted.register.on_job_ended(spec_uri(first), job(first))
    # Then version 1 is registered and no alias moved
    assert outcome.state == "registered"
    assert moves(submitted) == before
    assert aliases(submitted)[CHAMPION] == 2
