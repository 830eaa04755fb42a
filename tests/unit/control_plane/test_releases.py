"""Releases: two people, one transaction; the way back; and what was live when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from headgate.adapters.memory import ANY_EFFECT, Crash
from headgate.domain.errors import AccessDenied, Conflict, InvalidRequest, NotFound, PreconditionFailed
from headgate.domain.identity import Principal
from headgate.domain.model import GateResult
from headgate.domain.release import Release, live_at
from headgate.services.clock import iso
from headgate.services.models.promote_model import Promotion
from headgate.services.models.rollback_model import RollbackModel, RollbackTo
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.control_plane.world import (
    ALICE,
    BOB,
    POLICY,
    World,
    bundle,
    lived_world,
    metrics,
    model_version,
)

ADA = Principal("user/ada", ("ml-engineers",))
TWO_PERSONS = [
    {
        "Sid": "TwoPersonsPromote",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "headgate:PromoteModel",
        "Resource": "*",
        "Condition": {"Bool": {"headgate:ProposedBySelf": "true"}},
    },
    {
        "Sid": "NothingIsPromotedUnproposed",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "headgate:PromoteModel",
        "Resource": "*",
        "Condition": {"Null": {"headgate:ProposedBy": "true"}},
    },
]


@pytest.fixture
def strict(lived: World) -> World:
    """Versions 1 to 3; a champion takes two people."""
    lived.register(model_version(3))
    lived.apply(policy={**POLICY, "Statement": [*POLICY["Statement"], *TWO_PERSONS]})
    return lived


def promote(world: World, version: int, principal: Principal = ALICE, reason: str = "") -> None:
    world.plane.promote_model.promote(principal, "flights", Promotion(version, reason=reason))


def propose(world: World, version: int, principal: Principal = ADA) -> None:
    world.plane.propose_model.propose(principal, "flights", version, "better in October")


def back(world: World, principal: Principal = ALICE, **wanted: Any) -> Release:
    return world.plane.rollback_model.rollback(principal, "flights", RollbackTo(**wanted))


def champion(world: World) -> int | None:
    return world.catalog.alias("late_arrival", "champion")


def test_one_proposes_another_promotes_and_the_release_says_so(strict: World) -> None:
    propose(strict, 2)
    promote(strict, 2, reason="agreed")

    release = strict.catalog.latest_release("flights")
    assert release is not None
    assert (release.number, release.kind, release.from_version) == (1, "promote", 1)
    assert (release.principal, release.proposed_by, release.reason) == ("user/alice", "user/ada", "agreed")
    closure = release.closure
    assert (closure.version, closure.run) == (2, model_version(2).run)
    assert (champion(strict), strict.catalog.open_proposal("flights", 2)) == (2, None)
    (accepted,) = strict.catalog.proposals("flights")
    assert (accepted.state, accepted.closed_by) == ("accepted", "user/alice")
    (told,) = strict.facts("ReleaseMoved")
    assert (told.detail["number"], told.detail["closure"]["version"]) == (1, 2)


@pytest.mark.parametrize(
    ("proposer", "statement"), [(ALICE, "TwoPersonsPromote"), (None, "NothingIsPromotedUnproposed")]
)
def test_alone_nobody_promotes_and_the_refusal_names_the_statement(
    strict: World, proposer: Principal | None, statement: str
) -> None:
    if proposer is not None:
        propose(strict, 2, proposer)

    with pytest.raises(AccessDenied, match=statement) as refused:
        promote(strict, 2)

    assert refused.value.statement is not None
    assert statement in refused.value.statement
    assert champion(strict) == 1
    assert strict.catalog.latest_release("flights") is None
    assert strict.decisions()[-1]["decision"] == "explicit_deny"


def test_a_withdrawn_proposal_is_none(strict: World) -> None:
    propose(strict, 2)
    withdrawn = strict.plane.propose_model.withdraw(ADA, "flights", 2)

    assert (withdrawn.state, withdrawn.closed_by) == ("withdrawn", "user/ada")
    with pytest.raises(AccessDenied, match="NothingIsPromotedUnproposed"):
        promote(strict, 2)
    with pytest.raises(NotFound, match="no proposal of version 2"):
        strict.plane.propose_model.withdraw(ADA, "flights", 2)
    assert len(strict.facts("ProposalWithdrawn")) == 1


def test_a_proposal_again_is_the_same_and_by_another_a_conflict(strict: World) -> None:
    propose(strict, 2)
    strict.clock.advance(60)
    propose(strict, 2)

    assert len(strict.catalog.proposals("flights")) == 1
    assert len({event.id for event in strict.facts("ModelProposed")}) == 1
    with pytest.raises(Conflict, match="proposed already"):
        propose(strict, 2, ALICE)


def test_what_cannot_be_promoted_is_not_proposed(strict: World) -> None:
    failed = GateResult("min_auc", passed=False, value=0.5, comparison=">=", bound=0.65)
    strict.register(model_version(4, gates=(failed,)))

    with pytest.raises(PreconditionFailed, match="min_auc"):
        propose(strict, 4)
    with pytest.raises(PreconditionFailed, match="champion already"):
        propose(strict, 1)
    with pytest.raises(NotFound):
        propose(strict, 9)
    with pytest.raises(AccessDenied):
        propose(strict, 2, BOB)


def test_back_is_one_persons_word_whole_and_audited(strict: World) -> None:
    propose(strict, 2)
    promote(strict, 2)
    strict.clock.advance(60)

    release = back(strict, reason="complaints")

    assert (release.number, release.kind, release.closure.version) == (2, "rollback", 1)
    assert (release.from_version, release.proposed_by) == (2, None)
    assert champion(strict) == 1
    decided = [(d["action"], d["decision"]) for d in strict.decisions()]
    assert decided[-1] == ("headgate:RollbackModel", "allow")


def test_who_asked_who_agreed_and_what_went_live_is_in_the_chain(strict: World) -> None:
    propose(strict, 2)
    promote(strict, 2)
    propose(strict, 3)
    strict.plane.propose_model.withdraw(ALICE, "flights", 3)
    back(strict)
    strict.settle()

    chain = [
        (entry["type"], entry.get("number"), entry["principal"])
        for entry in reversed(strict.ledger.decisions("flights", 1000))
        if entry["type"] in ("ModelProposed", "ProposalWithdrawn", "ReleaseMoved")
    ]
    assert chain == [
        ("ModelProposed", None, "user/ada"),
        ("ReleaseMoved", 1, "user/alice"),
        ("ModelProposed", None, "user/ada"),
        ("ProposalWithdrawn", None, "user/ada"),
        ("ReleaseMoved", 2, "user/alice"),
    ]
    (newest, *_) = (e for e in strict.ledger.decisions("flights", 1000) if e["type"] == "ReleaseMoved")
    assert newest["closure"]["version"] == 1


def test_what_was_rolled_back_returns_by_two_people_alone(strict: World) -> None:
    propose(strict, 2)
    promote(strict, 2)
    back(strict)

    with pytest.raises(PreconditionFailed, match="version 2 .* was not champion before version 1: promote"):
        back(strict, version=2)
    with pytest.raises(AccessDenied, match="NothingIsPromotedUnproposed"):
        promote(strict, 2)
    assert champion(strict) == 1


def test_an_older_version_that_was_never_champion_takes_two_people(strict: World) -> None:
    # Given version 3 as champion: version 2 is older, and was never live
    propose(strict, 3)
    promote(strict, 3)

    with pytest.raises(AccessDenied, match="NothingIsPromotedUnproposed"):
        promote(strict, 2)
    with pytest.raises(PreconditionFailed, match="was not champion"):
        back(strict, version=2)


def three_releases(world: World) -> None:
    world.register(model_version(3))
    for version in (2, 3):
        world.clock.advance(60)
        promote(world, version)


@pytest.mark.parametrize(
    ("wanted", "version"), [({}, 2), ({"number": 1}, 2), ({"version": 2}, 2), ({"version": 1}, 1)]
)
def test_back_to_a_release_or_a_version(lived: World, wanted: dict[str, Any], version: int) -> None:
    three_releases(lived)

    assert back(lived, **wanted).closure.version == version
    assert champion(lived) == version


def test_there_is_no_way_back_to_what_is_not_what_was_signed(lived: World) -> None:
    # Given versions that were live, of which one was never signed and another's artifact was exchanged
    three_releases(lived)
    lived.unsign(model_version(1))
    lived.artifacts.put(model_version(2).artifact_key, b"another model", "application/octet-stream")

    # When one goes back to either
    with pytest.raises(PreconditionFailed, match="version 1 is not what registration signed.*never signed"):
        back(lived, version=1)
    with pytest.raises(PreconditionFailed, match="version 2 is not what registration signed.*artifact: its"):
        back(lived)

    # Then the champion stays
    assert champion(lived) == 3
    assert len(lived.catalog.releases("flights")) == 2


def test_back_and_back_again_is_two_steps_and_then_there_is_nothing(lived: World) -> None:
    three_releases(lived)

    assert [back(lived).closure.version, back(lived).closure.version] == [2, 1]
    with pytest.raises(PreconditionFailed, match="nothing was live before late_arrival version 1"):
        back(lived)


@pytest.mark.parametrize(
    ("wanted", "error", "message"),
    [
        ({"number": 2}, PreconditionFailed, "release 2 is not before what is live"),
        ({"number": 99}, PreconditionFailed, "release 99 is not before"),
        ({"version": 7}, PreconditionFailed, "was not champion"),
        ({"number": 1, "version": 2}, InvalidRequest, "not both"),
        ({"from_version": 1}, Conflict, "is version 3, not 1"),
    ],
)
def test_a_way_back_that_is_none_is_refused(
    lived: World, wanted: dict[str, Any], error: type[Exception], message: str
) -> None:
    three_releases(lived)

    with pytest.raises(error, match=message):
        back(lived, **wanted)

    assert champion(lived) == 3


def test_a_rollback_asked_for_twice_happens_once(lived: World) -> None:
    three_releases(lived)
    first = back(lived, from_version=3)
    lived.clock.advance(5)

    assert back(lived, from_version=3) == first
    assert len(lived.catalog.releases("flights")) == 3
    assert len({event.id for event in lived.facts("ReleaseMoved")}) == 3


def test_a_scientist_rolls_nothing_back(lived: World) -> None:
    three_releases(lived)

    with pytest.raises(AccessDenied):
        back(lived, BOB)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("act", ["promote", "rollback"])
def test_a_crash_at_any_effect_is_healed_by_the_same_call(act: str, when: Any, tmp_path: Path) -> None:
    acts: dict[str, Callable[[World], Any]] = {
        "promote": lambda world: promote(world, 3),
        "rollback": lambda world: back(world, from_version=2),
    }

    def prepared(name: str) -> World:
        world = lived_world(tmp_path / name)
        world.register(model_version(3))
        promote(world, 2)
        world.plane.propose_model.propose(ADA, "flights", 3, "next")
        world.faults.clear()
        return world

    clean = prepared("clean")
    acts[act](clean)
    effects = clean.faults.effects
    assert effects == ("bus.publish", "catalog.add_release", "bus.publish")
    for nth in range(1, len(effects) + 1):
        world = prepared(f"{when}-{nth}")
        world.faults.fail_at(ANY_EFFECT, nth, when)
        with pytest.raises(Crash):
            acts[act](world)
        world.restart()
        acts[act](world)

        assert [r.closure for r in world.catalog.releases("flights")] == [
            r.closure for r in clean.catalog.releases("flights")
        ]
        assert champion(world) == champion(clean)
        assert {e.id for e in world.facts("ReleaseMoved")} == {e.id for e in clean.facts("ReleaseMoved")}
        assert [p.state for p in world.catalog.proposals("flights")] == [
            p.state for p in clean.catalog.proposals("flights")
        ]


def test_live_at_before_during_and_after_a_rollback(lived: World) -> None:
    start = lived.clock.now()
    three_releases(lived)  # after 60 s version 2, after 120 s version 3
    lived.clock.advance(60)
    back(lived)  # after 180 s version 2 again

    def live(second: int) -> tuple[int | None, int | None, int | None]:
        at = start.timestamp() + second
        found = lived.plane.releases.live_at(ALICE, "flights", _iso(at))
        shown = (found.before, found.live, found.after)
        return tuple(None if r is None else r.number for r in shown)  # type: ignore[return-value]

    assert [live(s) for s in (0, 60, 119, 120, 179, 180, 9999)] == [
        *((None, None, 1), (None, 1, 2), (None, 1, 2), (1, 2, 3), (1, 2, 3)),
        *((2, 3, None), (2, 3, None)),
    ]
    now = lived.plane.releases.live_at(ALICE, "flights", None)
    assert now.live is not None
    assert now.live.closure.version == 2


@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.integers(0, 90), st.integers(-200, 200)), min_size=1, max_size=10
    ),
    st.lists(st.integers(-300, 1500), min_size=1, max_size=5),
)
@settings(deadline=None, max_examples=30)
def test_live_at_any_time_is_what_a_replay_of_all_moves_says(
    moves: list[tuple[int, int, int]], asked: list[int]
) -> None:
    """Promotions and rollbacks in any order, by people whose clocks are minutes off."""
    with TemporaryDirectory() as folder:
        world = lived_world(Path(folder))
        for version in (3, 4):
            world.register(model_version(version))
        start = world.clock.now()
        for version, waited, off in moves:
            world.clock.advance(waited)
            mover = replace(world.plane.promote_model, clock=_Off(world, off))
            mover.promote(ALICE, "flights", Promotion(version))
        releases = world.catalog.releases("flights")[::-1]

        for second in asked:
            at = iso(start + timedelta(seconds=second))
            found = world.plane.releases.live_at(ALICE, "flights", at)
            assert found.live == live_at(releases, at)
            number = 0 if found.live is None else found.live.number
            assert found.before == (releases[number - 2] if number > 1 else None)
            assert found.after == (releases[number] if number < len(releases) else None)
        if releases:
            assert releases[-1].closure.version == champion(world)


def test_live_at_of_a_product_without_releases(lived: World) -> None:
    found = lived.plane.releases.live_at(ALICE, "flights", "2030-01-01")

    assert (found.live, found.before, found.after) == (None, None, None)


class _Off:
    """A clock that is so many seconds off."""

    def __init__(self, world: World, seconds: int) -> None:
        self.world, self.off = world, timedelta(seconds=seconds)

    def now(self) -> Any:
        return self.world.clock.now() + self.off


def test_a_late_clock_dates_no_move_before_the_one_it_follows(lived: World) -> None:
    three_releases(lived)
    newest = lived.catalog.latest_release("flights")
    assert newest is not None

    late = replace(lived.plane.promote_model, clock=_Off(lived, -3600))
    made = RollbackModel(late).rollback(ALICE, "flights", RollbackTo())

    assert (made.number, made.moved_at) == (newest.number + 1, newest.moved_at)
    assert lived.plane.releases.live_at(ALICE, "flights", newest.moved_at).live == made


def compared(version: int, against: int, auc: float, passed: bool) -> Any:
    champion_gate = GateResult("min_gain_over_champion", passed, auc - 0.72, ">=", 0.01, "champion")
    gain = {"value": auc - 0.72, "low": -0.01, "high": 0.05}
    measured = metrics(auc, champion={"version": against, "comparable": True, "gain": gain})
    return model_version(version, gates=(champion_gate,), metrics=measured)


def test_a_version_that_does_not_gain_over_the_champion_there_is_stays_out(lived: World) -> None:
    lived.register(compared(3, 1, 0.725, passed=False))

    with pytest.raises(PreconditionFailed, match="min_gain_over_champion"):
        promote(lived, 3)

    challenger = Promotion(3, alias="challenger")
    assert lived.plane.promote_model.promote(ALICE, "flights", challenger).to_version == 3


def test_against_another_champion_the_numbers_of_one_window_decide(lived: World) -> None:
    # Given versions that were measured against version 1, and version 3 that has become champion since
    gates = {"min_auc": 0.65, "min_gain_over_champion": 0.01}
    lived.apply(training={**bundle()["training"], "gates": gates})
    for version, auc in ((3, 0.735), (4, 0.74), (5, 0.75)):
        lived.register(compared(version, 1, auc, passed=True))
    window = {"window": ["2013-10-01", "2013-11-01"]}
    lived.register(model_version(6, metrics=metrics(0.7, **window)))
    promote(lived, 3)

    # Then the declared margin is asked of their numbers
    with pytest.raises(PreconditionFailed, match="against version 3"):
        promote(lived, 4)
    promote(lived, 5)
    # And numbers of another window say nothing
    promote(lived, 6)
    assert champion(lived) == 6


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
