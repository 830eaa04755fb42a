"""What was live when, over moves by people whose clocks disagree; and which way is back."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from headgate.domain.release import Closure, Release, dated, goes_back, live_at, one_before
from hypothesis import given
from hypothesis import strategies as st


def closure(version: int) -> Closure:
    return Closure({}, "set", "f" * 64, "m", version, "d", "a", "r", "c", "g", "e")


def at(second: int) -> str:
    return f"2030-01-01T00:{second // 60:02d}:{second % 60:02d}.000Z"


@dataclass(frozen=True)
class Step:
    """One move: seconds since the one before, and how far the mover's clock is off."""

    waited: int
    off: int
    version: int


STEPS = st.lists(
    st.builds(Step, st.integers(0, 40), st.integers(-120, 120), st.integers(1, 5)), min_size=1, max_size=12
)


def moved(steps: list[Step]) -> tuple[list[Release], list[int]]:
    """The releases, and the true second of each."""
    releases: list[Release] = []
    seconds, true = 600, []
    for step in steps:
        seconds += step.waited
        true.append(seconds)
        before = releases[-1] if releases else None
        when = dated(at(seconds + step.off), before)
        from_version = None if before is None else before.closure.version
        number = len(releases) + 1
        releases.append(
            Release("p", number, "promote", closure(step.version), from_version, "u", None, "", when)
        )
    return releases, true


@given(STEPS, st.integers(0, 1500), st.randoms())
def test_what_was_live_is_the_last_move_that_was_dated_by_then(
    steps: list[Step], second: int, order: object
) -> None:
    releases, _ = moved(steps)
    expected = None
    for release in releases:  # a replay, move by move
        if release.moved_at <= at(second):
            expected = release
    shuffled = list(releases)
    order.shuffle(shuffled)  # type: ignore[attr-defined]

    assert live_at(shuffled, at(second)) == expected


@given(STEPS)
def test_dates_never_run_against_numbers_and_the_newest_move_is_live_in_the_end(steps: list[Step]) -> None:
    releases, _ = moved(steps)
    dates = [release.moved_at for release in releases]

    assert dates == sorted(dates)
    assert live_at(releases, at(3599)) == releases[-1]
    assert live_at(releases, at(0)) is None


@given(STEPS, st.integers(0, 1500))
def test_every_release_is_live_from_its_date_to_the_next_ones(steps: list[Step], second: int) -> None:
    releases, _ = moved(steps)
    for release, after in pairwise(releases):
        if release.moved_at <= at(second) < after.moved_at:
            assert live_at(releases, at(second)) == release


@given(STEPS, st.integers(500, 1500))
def test_with_clocks_that_agree_the_answer_is_the_truth(steps: list[Step], second: int) -> None:
    releases, true = moved([Step(step.waited, 0, step.version) for step in steps])
    happened = [release for release, when in zip(releases, true, strict=True) if when <= second]

    assert live_at(releases, at(second)) == (happened[-1] if happened else None)


def test_back_is_what_was_champion_before_for_the_first_time() -> None:
    history = [1, 2, 1, 3]

    assert goes_back(history, 3, 2)
    assert goes_back(history, 3, 1)
    assert not goes_back(history, 1, 2)  # rolled back before: it returns by a promotion
    assert not goes_back(history, 3, 3)
    assert not goes_back(history, 3, 4)
    assert not goes_back([], None, 1)


def test_two_rollbacks_in_a_row_go_back_two_steps() -> None:
    history = [1, 2, 3]
    for expected in (2, 1):
        target = one_before(history, history[-1])
        assert target == expected
        history.append(target)

    assert one_before(history, history[-1]) is None
    assert one_before([], None) is None


@given(st.lists(st.integers(1, 6), min_size=1, max_size=12))
def test_rolling_back_ends_at_the_first_champion_and_always_goes_back(history: list[int]) -> None:
    first, past = history[0], list(history)
    for _ in range(len(set(history))):
        target = one_before(past, past[-1])
        if target is None:
            break
        assert goes_back(past, past[-1], target)
        past.append(target)

    assert past[-1] == first
