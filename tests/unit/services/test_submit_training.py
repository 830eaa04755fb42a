"""Training decisions: when a run is worth it, that equal specs are one run, money, and crashes."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from headgate.adapters.memory import MemoryBatchCompute, MemoryObjectStore
from headgate.domain.cost import PriceTable
from headgate.domain.errors import Conflict, PermissionMissing, Throttled
from headgate.domain.run import RunRecord, run_prefix
from headgate.services.training.submit_training import TrainingOutcome

from tests.support.crash_points import REDELIVERY_SECONDS, after_every_crash
from tests.support.memory_platform import MemoryPlatform
from tests.support.small_product import POLICY, bundle, visits_csv
from tests.support.trained_run import build, job, spec_uri, take_in

MONTH = "2030-01"
ESTIMATE_LIMIT = 1.0


@pytest.fixture
def ready(prepared_platform: MemoryPlatform) -> MemoryPlatform:
    """January to train on and February to hold out are built; nothing was asked yet."""
    return prepared_platform.fork()


def consider(platform: MemoryPlatform) -> TrainingOutcome:
    return platform.train.consider("shops")


def runs(platform: MemoryPlatform) -> list[RunRecord]:
    return list(platform.catalog.runs("shops"))


def reserved(platform: MemoryPlatform) -> float:
    return platform.ledger.reserve("shops", MONTH, "a look", 1000.0, 0.0).reserved


def training(**changes: Any) -> dict[str, Any]:
    """The product's bundle with its training declared otherwise."""
    return bundle(training={**bundle()["training"], **changes})


def test_a_complete_split_is_submitted_with_its_spec_and_its_money(ready: MemoryPlatform) -> None:
    outcome = consider(ready)
    assert outcome.state == "submitted"
    (run,) = runs(ready)
    assert outcome.run == run
    (submission,) = ready.compute.submissions
    assert (submission.job_id, submission.parameters["run_spec"]) == (run.job_id, run.spec_uri)
    assert (submission.compute_class, submission.timeout_seconds) == ("cpu", 600)
    spec = json.loads(ready.models.get(f"{run_prefix('shops', run.digest)}/spec.json"))
    assert [p["name"] for p in spec["training_set"]["partitions"]] == ["2024-01", "2024-02"]
    assert reserved(ready) == pytest.approx(run.estimated_cost_usd, abs=1e-6)
    (event,) = ready.bus.of_type("TrainingSubmitted")
    assert (event.detail["run"], event.detail["job_id"]) == (run.digest, run.job_id)


@pytest.mark.parametrize(
    ("months", "reason"),
    [
        ((), "no version yet of feature set visit"),
        ((2,), "waiting for data of 2024-01"),
        ((1,), "waiting for data of 2024-02"),
        ((3,), "waiting for data of 2024-01, 2024-02"),
    ],
)
def test_what_it_waits_for_is_told(platform: MemoryPlatform, months: tuple[int, ...], reason: str) -> None:
    take_in(platform, *months)
    build(platform)
    outcome = consider(platform)
    assert (outcome.state, outcome.reason) == ("waiting", reason)
    assert [e.detail["reason"] for e in platform.bus.of_type("TrainingSkipped")] == (
        [reason] if months else []
    )
    assert platform.compute.submissions == ()


def test_a_holdout_that_ends_early_is_waited_for(platform: MemoryPlatform) -> None:
    take_in(platform, 1)
    platform.ingest_now(platform.drop("shops/visits/2.csv", visits_csv(2, days=20)))
    build(platform)
    assert "waiting for data until 2024-03-01; the newest label is of 2024-02-20" in consider(platform).reason


def test_a_product_without_training_waits_for_ever(platform: MemoryPlatform) -> None:
    platform.apply_product(bundle(training=None))
    assert consider(platform).reason == "product shops declares no training"


def test_an_equal_spec_is_one_run(ready: MemoryPlatform) -> None:
    first = consider(ready)
    again = ready.train.consider("shops", "user/alice")
    assert (first.state, again.state) == ("submitted", "known")
    assert again.run == first.run
    assert len(ready.compute.submissions) == 1
    assert {e.id for e in ready.bus.of_type("TrainingSubmitted")} == {runs(ready)[0].digest}


def test_data_after_the_split_does_not_train_again(ready: MemoryPlatform) -> None:
    first = consider(ready)
    take_in(ready, 3)
    build(ready)
    head = ready.catalog.feature_head("shops", "visit")
    assert head is not None
    assert head.partitions == 3
    again = consider(ready)
    assert again.state == "known"
    assert again.run == first.run


def test_data_inside_the_split_is_another_run(ready: MemoryPlatform) -> None:
    consider(ready)
    late = b"visit_id,visited_at,shop,size,bought\nlate-1,2024-01-31 23:00:00,north,1,False\n"
    ready.ingest_now(ready.drop("shops/visits/late.csv", late))
    build(ready)
    assert consider(ready).state == "submitted"
    assert len({r.digest for r in runs(ready)}) == 2


@pytest.mark.parametrize("state", ["FAILED", "SUCCEEDED", "REGISTERED"])
def test_a_run_that_ended_is_not_submitted_again(ready: MemoryPlatform, state: Any) -> None:
    consider(ready)
    (run,) = runs(ready)
    ready.catalog.update_run(replace(run, state=state))
    assert consider(ready).state == "known"
    assert len(ready.compute.submissions) == 1


def test_a_model_that_was_refused_is_not_trained_again(ready: MemoryPlatform) -> None:
    consider(ready)
    (run,) = runs(ready)
    ready.catalog.update_run(replace(run, state="REFUSED", reason="min_auc"))
    assert consider(ready).state == "known"


def test_an_exhausted_budget_refuses_with_its_reason_and_submits_nothing(ready: MemoryPlatform) -> None:
    ready.ledger.reserve("shops", MONTH, "others", ESTIMATE_LIMIT, ESTIMATE_LIMIT)
    outcome = consider(ready)
    assert outcome.state == "refused"
    assert "0.00 of 1.00 USD left" in outcome.reason
    (event,) = ready.bus.of_type("TrainingRefused")
    assert event.detail["reason"] == outcome.reason
    assert ready.compute.submissions == ()
    (run,) = runs(ready)
    assert (run.state, run.reason) == ("REFUSED", outcome.reason)
    assert reserved(ready) == ESTIMATE_LIMIT


def test_the_next_month_has_money_again(ready: MemoryPlatform) -> None:
    # Given a run that this month's budget refused
    ready.ledger.reserve("shops", MONTH, "others", ESTIMATE_LIMIT, ESTIMATE_LIMIT)
    refused = consider(ready)
    # When it is asked for again in February
    ready.clock.advance(31 * 24 * 3600)
    outcome = consider(ready)
    # Then it is submitted, and paid by February
    assert (refused.state, outcome.state) == ("refused", "submitted")
    (run,) = runs(ready)
    assert (run.state, run.month, run.reason) == ("SUBMITTED", "2030-02", None)
    assert ready.ledger.reserve("shops", "2030-02", "a look", 9.0, 0.0).reserved > 0
    # And settled there
    ready.register.on_job_ended(spec_uri(run), job(run, "FAILED"))
    assert ready.ledger.reserve("shops", "2030-02", "a look", 9.0, 0.0).reserved == 0


def test_a_budget_that_is_raised_lets_a_refused_run_through(ready: MemoryPlatform) -> None:
    # Given a run that the budget refused
    ready.apply_product(training(budget_usd_per_month=0.01))
    refused = consider(ready)
    assert (refused.state, "0.01 of 0.01 USD left" in refused.reason) == ("refused", True)
    # When the budget is raised
    ready.apply_product(training(budget_usd_per_month=0.05))
    # Then the very same run is submitted
    assert consider(ready).state == "submitted"
    (run,) = runs(ready)
    assert (run.attempt, run.state, run.reason) == (2, "SUBMITTED", None)
    assert reserved(ready) == pytest.approx(run.estimated_cost_usd, abs=1e-6)


def test_a_job_that_aws_refuses_gives_the_money_and_the_place_back(ready: MemoryPlatform) -> None:
    ready.faults.fail_at("batch.submit", 1, "before", PermissionMissing("the role may not submit jobs"))
    outcome = consider(ready)
    assert (outcome.state, outcome.reason) == ("refused", "the role may not submit jobs")
    assert reserved(ready) == 0
    assert ready.catalog.trigger_state("shops").submissions == ()
    assert consider(ready).state == "submitted"
    assert reserved(ready) > 0


def test_a_compute_class_that_is_not_deployed_refuses_and_gives_the_money_back(ready: MemoryPlatform) -> None:
    bare = replace(ready.train, compute=MemoryBatchCompute(deployed=(), faults=ready.faults))
    outcome = bare.consider("shops")
    assert outcome.state == "refused"
    assert "'cpu' is not deployed" in outcome.reason
    assert reserved(ready) == 0
    # And where it is deployed later, the run is submitted and its money is held
    assert consider(ready).state == "submitted"
    assert reserved(ready) > 0


def test_a_compute_class_without_a_price_is_refused(ready: MemoryPlatform) -> None:
    outcome = replace(ready.train, prices=PriceTable({})).consider("shops")
    assert outcome.state == "refused"
    assert "no price" in outcome.reason
    assert len(ready.bus.of_type("TrainingRefused")) == 1


def test_policy_may_refuse_the_run_by_its_cost(tmp_path: Path) -> None:
    # Given a policy that lets nothing over a hundredth of a cent be trained
    cheap = {
        "Sid": "OnlyCheap",
        "Effect": "Deny",
        "Principal": {"Headgate": ["service/train"]},
        "Action": "headgate:SubmitTraining",
        "Resource": "hrn:shops:run/*",
        "Condition": {"NumericGreaterThan": {"headgate:EstimatedCostUSD": "0.0001"}},
    }
    platform = MemoryPlatform(tmp_path)
    platform.apply_product(bundle(policy={**POLICY, "Statement": [*POLICY["Statement"], cheap]}))
    take_in(platform, 1, 2)
    build(platform)
    # When a complete split is considered
    outcome = consider(platform)
    # Then nothing is reserved and nothing runs
    assert outcome.state == "refused"
    assert "OnlyCheap" in outcome.reason
    assert [e.detail["reason"] for e in platform.bus.of_type("TrainingRefused")] == [outcome.reason]
    assert platform.compute.submissions == ()
    assert reserved(platform) == 0


def test_a_changed_declaration_is_another_run(ready: MemoryPlatform) -> None:
    consider(ready)
    ready.apply_product(training(params={"rounds": 6}))
    assert consider(ready).state == "submitted"
    assert len(ready.compute.submissions) == 2


def test_a_throttled_submission_is_tried_again_on_the_same_reservation(ready: MemoryPlatform) -> None:
    ready.faults.fail_at("batch.submit", 1, "before", Throttled("slow down"))
    with pytest.raises(Throttled):
        consider(ready)
    held = reserved(ready)
    ready.clock.advance(REDELIVERY_SECONDS)
    assert consider(ready).state == "submitted"
    assert reserved(ready) == held


def test_a_run_that_another_worker_is_submitting_is_left_to_it(ready: MemoryPlatform) -> None:
    # Given a worker that has claimed the run a moment ago and has not submitted yet
    ready.faults.fail_at("ledger.reserve", 1, "before", Throttled("slow down"))
    with pytest.raises(Throttled):
        consider(ready)
    # When a second one is asked for the same
    with pytest.raises(Conflict, match="being submitted by another worker"):
        consider(ready)
    # Then it has submitted nothing, and what it was asked stays in the queue
    assert ready.compute.submissions == ()


@dataclass
class SlowStore:
    """A store during whose first write something else happens."""

    inner: MemoryObjectStore
    meanwhile: list[Callable[[], Any]]

    def put(self, key: str, body: bytes, content_type: str = "") -> None:
        self.inner.put(key, body, content_type)
        while self.meanwhile:
            self.meanwhile.pop()()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def test_whoever_claims_second_submits_nothing(ready: MemoryPlatform) -> None:
    # Given a worker that is overtaken between its decision and its claim
    store: Any = SlowStore(ready.models, [lambda: consider(ready)])
    slow = replace(ready.train, models=store)
    # When it comes to claim the run
    outcome = slow.consider("shops")
    # Then the other one's job is the run's
    assert outcome.state == "known"
    assert outcome.run == runs(ready)[0]
    assert len(ready.compute.submissions) == 1


def test_many_workers_submit_one_job(ready: MemoryPlatform) -> None:
    states: list[str] = []

    def work() -> None:
        try:
            states.append(consider(ready).state)
        except Conflict:
            states.append("conflict")

    threads = [Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert states.count("submitted") == 1
    assert len(ready.compute.submissions) == 1


def test_a_crash_at_any_side_effect_is_healed_by_redelivery(ready: MemoryPlatform) -> None:
    for platform, crash in after_every_crash(ready, consider):
        (run,) = runs(platform)
        assert run.state == "SUBMITTED", crash
        assert run.job_id is not None, crash
        # Where the answer of the submission was lost there are two jobs, and the record names the second
        lost = crash.startswith(("after batch.submit", "before catalog.update_run"))
        jobs = [s.job_id for s in platform.compute.submissions]
        assert len(jobs) == (2 if lost else 1), crash
        assert run.job_id == jobs[-1], crash
        assert {s.parameters["run_spec"] for s in platform.compute.submissions} == {run.spec_uri}, crash
        assert reserved(platform) == pytest.approx(run.estimated_cost_usd, abs=1e-6), crash
        told = platform.bus.of_type("TrainingSubmitted")
        assert {(e.id, e.detail["job_id"]) for e in told} == {(run.digest, run.job_id)}, crash


def test_a_crash_in_a_refusal_is_healed_by_redelivery(ready: MemoryPlatform) -> None:
    ready.ledger.reserve("shops", MONTH, "others", ESTIMATE_LIMIT, ESTIMATE_LIMIT)
    ready.faults.clear()
    for platform, crash in after_every_crash(ready, consider):
        (run,) = runs(platform)
        assert run.state == "REFUSED", crash
        assert platform.compute.submissions == (), crash
        assert reserved(platform) == ESTIMATE_LIMIT, crash
        assert platform.bus.of_type("TrainingRefused"), crash
