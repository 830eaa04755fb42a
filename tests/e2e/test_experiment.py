"""A search on the deployed platform: one array job, its results over HTTP, money, repeats, and a stop."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from headgate.cli.client import ApiRefused

from tests.e2e import shops
from tests.e2e.stack import Document, Stack
from tests.e2e.story import features_of_training_months
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.emulator
PRODUCT, MODEL = "stalls", "stalls_buy"
ROUNDS = (5, 10, 20)
SECONDS = 180.0


def bundle() -> Document:
    """As a person applies it: nothing trains by itself, and a search of three settings is declared."""
    document: dict[str, Any] = json.loads(json.dumps(shops.bundle()).replace("shops", PRODUCT))
    document["training"] |= {
        "model": MODEL,
        "budget_usd_per_month": 5.0,
        "triggers": {"feature_version": False},
        "search": {"method": "grid", "space": {"rounds": list(ROUNDS)}},
    }
    return document


@pytest.fixture(scope="module")
def searched(stack: Stack) -> Iterator[Document]:
    """The experiment, ended."""
    alice = stack.api("alice")
    alice.apply_product(PRODUCT, bundle())
    features_of_training_months(stack, PRODUCT, SECONDS)
    asked = alice.call("POST", f"/products/{PRODUCT}/experiments", {"reason": "how many rounds"})
    assert (asked["trials"], asked["purpose"]) == (3, "how many rounds")
    yield eventually("an experiment that has ended", lambda: ended(stack), SECONDS)


def ended(stack: Stack) -> Document | None:
    found = stack.api("alice").get(f"/products/{PRODUCT}/experiments")["experiments"]
    return next((each for each in found if each["state"] in ("FINISHED", "FAILED", "REFUSED")), None)


def under_way(stack: Stack) -> Document | None:
    runs = stack.api("alice").runs(PRODUCT)["runs"]
    return next((run for run in runs if run["job_id"] and run["state"] == "SUBMITTED"), None)


def test_three_trials_are_one_array_job(searched: Document, stack: Stack) -> None:
    batch = stack.client("batch", stack.state.operator)
    job = batch.describe_jobs(jobs=[searched["job_id"]])["jobs"][0]
    children = batch.describe_jobs(jobs=[f"{job['jobId']}:{n}" for n in range(3)])["jobs"]

    assert (job["status"], job["arrayProperties"]["size"]) == ("SUCCEEDED", 3)
    assert [child["container"]["exitCode"] for child in children] == [0, 0, 0]
    seconds = sum((a["stoppedAt"] - a["startedAt"]) / 1000 for c in children for a in c["attempts"])
    assert searched["seconds"] == pytest.approx(seconds)


def test_the_results_are_a_row_for_each_setting(searched: Document, stack: Stack) -> None:
    shown = stack.api("alice").get(f"/products/{PRODUCT}/experiments/{searched['id']}")

    assert searched["state"] == "FINISHED", searched["reason"]
    assert [trial["params"]["rounds"] for trial in shown["trials"]] == list(ROUNDS)
    aucs = {trial["run"]: trial["metrics"]["auc"] for trial in shown["trials"]}
    assert aucs[shown["best_run"]] == max(aucs.values())
    assert len({trial["digests"]["config"] for trial in shown["trials"]}) == 3
    assert len({trial["digests"]["data"] for trial in shown["trials"]}) == 1


def test_the_best_is_better_than_the_baseline_beyond_chance_and_champion(
    searched: Document, stack: Stack
) -> None:
    assert searched["significance"]["against"].startswith("baseline ")
    assert searched["significance"]["low"] > 0
    listing = stack.api("alice").models(PRODUCT)
    assert listing["aliases"]["champion"] == searched["model_version"] == 1
    assert listing["models"][0]["run"] == searched["best_run"]


def test_all_of_it_is_paid_from_one_reservation(searched: Document, stack: Stack) -> None:
    budget = stack.api("alice").get(f"/products/{PRODUCT}/budget")

    assert (budget["limit"], budget["reserved"]) == (5.0, 0.0)
    assert budget["spent"] == pytest.approx(searched["cost_usd"], abs=1e-5)
    lines = stack.api("alice").get(f"/products/{PRODUCT}/costs")["costs"]
    runs = [line["run"] for line in lines if line["kind"] == "training"]
    assert sorted(runs) == sorted(searched["runs"])


def test_what_is_known_is_not_computed_again(searched: Document, stack: Stack) -> None:
    # Given the product's own settings, which are one of the trials
    alice = stack.api("alice")
    before = alice.runs(PRODUCT)["runs"]
    # When its training and the same search are asked for again
    alice.call("POST", f"/products/{PRODUCT}/runs", {})
    alice.call("POST", f"/products/{PRODUCT}/experiments", {})
    stack.drained("Train", "Register")
    # Then there is no other run, and no other experiment
    assert [run["digest"] for run in alice.runs(PRODUCT)["runs"]] == [run["digest"] for run in before]
    assert len(alice.get(f"/products/{PRODUCT}/experiments")["experiments"]) == 1


def test_what_has_ended_cannot_be_stopped(searched: Document, stack: Stack) -> None:
    path = f"/products/{PRODUCT}/experiments/{searched['id']}/stop"
    with pytest.raises(ApiRefused, match="has ended: it is FINISHED"):
        stack.api("alice").call("POST", path, {"reason": "too late"})


def test_a_run_that_is_stopped_fails_with_the_reason_and_is_paid_until_then(
    searched: Document, stack: Stack
) -> None:
    # Given a run that takes long
    alice, document = stack.api("alice"), bundle()
    document["training"]["params"]["rounds"] = 200_000
    alice.apply_product(PRODUCT, document)
    alice.call("POST", f"/products/{PRODUCT}/runs", {})
    run = eventually("a run with a job", lambda: under_way(stack), SECONDS)
    # When it is stopped
    told = alice.call("POST", f"/products/{PRODUCT}/runs/{run['digest']}/stop", {"reason": "far too long"})
    # Then it fails, and says who stopped it and why
    assert told["job_id"] == run["job_id"]
    failed = eventually(
        "the stopped run",
        lambda: next((r for r in alice.runs(PRODUCT)["runs"] if r["state"] == "FAILED"), None),
        SECONDS,
    )
    assert "stopped by user/alice: far too long" in failed["reason"]
    assert alice.get(f"/products/{PRODUCT}/budget")["reserved"] == 0.0


def test_a_trial_s_own_log_is_read_by_its_run(searched: Document, stack: Stack) -> None:
    for run in searched["runs"]:
        page = stack.api("alice").get(f"/products/{PRODUCT}/runs/{run}/log")

        events = [json.loads(line["message"]) for line in page["lines"]]
        assert [each["run"] for each in events if each["event"] == "run_finished"] == [run]
