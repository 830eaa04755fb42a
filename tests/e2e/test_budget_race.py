"""Fifty submissions at once against money for one, over the platform's own tables, as the function that
submits and with no other rights than its role's.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from headgate_local.training_race import RIVALS, as_train, let_go

from tests.e2e import shops
from tests.e2e.stack import Document, Stack
from tests.e2e.story import features_of_training_months
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.emulator
PRODUCT = "racers"
ESTIMATE = 0.23304 * 600 / 3600
"""Ten minutes of the class cpu."""
LIMIT = round(1.5 * ESTIMATE, 6)
SECONDS = 180.0


def bundle() -> Document:
    """Nothing trains by itself, and there is money for one run."""
    document: dict[str, Any] = json.loads(json.dumps(shops.bundle()).replace("shops", PRODUCT))
    document["training"] |= {
        "model": "race",
        "timeout_seconds": 600,
        "budget_usd_per_month": LIMIT,
        "triggers": {"feature_version": False},
    }
    return document


def test_a_budget_for_one_lets_one_through_and_tells_the_others_why(stack: Stack) -> None:
    # Given features, and no run yet
    alice = stack.api("alice")
    alice.apply_product(PRODUCT, bundle())
    features_of_training_months(stack, PRODUCT, SECONDS)

    # When fifty runs, each another one, are submitted at once
    outcomes = let_go(PRODUCT, as_train(stack.administrator, stack.state))

    # Then one has a job, and the others hear what there was and what was needed
    assert len({each["seed"] for each in outcomes}) == len(outcomes) == RIVALS
    (accepted,) = [each for each in outcomes if each["state"] == "submitted"]
    refused = [each for each in outcomes if each["state"] == "refused"]
    assert len(refused) == RIVALS - 1
    assert all(f"of {LIMIT:.2f} USD left" in each["reason"] for each in refused), refused[0]

    # And the catalog, Batch and the ledger agree
    runs = alice.runs(PRODUCT)["runs"]
    assert [run["digest"] for run in runs if run["job_id"]] == [accepted["run"]]
    assert sum(run["state"] == "REFUSED" for run in runs) == RIVALS - 1
    ended = eventually("the run to end", lambda: ended_run(stack, accepted["run"]), SECONDS)
    budget = alice.get(f"/products/{PRODUCT}/budget")
    assert (budget["reserved"], ended["state"]) == (0.0, "REGISTERED")
    assert 0 < budget["spent"] < ESTIMATE


def ended_run(stack: Stack, digest: str) -> Document | None:
    run = stack.api("alice").get(f"/products/{PRODUCT}/runs/{digest}")
    return run if run["state"] in ("REGISTERED", "REFUSED", "FAILED") else None
