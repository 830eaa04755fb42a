"""The guard: every answer is published before anything is done, and says which statement decided."""

import pytest
from headgate.domain.errors import AccessDenied, StateUnknown
from headgate.domain.identity import Principal
from headgate.domain.policy import hrn

from tests.unit.control_plane.world import ALICE, BOB, MALLORY, POLICY, World

PRODUCT = hrn("flights", "product", "flights")
MODEL = hrn("flights", "model", "late_arrival", 2)


def test_an_allow_returns_the_decision_and_publishes_it(world: World) -> None:
    applied = world.apply()

    decision = world.guard.require(applied, ALICE, "headgate:PromoteModel", MODEL)

    assert decision.allowed
    assert world.decisions()[-1] == {
        "principal": "user/alice",
        "action": "headgate:PromoteModel",
        "resource": MODEL,
        "decision": "allow",
        "statement": "flights#EngineersOperate",
        "reason": "statement flights#EngineersOperate allows headgate:PromoteModel"
        f" on {MODEL} for user/alice",
    }


def test_a_deny_names_its_statement_and_publishes_it(world: World) -> None:
    applied = world.apply()

    with pytest.raises(AccessDenied, match="OnlyEngineersPromote") as denied:
        world.guard.require(applied, BOB, "headgate:PromoteModel", MODEL)

    assert denied.value.statement == "flights#OnlyEngineersPromote"
    assert world.decisions()[-1]["decision"] == "explicit_deny"


def test_a_missing_grant_is_told_and_published(world: World) -> None:
    applied = world.apply()

    with pytest.raises(AccessDenied, match="no statement allows headgate:ReadProduct") as denied:
        world.guard.require(applied, MALLORY, "headgate:ReadProduct", PRODUCT)

    assert denied.value.statement is None
    assert world.decisions()[-1]["decision"] == "implicit_deny"


def test_each_decision_has_an_id_of_its_own(world: World) -> None:
    applied = world.apply()
    for _ in range(2):
        world.guard.require(applied, ALICE, "headgate:ReadProduct", PRODUCT)

    ids = [event.id for event in world.facts("AccessDecided")]
    assert len(ids) == len(set(ids))


def test_an_explanation_has_no_effect(world: World) -> None:
    applied = world.apply()
    before = world.bus.events

    explanation = world.guard.explain(applied, BOB, "headgate:PromoteModel", MODEL)

    assert not explanation.decision.allowed
    assert explanation.outcomes
    assert world.bus.events == before


def test_what_cannot_be_published_is_not_allowed(world: World) -> None:
    applied = world.apply()
    world.faults.clear()
    world.faults.fail_at("bus.publish", error=StateUnknown("answer lost"))

    with pytest.raises(StateUnknown):
        world.guard.require(applied, ALICE, "headgate:PromoteModel", MODEL)


def _only_in(stage: str) -> dict[str, object]:
    statement = {**POLICY["Statement"][0], "Condition": {"StringEquals": {"headgate:Stage": stage}}}
    return {
        **POLICY,
        "Statement": [
            POLICY["Statement"][0] | {"Action": "headgate:ApplyProduct"},
            statement | {"Sid": "Staged"},
        ],
    }


@pytest.mark.parametrize(("stage", "allowed"), [("poc", True), ("mvp", False)])
def test_the_stage_of_the_product_is_a_condition_key(stage: str, allowed: bool, world: World) -> None:
    applied = world.apply(policy=_only_in(stage))

    assert world.guard.explain(applied, ALICE, "headgate:Infer", MODEL).decision.allowed is allowed


def test_no_context_replaces_the_stage(world: World) -> None:
    applied = world.apply(policy=_only_in("mvp"))

    for key in ("headgate:Stage", "headgate:stage"):
        explained = world.guard.explain(applied, ALICE, "headgate:Infer", MODEL, {key: "mvp"})
        assert not explained.decision.allowed


def test_the_tags_of_the_principal_are_condition_keys(world: World) -> None:
    tagged = POLICY["Statement"][0] | {
        "Sid": "OfTheTeam",
        "Condition": {"StringEquals": {"headgate:PrincipalTag/team": "flights"}},
    }
    applied = world.apply(policy={**POLICY, "Statement": [tagged]})
    stranger = Principal("user/zoe", ("ml-engineers",), {"team": "trains"})

    assert world.guard.explain(applied, ALICE, "headgate:Infer", MODEL).decision.allowed
    assert not world.guard.explain(applied, stranger, "headgate:Infer", MODEL).decision.allowed


def test_a_resource_of_another_product_is_never_decided_by_this_policy(world: World) -> None:
    applied = world.apply()

    with pytest.raises(ValueError, match="not decided by the policy of flights"):
        world.guard.require(applied, ALICE, "headgate:Infer", hrn("weather", "model", "rain"))


def test_a_new_bundle_brings_its_policy(world: World) -> None:
    # Given a scientist who may read
    applied = world.apply()
    assert world.guard.explain(applied, BOB, "headgate:ReadProduct", PRODUCT).decision.allowed

    # When a bundle without that statement is applied
    applied = world.apply(policy={**POLICY, "Statement": POLICY["Statement"][:1]})

    # Then the same guard refuses
    assert not world.guard.explain(applied, BOB, "headgate:ReadProduct", PRODUCT).decision.allowed
