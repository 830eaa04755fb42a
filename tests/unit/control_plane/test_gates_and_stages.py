"""The PoC gate judges what was measured; a stage is left only on its fresh, passing evidence."""

from typing import Any, cast

import pytest
from headgate.domain.errors import AccessDenied, Conflict, InvalidRequest, PreconditionFailed
from headgate.domain.model import AliasMove
from headgate.domain.product import Criterion, GateEvidence
from headgate.domain.reproduction import Against, Reproduction
from headgate.domain.reproduction_verdict import State, Verdict, impossible
from headgate.services.governance.change_stage import StageChange

from tests.unit.control_plane.world import ALICE, BOB, POLICY, World, bundle, metrics, model_version

DAY = 24 * 3600.0


def _check(world: World, stage: str = "poc") -> GateEvidence:
    return world.plane.check_gate.check(ALICE, "flights", stage)


def _change(world: World, to_stage: str = "prototype") -> StageChange:
    return world.plane.change_stage.change(ALICE, "flights", to_stage)


def _stage(world: World) -> str:
    return world.catalog.product("flights").stage


def _judged(world: World, measured: dict[str, Any]) -> dict[str, bool]:
    """What each criterion says of a champion with these metrics."""
    version = world.catalog.latest_version("late_arrival") + 1
    world.catalog.add_model(model_version(version, metrics=measured))
    move = AliasMove("late_arrival", "champion", 1, version, "user/alice", "", "2030-01-02T00:00:00.000Z")
    world.catalog.move_alias(move)
    return {criterion.name: criterion.passed for criterion in _check(world).criteria}


def test_a_product_with_skill_passes_and_the_evidence_is_kept(lived: World) -> None:
    evidence = _check(lived)

    assert evidence.passed
    assert lived.catalog.evidence("flights") == [evidence]
    assert evidence.spec == lived.catalog.product("flights").spec
    assert (evidence.checked_by, evidence.checked_at) == ("user/alice", "2030-01-01T00:00:00.000Z")
    numbers = evidence.evidence
    assert numbers["verdict"] == "forecastable"
    assert numbers["skill"]["value"] == pytest.approx(0.09)
    # 2 versions of 2.5 MB in 0.5 s each
    assert numbers["ingestion"][0]["megabytes_per_second"] == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("measured", "failing"),
    [
        (metrics(low=0.0), {"skill_over_baseline", "forecastable"}),
        (metrics(low=-0.01), {"skill_over_baseline", "forecastable"}),
        (metrics(auc=0.97), {"forecastable"}),
        (metrics(baselines={"constant": 0.5}), {"baselines_computed", "skill_over_baseline"}),
        (metrics(baselines={"carrier_hour": 0.63}), {"baselines_computed"}),
        # an interval against a weaker baseline than the best proves nothing
        (
            metrics(baselines={"constant": 0.5, "carrier_hour": 0.63, "schedule": 0.7}),
            {"skill_over_baseline"},
        ),
        (metrics(skill=None), {"baselines_computed", "skill_over_baseline", "forecastable"}),
        ({}, {"baselines_computed", "skill_over_baseline", "forecastable"}),
    ],
)
def test_each_criterion_fails_by_its_own_number(
    measured: dict[str, Any], failing: set[str], lived: World
) -> None:
    judged = _judged(lived, measured)

    assert {name for name, passed in judged.items() if not passed} == failing


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [
        (metrics(), "forecastable"),
        (metrics(low=-0.01), "undecided"),
        (metrics(skill={"low": -0.2, "high": -0.1, "against": "carrier_hour"}), "not forecastable"),
        (metrics(auc=0.97), "suspected leak"),
    ],
)
def test_the_verdict_tells_leaks_and_doubt_apart(
    measured: dict[str, Any], verdict: str, lived: World
) -> None:
    _judged(lived, measured)

    assert lived.catalog.evidence("flights")[0].evidence["verdict"] == verdict


def test_the_newest_version_is_judged_while_there_is_no_champion(world: World) -> None:
    world.apply()
    world.catalog.add_model(model_version(1))

    assert _check(world).evidence["skill"]["version"] == 1


def test_a_product_of_which_nothing_is_known_does_not_pass(world: World) -> None:
    world.apply()

    evidence = _check(world)

    assert not evidence.passed
    assert not any(criterion.passed for criterion in evidence.criteria)
    assert "not measured: flights" in next(
        c.found for c in evidence.criteria if c.name == "ingestion_measured"
    )


def test_a_product_that_trains_nothing_does_not_pass(world: World) -> None:
    world.apply(training=None)

    assert not _check(world).passed


@pytest.mark.parametrize("stage", ["prototype", "mvp"])
def test_a_gate_that_cannot_be_checked_yet_does_not_pass(stage: str, lived: World) -> None:
    evidence = _check(lived, stage)

    assert not evidence.passed
    assert evidence.criteria
    unchecked = [c for c in evidence.criteria if c.name != "model_reproduced"]
    assert unchecked and all("cannot be checked yet" in c.found and c.needed for c in unchecked)


def test_an_unknown_gate_is_refused(lived: World) -> None:
    with pytest.raises(InvalidRequest, match="stages are poc, prototype, mvp"):
        _check(lived, "production")


def test_checking_a_gate_needs_its_grant(lived: World) -> None:
    with pytest.raises(AccessDenied):
        lived.plane.check_gate.check(BOB, "flights", "poc")

    assert lived.catalog.evidence("flights") == []


def test_a_stage_is_left_on_its_evidence(lived: World) -> None:
    _check(lived)

    change = _change(lived)

    assert (change.from_stage, change.to_stage, change.changed) == ("poc", "prototype", True)
    assert _stage(lived) == "prototype"
    (fact,) = lived.facts("StageChanged")
    assert fact.detail == {"from_stage": "poc", "to_stage": "prototype", "principal": "user/alice"}


def test_a_stage_is_not_left_without_a_check(lived: World) -> None:
    with pytest.raises(PreconditionFailed, match="the poc gate was never checked"):
        _change(lived)

    assert _stage(lived) == "poc"
    assert lived.facts("StageChanged") == ()


def test_a_stage_is_not_left_on_a_failed_check(world: World) -> None:
    world.apply()
    _check(world)

    with pytest.raises(PreconditionFailed, match="did not pass .*baselines_computed: no model version"):
        _change(world)


def test_evidence_counts_for_seven_days(lived: World) -> None:
    _check(lived)
    lived.clock.advance(7 * DAY + 1)
    with pytest.raises(PreconditionFailed, match="7 days ago; evidence counts for 7 days"):
        _change(lived)

    _check(lived)
    lived.clock.advance(7 * DAY)
    assert _change(lived).changed


def test_evidence_is_of_one_bundle(lived: World) -> None:
    _check(lived)
    lived.apply(title="Another")

    with pytest.raises(PreconditionFailed, match="another bundle"):
        _change(lived)


def test_no_stage_is_skipped(lived: World) -> None:
    _check(lived)

    with pytest.raises(PreconditionFailed, match="the next stage is prototype"):
        _change(lived, "mvp")


def test_the_way_back_needs_no_evidence(lived: World) -> None:
    _check(lived)
    _change(lived)

    assert _change(lived, "poc").changed
    assert _stage(lived) == "poc"


def test_the_stage_it_is_in_is_no_change(lived: World) -> None:
    assert not _change(lived, "poc").changed
    assert lived.facts("StageChanged") == ()


def _with_gate_condition() -> dict[str, Any]:
    engineers = POLICY["Statement"][0]
    gated = {
        "Sid": "StageFollowsEvidence",
        "Effect": "Deny",
        "Action": "headgate:ChangeStage",
        "Condition": {"Bool": {"headgate:GatePassed": "false"}},
    }
    return {**POLICY, "Statement": [engineers, engineers | gated]}


def test_a_policy_may_ask_for_the_gate_and_the_refusal_says_what_is_missing(lived: World) -> None:
    # Given a policy that refuses stage changes while the gate is not passed
    lived.apply(policy=_with_gate_condition())

    # When the gate was never checked, the refusal names statement and gap
    with pytest.raises(AccessDenied, match="the poc gate was never checked") as denied:
        _change(lived)
    assert denied.value.statement == "flights#StageFollowsEvidence"

    # And once it passed, the change goes through, until the evidence is stale
    _check(lived)
    lived.clock.advance(8 * DAY)
    with pytest.raises(AccessDenied, match="8 days ago"):
        _change(lived)
    _check(lived)
    assert _change(lived).changed


def test_of_two_changes_at_once_one_is_told_of_the_conflict(lived: World) -> None:
    _check(lived)
    lived.faults.clear()
    lived.faults.fail_at("catalog.change_stage", error=Conflict("in stage prototype by now"))

    with pytest.raises(Conflict):
        _change(lived)

    assert lived.facts("StageChanged") == ()


def test_a_declared_stage_is_only_where_a_product_starts(world: World) -> None:
    world.apply(stage="prototype")
    assert _stage(world) == "prototype"

    world.plane.apply_product.apply(ALICE, "flights", bundle(stage="mvp"))
    assert _stage(world) == "prototype"


def _made_again(world: World, state: str, name: str, against: Against = "recorded") -> None:
    """The champion, version 1, was made again."""
    record = Reproduction(
        *("flights", f"v1-2030010100000{name}", "late_arrival", 1, against, "5" * 64),
        *("user/alice", "2030-01-01T00:00:00.000Z"),
    )
    found = impossible(["gone"]) if state == "cannot be reproduced" else Verdict(cast(State, state))
    world.catalog.add_reproduction(record.judged(found, "2030-01-01T00:10:00.000Z"))


def _reproduced(world: World) -> Criterion:
    (found,) = (c for c in _check(world, "mvp").criteria if c.name == "model_reproduced")
    return found


@pytest.mark.parametrize(
    ("state", "passes"),
    [("identical", True), ("within tolerance", True), ("differs", False), ("cannot be reproduced", False)],
)
def test_the_mvp_gate_asks_that_the_live_model_was_made_again(lived: World, state: str, passes: bool) -> None:
    assert _reproduced(lived).found == "version 1 was never made again"

    _made_again(lived, state, "1")

    assert (_reproduced(lived).passed, _reproduced(lived).found) == (
        passes,
        f"version 1: {state} (v1-20300101000001)",
    )


def test_the_newest_verdict_of_what_was_recorded_counts(lived: World) -> None:
    _made_again(lived, "identical", "1")
    _made_again(lived, "differs", "2")
    _made_again(lived, "identical", "3", "declared")

    assert not _reproduced(lived).passed
