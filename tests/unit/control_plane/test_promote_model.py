"""Moving aliases: governed, conditional, told once, kept forever."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from headgate.adapters.memory import ANY_EFFECT, Crash, MemorySigner
from headgate.domain.errors import AccessDenied, Conflict, InvalidRequest, NotFound, PreconditionFailed
from headgate.domain.model import AliasMove, GateResult
from headgate.domain.model_card import RunEvidence
from headgate.services.access import Guard
from headgate.services.models.model_documents import ModelDocuments
from headgate.services.models.promote_model import Expected, Promotion

from tests.unit.control_plane.world import ALICE, BOB, POLICY, World, lived_world, metrics, model_version


def _promote(world: World, version: int, principal: Any = ALICE, **wanted: Any) -> AliasMove:
    return world.plane.promote_model.promote(principal, "flights", Promotion(version, **wanted))


def _champion(world: World) -> int | None:
    return world.catalog.alias("late_arrival", "champion")


def test_the_alias_moves_and_the_move_is_told(lived: World) -> None:
    move = _promote(lived, 2, reason="better in October")

    assert (move.from_version, move.to_version) == (1, 2)
    assert _champion(lived) == 2
    (fact,) = lived.facts("AliasMoved")
    assert fact.detail == {
        "model": "late_arrival",
        "alias": "champion",
        "from_version": 1,
        "to_version": 2,
        "principal": "user/alice",
        "reason": "better in October",
    }


def test_an_alias_that_is_nowhere_yet_can_be_set(lived: World) -> None:
    move = _promote(lived, 2, alias="challenger", expected=Expected(None))

    assert move.from_version is None
    assert lived.catalog.alias("late_arrival", "challenger") == 2


@pytest.mark.parametrize("expected", [Expected(2), Expected(None)])
def test_an_alias_that_is_elsewhere_than_expected_stays(expected: Expected, lived: World) -> None:
    lived.register(model_version(3))

    with pytest.raises(Conflict, match="is at version 1"):
        _promote(lived, 3, expected=expected)

    assert _champion(lived) == 1


class _Rival:
    """The guard's clock: when policy has decided, and before anything is done, someone else promotes."""

    def __init__(self, world: World) -> None:
        self.world = world

    def now(self) -> Any:
        self.world.catalog.move_alias(
            AliasMove("late_arrival", "champion", 1, 2, "user/rival", "", "2030-01-01T00:00:00.000Z")
        )
        return self.world.clock.now()


def test_of_two_promotions_at_once_one_is_told_of_the_conflict(lived: World) -> None:
    # Given a rival who moves the alias between the decision and the move
    lived.register(model_version(3))
    guard = Guard(lived.bus, _Rival(lived), lived.new_id)
    late = replace(lived.plane.promote_model, guard=guard)

    # When the slower one moves it
    with pytest.raises(Conflict, match="not at 1, by now"):
        late.promote(ALICE, "flights", Promotion(3))

    # Then the rival's move stands, and the slower one's was never told
    assert _champion(lived) == 2
    assert lived.facts("AliasMoved") == ()


def test_the_same_promotion_again_returns_the_same_move(lived: World) -> None:
    first = _promote(lived, 2, reason="once")
    lived.clock.advance(60)

    again = _promote(lived, 2, reason="twice", expected=Expected(1))

    assert again == first
    assert len({event.id for event in lived.facts("AliasMoved")}) == 1
    assert len(lived.catalog.alias_moves("late_arrival", "champion")) == 2


def test_a_version_that_failed_a_gate_is_not_promoted(lived: World) -> None:
    failed = GateResult("min_auc", passed=False, value=0.5, comparison=">=", bound=0.65)
    lived.register(model_version(3, gates=(failed,)))

    with pytest.raises(PreconditionFailed, match=r"min_auc \(0.5 >= 0.65\)"):
        _promote(lived, 3)


def _put(name: str, body: bytes) -> Callable[[World], Any]:
    version = model_version(2)
    return lambda world: world.artifacts.put(world.document(version, name), body, "application/json")


def _other_bytes(world: World) -> None:
    world.artifacts.put(model_version(2).artifact_key, b"another model", "application/octet-stream")


def _signed_by_another(world: World) -> None:
    ModelDocuments(world.artifacts, MemorySigner(b"mine")).write(model_version(2), RunEvidence(spec={}))


def _registered_otherwise(world: World) -> None:
    ModelDocuments(world.artifacts, MemorySigner()).write(
        model_version(2, metrics=metrics(0.99)), RunEvidence(spec={})
    )


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (lambda world: world.unsign(model_version(2)), "signature: it was never signed"),
        (_other_bytes, "artifact: its sha256 is"),
        (_put("card.json", b"{}"), "card.json: its sha256 is"),
        (_put("signature.json", b"{}"), "signature: the statement is not the one that was signed"),
        (_signed_by_another, "signature: it is none by the key of this deployment"),
        (_registered_otherwise, "record: the catalog says something else"),
    ],
    ids=["never-signed", "artifact", "card", "signature", "key", "record"],
)
@pytest.mark.parametrize("alias", ["champion", "challenger"])
def test_a_version_that_is_not_what_was_signed_takes_no_alias(
    lived: World, tamper: Callable[[World], Any], said: str, alias: str
) -> None:
    tamper(lived)

    with pytest.raises(PreconditionFailed, match=f"late_arrival version 2 .*{said}"):
        _promote(lived, 2, alias=alias)

    assert (_champion(lived), lived.catalog.alias("late_arrival", "challenger")) == (1, None)
    assert lived.facts("AliasMoved") == ()


def test_policy_is_asked_before_a_version_is_verified(lived: World) -> None:
    lived.unsign(model_version(2))

    with pytest.raises(AccessDenied):
        _promote(lived, 2, BOB)


def test_a_champion_that_was_never_signed_is_left_where_it_is(lived: World) -> None:
    # Given a champion of the time before signatures
    lived.unsign(model_version(1))

    # Then another takes its place, and there is no way back to it
    assert _promote(lived, 2).from_version == 1
    with pytest.raises(PreconditionFailed, match="never signed"):
        _promote(lived, 1)
    assert _champion(lived) == 2


def test_an_unknown_alias_is_refused(lived: World) -> None:
    with pytest.raises(InvalidRequest, match="aliases are champion, challenger"):
        _promote(lived, 2, alias="winner")


def test_an_unknown_version_is_asked_of_policy_first(lived: World) -> None:
    with pytest.raises(AccessDenied):
        _promote(lived, 99, BOB)
    with pytest.raises(NotFound):
        _promote(lived, 99)


def test_a_version_of_another_product_is_not_the_products(lived: World) -> None:
    lived.register(model_version(3, product="trains"))

    with pytest.raises(NotFound, match="product flights has no version 3"):
        _promote(lived, 3)


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    engineers: dict[str, Any] = POLICY["Statement"][0]
    return {**POLICY, "Statement": [engineers, *(engineers | each for each in statements)]}


def test_back_is_a_rollback_to_policy(lived: World) -> None:
    # Given engineers who may promote, not roll back
    _promote(lived, 2)
    lived.apply(policy=_policy({"Sid": "NoWayBack", "Effect": "Deny", "Action": "headgate:RollbackModel"}))

    # When one moves the alias to an older version
    with pytest.raises(AccessDenied, match="NoWayBack"):
        _promote(lived, 1)

    # Then it stays
    assert _champion(lived) == 2


def test_metrics_and_alias_are_condition_keys(lived: World) -> None:
    low = {"NumericLessThan": {"headgate:Metric/auc": "0.9"}, "StringEquals": {"headgate:Alias": "champion"}}
    lived.apply(policy=_policy({"Sid": "TooWeak", "Effect": "Deny", "Condition": low}))

    with pytest.raises(AccessDenied, match="TooWeak"):
        _promote(lived, 2)
    assert _promote(lived, 2, alias="challenger").to_version == 2


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_any_effect_is_healed_by_a_retry(when: Any, tmp_path: Path) -> None:
    clean = lived_world(tmp_path / "clean")
    clean.faults.clear()
    _promote(clean, 2)
    effects = clean.faults.effects
    assert effects == ("bus.publish", "catalog.add_release", "bus.publish")

    for nth in range(1, len(effects) + 1):
        world = lived_world(tmp_path / f"{when}-{nth}")
        world.faults.clear()
        world.faults.fail_at(ANY_EFFECT, nth, when)
        with pytest.raises(Crash):
            _promote(world, 2)
        world.restart()
        _promote(world, 2)

        assert len(world.catalog.alias_moves("late_arrival", "champion")) == 2
        assert {e.id for e in world.facts("AliasMoved")} == {e.id for e in clean.facts("AliasMoved")}
