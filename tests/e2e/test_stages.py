"""A product climbs a stage on evidence alone: refused without it, and with evidence that does not suffice."""

from __future__ import annotations

import pytest
from headgate.cli.failures import ApiRefused
from headgate.domain import events

from tests.e2e import shops
from tests.e2e.event_tap import EventTap
from tests.e2e.stack import Stack
from tests.e2e.story import Story
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.emulator


def test_a_stage_is_climbed_on_evidence_alone(trained: Story, stack: Stack, tap: EventTap) -> None:
    alice = stack.api("alice")

    # Given no evidence, then evidence that lacks a dataset: refused, saying what is missing.
    assert _refusal(stack) == (409, "PreconditionFailed", "the poc gate was never checked")
    early = alice.check_gate(shops.PRODUCT, "poc")
    assert not early["passed"]
    assert [c["name"] for c in early["criteria"] if not c["passed"]] == ["ingestion_measured"]
    status, kind, told = _refusal(stack)
    assert (status, kind) == (409, "PreconditionFailed")
    assert "ingestion_measured" in told
    assert "prices" in told
    assert alice.product(shops.PRODUCT)["stage"] == "poc"

    # When what is missing arrives and the gate is checked again
    stack.drop(f"{shops.PRODUCT}/prices/prices.csv", shops.prices_csv())
    eventually("prices", lambda: alice.dataset_versions(shops.PRODUCT, "prices")["versions"])
    evidence = alice.check_gate(shops.PRODUCT, "poc")

    # Then the evidence is kept, and the stage moves.
    assert evidence["passed"], evidence["criteria"]
    assert evidence["evidence"]["verdict"] == "forecastable"
    assert evidence["evidence"]["skill"]["auc"] == trained.model["metrics"]["auc"]
    assert evidence["evidence"]["skill"]["low"] > 0
    assert {each["dataset"] for each in evidence["evidence"]["ingestion"]} == {"visits", "sensor", "prices"}
    assert alice.gates(shops.PRODUCT)["gates"] == [evidence]
    change = alice.set_stage(shops.PRODUCT, "prototype")
    assert (change["from_stage"], change["to_stage"], change["changed"]) == ("poc", "prototype", True)
    assert alice.product(shops.PRODUCT)["stage"] == "prototype"
    heard = tap.wait(events.STAGE_CHANGED, shops.PRODUCT, seconds=15)
    assert heard[0].detail == {"from_stage": "poc", "to_stage": "prototype", "principal": "user/alice"}


def test_a_person_without_the_right_changes_no_stage(trained: Story, stack: Stack) -> None:
    bob = stack.api("bob")

    for act in (bob.set_stage, bob.check_gate):
        with pytest.raises(ApiRefused) as refused:
            act(shops.PRODUCT, "poc")
        assert (refused.value.code, refused.value.statement) == (403, None)


def _refusal(stack: Stack) -> tuple[int, str | None, str]:
    """Status, type, and the reason after the product's name."""
    with pytest.raises(ApiRefused) as refused:
        stack.api("alice").set_stage(shops.PRODUCT, "prototype")
    return refused.value.code, refused.value.kind, str(refused.value).partition(": ")[2]
