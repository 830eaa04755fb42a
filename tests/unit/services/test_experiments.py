"""Experiments: trials as runs of one array job, however their ends are told, and what comes of the best."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from headgate.adapters.memory import Crash, LogisticModel, MemoryBatchCompute
from headgate.domain.cost import PriceTable
from headgate.domain.errors import Conflict, InvalidRequest, Throttled
from headgate.domain.experiment import Experiment
from headgate.domain.model import CHALLENGER, CHAMPION
from headgate.domain.run import RunRecord
from headgate.services.experiments.show_experiments import ShowExperiments
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.crash_points import REDELIVERY_SECONDS, after_every_crash
from tests.support.experiments import (
    MODELS,
    SEARCH,
    child,
    end,
    end_array,
    leave_outputs,
    run_experiment,
    searching,
    train_now,
    trials_uri,
)
from tests.support.memory_platform import ALICE, MemoryPlatform
from tests.support.trained_run import BLIND, FAIR, GOOD, TrainedRun, job, spec_uri

MONTH = "2030-01"
EACH = 0.23304 / 6
"""What ten minutes of the class cpu cost."""


@pytest.fixture
def ready(prepared_platform: MemoryPlatform) -> MemoryPlatform:
    """A split that is complete, and a search of four configurations."""
    fork = prepared_platform.fork()
    fork.apply_product(searching())
    fork.faults.clear()
    return fork


@pytest.fixture
def submitted(ready: MemoryPlatform) -> MemoryPlatform:
    """The experiment's jobs have left their outputs; none has ended yet."""
    leave_outputs(ready, run_experiment(ready))
    ready.faults.clear()
    return ready


def experiment_of(platform: MemoryPlatform) -> Experiment:
    (found,) = platform.catalog.experiments("shops")
    return found


def trials(platform: MemoryPlatform) -> list[RunRecord]:
    return [platform.catalog.run("shops", run) for run in experiment_of(platform).runs]


def end_all(platform: MemoryPlatform) -> Experiment:
    for index in range(len(experiment_of(platform).array)):
        end(platform, experiment_of(platform), index)
    return experiment_of(platform)


def shown(platform: MemoryPlatform) -> list[dict[str, Any]]:
    """The table as a person sees it."""
    showing = ShowExperiments(
        platform.products,
        platform.catalog,
        platform.catalog,
        platform.models,
        platform.ledger,
        platform.guard,
        platform.clock,
    )
    rows: list[dict[str, Any]] = showing.show(ALICE, "shops", experiment_of(platform).id)["trials"]
    return rows


# --- submission


def test_a_search_is_one_array_job_of_ordinary_runs_with_one_reservation(ready: MemoryPlatform) -> None:
    experiment = run_experiment(ready)
    (submission,) = ready.compute.submissions
    assert submission.array_size == 4
    assert submission.parameters == {"run_spec": experiment.trials_uri}
    listed = json.loads(ready.models.get(f"shops/experiments/{experiment.id}/trials.json"))
    assert listed == {"format": "headgate.trials/1", "runs": [run.spec_uri for run in trials(ready)]}
    specs = [json.loads(ready.models.get(f"shops/runs/{run}/spec.json")) for run in experiment.array]
    assert [spec["params"]["rounds"] for spec in specs] == [5, 6, 7, 8]
    assert [run.params for run in trials(ready)] == [{"rounds": n} for n in (5, 6, 7, 8)]
    assert {run.experiment for run in trials(ready)} == {experiment.id}
    budget = ready.ledger.budget("shops", MONTH)
    assert (budget.reserved, budget.spent) == (pytest.approx(4 * EACH, abs=1e-6), 0)
    (event,) = ready.bus.of_type("ExperimentSubmitted")
    assert (event.detail["trials"], event.detail["job_id"]) == (4, experiment.job_id)


def test_trials_differ_in_config_alone(ready: MemoryPlatform) -> None:
    run_experiment(ready)
    digests = [run.digests or {} for run in trials(ready)]
    assert [len({each[part] for each in digests}) for part in ("data", "code", "config", "environment")] == [
        *(1, 1, 4, 1)
    ]


def test_the_declared_params_are_a_trial_that_is_known(ready: MemoryPlatform) -> None:
    # Given the product's own training, which one of the configurations equals
    train_now(ready)
    # When the experiment runs
    experiment = run_experiment(ready)
    # Then that run is one of its trials, and is not computed again
    assert len(experiment.runs) == 4
    assert experiment.array == experiment.runs[1:]
    assert ready.compute.submissions[-1].array_size == 3
    assert ready.ledger.budget("shops", MONTH).reserved == pytest.approx(3 * EACH, abs=1e-6)


def test_one_trial_that_is_left_is_an_ordinary_job(ready: MemoryPlatform) -> None:
    ready.apply_product(searching({"method": "grid", "space": {"rounds": [5, 6]}}))
    train_now(ready)
    experiment = run_experiment(ready)
    submission = ready.compute.submissions[-1]
    (left,) = experiment.array
    assert submission.array_size is None
    assert submission.parameters == {"run_spec": ready.catalog.run("shops", left).spec_uri}
    leave_outputs(ready, experiment, [GOOD])
    alone = replace(child(experiment, 0), id=experiment.job_id or "")
    ready.end_job.on_job_ended(spec_uri(ready.catalog.run("shops", left)), alone, None)
    assert experiment_of(ready).state == "FINISHED"
    assert ready.ledger.budget("shops", MONTH).reserved == 0


def test_equal_searches_are_one_experiment(ready: MemoryPlatform) -> None:
    first = run_experiment(ready)
    again = ready.experiment.run("shops", "user/bob")
    assert (again.state, again.experiment) == ("known", first)
    assert len(ready.compute.submissions) == 1


def test_where_every_trial_is_known_there_is_no_job_and_still_a_result(ready: MemoryPlatform) -> None:
    ready.apply_product(searching({"method": "grid", "space": {"rounds": [5]}}))
    train_now(ready)
    before = len(ready.compute.submissions)
    experiment = run_experiment(ready)
    assert (len(ready.compute.submissions), experiment.array) == (before, ())
    finished = ready.end_job.on_experiment_submitted("shops", experiment.id)
    assert (finished.state, finished.best_run, finished.cost_usd) == ("FINISHED", experiment.runs[0], 0)
    assert finished.model_version == 1


def test_a_run_of_another_submission_is_waited_for(ready: MemoryPlatform) -> None:
    # Given the product's own run under way, which is one of the trials
    own = ready.train.consider("shops").run
    assert own is not None
    experiment = run_experiment(ready)
    leave_outputs(ready, experiment, MODELS[1:])
    # When all trials of the array have ended, and then that run
    assert end_all(ready).state == "SUBMITTED"
    TrainedRun(ready, own, FAIR).write()
    ready.end_job.on_job_ended(spec_uri(own), job(own), None)
    # Then the experiment is finished
    assert experiment_of(ready).state == "FINISHED"


def test_a_run_of_another_submission_is_a_row_with_its_metrics(ready: MemoryPlatform) -> None:
    # Given the product's own run, whose record has no metrics, as the best of the trials
    train_now(ready)
    experiment = run_experiment(ready)
    assert ready.catalog.run("shops", experiment.runs[0]).metrics is None
    leave_outputs(ready, experiment, [BLIND, BLIND, BLIND])
    # When the experiment has ended
    end_all(ready)
    # Then the table shows what it is the best by
    best, *others = shown(ready)
    assert (best["best"], best["computed_here"]) == (True, False)
    assert best["metrics"]["auc"] > max(row["metrics"]["auc"] for row in others)


def test_a_trial_is_not_submitted_by_the_products_own_training(ready: MemoryPlatform) -> None:
    run_experiment(ready)
    ready.clock.advance(REDELIVERY_SECONDS)
    assert ready.train.consider("shops").state == "known"
    assert len(ready.compute.submissions) == 1


def test_an_exhausted_budget_refuses_all_of_it_and_a_raised_one_lets_it_through(
    ready: MemoryPlatform,
) -> None:
    # Given money for three of the four
    ready.apply_product(searching(budget_usd_per_month=3.5 * EACH))
    outcome = ready.experiment.run("shops", "user/alice")
    assert outcome.state == "refused"
    assert "USD left in 2030-01, 0.16 needed" in outcome.reason
    assert ready.compute.submissions == ()
    assert {run.state for run in trials(ready)} == {"REFUSED"}
    assert ready.ledger.budget("shops", MONTH).reserved == 0
    assert ready.bus.of_type("TrainingRefused")[-1].detail["experiment"] == experiment_of(ready).id
    # When the budget is raised
    ready.apply_product(searching(budget_usd_per_month=4.5 * EACH))
    # Then the same experiment is submitted
    assert ready.experiment.run("shops", "user/alice").state == "submitted"
    assert experiment_of(ready).attempt == 2
    assert ready.ledger.budget("shops", MONTH).reserved == pytest.approx(4 * EACH, abs=1e-6)


def test_a_class_without_a_price_or_not_deployed_is_refused(ready: MemoryPlatform) -> None:
    unpriced = replace(ready.experiment, training=replace(ready.train, prices=PriceTable({})))
    outcome = unpriced.run("shops", "user/alice")
    assert (outcome.state, "no price" in outcome.reason) == ("refused", True)
    bare = replace(ready.train, compute=MemoryBatchCompute(deployed=(), faults=ready.faults))
    outcome = replace(ready.experiment, training=bare).run("shops", "user/alice")
    assert (outcome.state, "'cpu' is not deployed" in outcome.reason) == ("refused", True)
    assert ready.ledger.budget("shops", MONTH).reserved == 0
    assert ready.experiment.run("shops", "user/alice").state == "submitted"


def test_multi_node_jobs_cannot_be_searched() -> None:
    from headgate.domain.product import Product

    with pytest.raises(InvalidRequest, match="training.search: the compute class gpu-multi-node"):
        Product.from_document(searching(compute_class="gpu-multi-node"))


def test_a_crash_at_any_side_effect_of_the_submission_is_healed(ready: MemoryPlatform) -> None:
    for platform, crash in after_every_crash(ready, lambda p: p.experiment.run("shops", "user/alice")):
        experiment = experiment_of(platform)
        assert experiment.state == "SUBMITTED", crash
        lost = crash.startswith(("after batch.submit", "before catalog.update_experiment"))
        assert len(platform.compute.submissions) == (2 if lost else 1), crash
        assert experiment.job_id == platform.compute.submissions[-1].job_id, crash
        assert {run.state for run in trials(platform)} == {"SUBMITTED"}, crash
        held = platform.ledger.budget("shops", MONTH).reserved
        assert held == pytest.approx(4 * EACH, abs=1e-6), crash
        assert platform.bus.of_type("ExperimentSubmitted"), crash


def test_an_experiment_that_another_worker_is_submitting_is_left_to_it(ready: MemoryPlatform) -> None:
    ready.faults.fail_at("ledger.reserve", 1, "before", Throttled("slow down"))
    with pytest.raises(Throttled):
        ready.experiment.run("shops", "user/alice")
    with pytest.raises(Conflict, match="being submitted by another worker"):
        ready.experiment.run("shops", "user/alice")
    assert ready.compute.submissions == ()


# --- the ends of trials


def test_a_trial_that_ends_is_settled_and_not_registered(submitted: MemoryPlatform) -> None:
    told = end(submitted, experiment_of(submitted), 2)
    assert told.state == "succeeded"
    run = trials(submitted)[2]
    assert (run.state, run.seconds, run.model_version) == ("SUCCEEDED", 36.0, None)
    assert run.cost_usd == pytest.approx(0.23304 / 100)
    assert run.metrics == {"auc": 1.0, "log_loss": 0.0}
    (line,) = submitted.bus.of_type("CostIncurred")
    assert (line.detail["run"], line.detail["quantity"]) == (run.digest, 36.0)
    assert submitted.catalog.latest_version("buys") == 0
    assert experiment_of(submitted).state == "SUBMITTED"


def test_the_last_end_finishes_the_experiment(submitted: MemoryPlatform) -> None:
    finished = end_all(submitted)
    assert finished.state == "FINISHED"
    assert finished.best_run == finished.runs[2]
    assert (finished.seconds, finished.cost_usd) == (144.0, pytest.approx(4 * 0.23304 / 100))
    budget = submitted.ledger.budget("shops", MONTH)
    assert (budget.reserved, budget.spent) == (0, pytest.approx(finished.cost_usd, abs=1e-6))
    (event,) = submitted.bus.of_type("ExperimentFinished")
    assert event.detail["best_run"] == finished.best_run
    assert event.detail["trials"] == {"REGISTERED": 1, "SUCCEEDED": 3}


def test_the_results_have_a_row_and_a_learning_curve_for_each_trial(submitted: MemoryPlatform) -> None:
    finished = end_all(submitted)
    results = json.loads(submitted.models.get(f"shops/experiments/{finished.id}/results.json"))
    assert [row["params"]["rounds"] for row in results["trials"]] == [5, 6, 7, 8]
    assert [row["best"] for row in results["trials"]] == [False, False, True, False]
    assert [row["state"] for row in results["trials"]] == [
        "SUCCEEDED",
        "SUCCEEDED",
        "REGISTERED",
        "SUCCEEDED",
    ]
    assert results["trials"][2]["learning_curve"][-1] == {"iteration": 5, "auc": 1.0}
    assert all(set(row["digests"]) == {"data", "code", "config", "environment"} for row in results["trials"])


def test_the_lineage_leads_from_the_experiment_to_the_features(submitted: MemoryPlatform) -> None:
    finished = end_all(submitted)
    for event in submitted.bus.of_type("LineageRecorded"):
        submitted.record.record(event)
    runs = submitted.ledger.upstream(f"experiment/shops/{finished.id}")
    assert {edge.upstream for edge in runs} == {f"run/shops/{run}" for run in finished.runs}
    head = submitted.catalog.feature_head("shops", "visit")
    assert head is not None
    for run in finished.runs:
        (edge,) = submitted.ledger.upstream(f"run/shops/{run}")
        assert edge.upstream == f"features/shops/visit/{head.digest}"


def state_of(platform: MemoryPlatform) -> object:
    """What is kept in the end, however it was told; only when each thing was written may differ."""
    costs = {e.id: e.detail["usd"] for e in platform.bus.of_type("CostIncurred")}
    runs = [replace(run, model_version=None) for run in trials(platform)]
    return experiment_of(platform), runs, costs, platform.ledger.budget("shops", MONTH)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=st.lists(st.integers(-1, 3), min_size=4, max_size=12))
def test_repeated_and_reordered_ends_change_nothing(submitted: MemoryPlatform, told: Sequence[int]) -> None:
    # Given ends that are told in any order, some twice, with the array's own among them
    platform, plain = submitted.fork(), submitted.fork()
    end_all(plain)
    # When those that were never told are told at last
    for index in [*told, *(n for n in range(4) if n not in told)]:
        if index < 0:
            end_array(platform, experiment_of(platform))
        else:
            end(platform, experiment_of(platform), index)
    # Then it is as if each had been told once, in order
    assert state_of(platform) == state_of(plain)
    assert platform.catalog.latest_version("buys") == 1


def test_a_crash_at_any_side_effect_of_the_last_end_is_healed(submitted: MemoryPlatform) -> None:
    for index in range(3):
        end(submitted, experiment_of(submitted), index)
    submitted.faults.clear()
    expected = submitted.fork()
    end(expected, experiment_of(expected), 3)
    for platform, crash in after_every_crash(submitted, lambda p: end(p, experiment_of(p), 3)):
        assert state_of(platform) == state_of(expected), crash
        assert platform.catalog.latest_version("buys") == 1, crash
        assert platform.bus.of_type("ExperimentFinished"), crash


def test_a_failed_trial_is_a_row_and_holds_back_no_other(submitted: MemoryPlatform) -> None:
    experiment = experiment_of(submitted)
    end(submitted, experiment, 2, state="FAILED", seconds=12)
    for index in (0, 1, 3):
        end(submitted, experiment, index)
    finished = experiment_of(submitted)
    assert (finished.state, finished.best_run) == ("FINISHED", finished.runs[1])
    assert [run.state for run in trials(submitted)][2] == "FAILED"
    assert submitted.bus.of_type("TrainingFailed")[0].detail["experiment"] == experiment.id
    assert finished.seconds == 3 * 36 + 12


def test_an_experiment_of_failed_trials_alone_has_failed_and_is_paid(submitted: MemoryPlatform) -> None:
    experiment = experiment_of(submitted)
    for index in range(4):
        end(submitted, experiment, index, state="FAILED")
    finished = experiment_of(submitted)
    assert (finished.state, finished.best_run) == ("FAILED", None)
    assert "no trial has a auc; exit code 1" in (finished.reason or "")
    assert submitted.ledger.budget("shops", MONTH).reserved == 0


def test_a_trial_without_outputs_has_failed(ready: MemoryPlatform) -> None:
    experiment = run_experiment(ready)
    end(ready, experiment, 0)
    assert trials(ready)[0].state == "FAILED"
    assert "outputs cannot be used" in (trials(ready)[0].reason or "")


def test_a_second_array_for_a_lost_answer_is_paid_and_changes_no_result(submitted: MemoryPlatform) -> None:
    # Given a trial that has ended, and a second job of it, for the answer to the first was lost
    experiment = experiment_of(submitted)
    end(submitted, experiment, 2)
    before = trials(submitted)[2]
    # When that ends too
    second = replace(child(experiment, 2, seconds=7), id="job-0002:2")
    submitted.end_job.on_job_ended(trials_uri(experiment), second, 2)
    # Then the first stands, and both were paid for
    assert trials(submitted)[2] == before
    costs = submitted.bus.of_type("CostIncurred")
    assert sorted(event.detail["quantity"] for event in costs) == [7.0, 36.0]


def test_a_repeated_submission_keeps_the_indices_its_jobs_may_know(ready: MemoryPlatform) -> None:
    # Given an array whose answer was lost, and of which a trial has failed since
    ready.faults.fail_at("batch.submit", 1, "after")
    with pytest.raises(Crash):
        ready.experiment.run("shops", "user/alice")
    ready.faults.clear()
    before = experiment_of(ready)
    end(ready, replace(before, job_id="job-0001"), 0, state="FAILED")
    # When the submission is repeated
    ready.clock.advance(REDELIVERY_SECONDS)
    assert ready.experiment.run("shops", "user/alice").state == "submitted"
    # Then the array is the same
    assert experiment_of(ready).array == before.array
    assert ready.compute.submissions[-1].array_size == 4


def test_an_index_that_is_none_of_its_is_refused(submitted: MemoryPlatform) -> None:
    experiment = experiment_of(submitted)
    with pytest.raises(InvalidRequest, match="has 4 jobs, none at 4"):
        submitted.end_job.on_job_ended(trials_uri(experiment), child(experiment, 0), 4)


# --- the best against the champion


def test_the_first_champion_must_beat_the_best_baseline_beyond_chance(submitted: MemoryPlatform) -> None:
    finished = end_all(submitted)
    assert finished.significance is not None
    assert finished.significance["against"] in ("baseline by_shop", "baseline constant")
    assert 0 < finished.significance["low"] <= finished.significance["value"] <= 0.6
    assert (finished.model_version, finished.reason) == (1, None)
    assert submitted.catalog.alias("buys", CHAMPION) == 1


@pytest.mark.parametrize(
    ("champion", "best", "challenges"), [(BLIND, GOOD, True), (FAIR, FAIR, False), (GOOD, FAIR, False)]
)
def test_only_what_is_better_than_the_champion_beyond_chance_may_challenge(
    prepared_platform: MemoryPlatform, champion: LogisticModel, best: LogisticModel, challenges: bool
) -> None:
    # Given a champion of the product's own training, and trials with other parameters
    platform = prepared_platform.fork()
    lax = {"min_auc": 0.0, "min_lift_over_baseline": -1.0, "max_auc": 1.0}
    platform.apply_product(searching({"method": "grid", "space": {"rounds": [6, 7]}}, gates=lax))
    train_now(platform, champion)
    assert platform.catalog.alias("buys", CHAMPION) == 1
    # When the experiment ends
    leave_outputs(platform, run_experiment(platform), [BLIND, best])
    finished = end_all(platform)
    # Then its best is version 2, and has an alias only where the interval is above 0
    assert finished.significance is not None
    assert (finished.significance["against"], finished.model_version) == ("buys/1", 2)
    assert (finished.significance["low"] > 0) is challenges
    aliases = [platform.catalog.alias("buys", alias) for alias in (CHAMPION, CHALLENGER)]
    assert aliases == ([2, None] if challenges else [1, None])
    assert ("not better than buys/1 beyond chance" in (finished.reason or "")) is not challenges


def test_a_champion_that_was_judged_on_other_rows_does_not_compare(
    prepared_platform: MemoryPlatform,
) -> None:
    platform = prepared_platform.fork()
    platform.apply_product(searching())
    train_now(platform, FAIR)
    other = {"train": ["2024-01-01", "2024-01-31"], "holdout": ["2024-01-31", "2024-03-01"]}
    platform.apply_product(searching(split=other))
    leave_outputs(platform, run_experiment(platform))
    finished = end_all(platform)
    assert finished.significance is not None
    assert finished.significance["reason"] == "they do not compare: version 1 was judged on other rows"
    assert finished.state == "FINISHED"
    assert "may not challenge buys/1" in (finished.reason or "")
    assert platform.catalog.alias("buys", CHAMPION) == 1


def test_a_champion_is_compared_on_the_rows_that_both_were_judged_on(
    prepared_platform: MemoryPlatform,
) -> None:
    # Given a champion whose held-out rows are more than those of the search
    platform = prepared_platform.fork()
    platform.apply_product(searching())
    train_now(platform, FAIR)
    shorter = {"train": ["2024-01-01", "2024-02-01"], "holdout": ["2024-02-01", "2024-02-20"]}
    platform.apply_product(searching(split=shorter))
    leave_outputs(platform, run_experiment(platform))
    finished = end_all(platform)
    assert finished.significance is not None
    assert finished.significance["against"] == "buys/1"
    assert finished.significance["low"] > 0


def test_a_best_trial_that_fails_its_gates_is_not_registered(prepared_platform: MemoryPlatform) -> None:
    platform = prepared_platform.fork()
    platform.apply_product(searching(gates={"min_auc": 0.6, "min_lift_over_baseline": 0.01, "max_auc": 0.9}))
    leave_outputs(platform, run_experiment(platform))
    finished = end_all(platform)
    assert (finished.state, finished.model_version) == ("FINISHED", None)
    assert finished.reason is not None
    assert finished.reason.startswith("not registered: max_auc: 1 is not <= 0.9 (AUC of single features: ")


def test_a_metric_that_is_better_where_it_is_less_picks_the_least(prepared_platform: MemoryPlatform) -> None:
    platform = prepared_platform.fork()
    platform.apply_product(searching({**SEARCH, "metric": "log_loss"}))
    leave_outputs(platform, run_experiment(platform))
    finished = end_all(platform)
    assert (finished.best_run, finished.direction) == (finished.runs[2], "min")


def test_a_product_that_declares_no_search_waits(prepared_platform: MemoryPlatform, tmp_path: Path) -> None:
    platform = prepared_platform.fork()
    assert platform.experiment.run("shops", "user/alice").reason == "product shops declares no search"
    empty = MemoryPlatform(tmp_path)
    empty.apply_product(searching())
    outcome = empty.experiment.run("shops", "user/alice")
    assert (outcome.state, outcome.reason) == ("waiting", "no version yet of feature set visit")
