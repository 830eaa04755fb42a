"""Whatever workers do, whenever they die and whoever comes between: no drop is lost and none is doubled."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from headgate.adapters.memory import ANY_EFFECT
from headgate.domain.dataset import Drop
from headgate.domain.errors import Conflict, StateUnknown, Throttled
from headgate.domain.version import MAIN
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.unit.services.commit_world import BAD, CommitWorld, body

READS = ("landing.download", "lake.get", "catalog.commit_view", "catalog.dataset_version", "catalog.product")
CALLS = st.one_of(
    st.tuples(st.just(ANY_EFFECT), st.integers(1, 25)), st.tuples(st.sampled_from(READS), st.integers(1, 3))
)
ERRORS = st.sampled_from([None, StateUnknown("lost"), Throttled("slow"), Conflict("rival")])
PLANS = st.one_of(st.none(), st.tuples(CALLS, st.sampled_from(["before", "after"]), ERRORS))


class Protocol(RuleBasedStateMachine):
    """Drops arrive and are delivered, again and in any order, to workers that fail at any side effect and
    meet rivals between their look and their commit.
    """

    contract: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.world = CommitWorld(Path(self.directory.name), **self.contract)
        self.count = 0

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            self.directory.cleanup()

    def _batch(self, data: Any) -> list[Drop]:
        """Messages in any order; also such as were taken off the queue before."""
        queue = self.world.queue
        known = st.sampled_from([*queue.waiting, *queue.done])
        return data.draw(st.lists(known, min_size=1, max_size=4, unique=True))

    def _rival(self, data: Any) -> Callable[[], object]:
        """Another worker, by default."""
        batch = self._batch(data)
        return lambda: self.world.deliver(batch)

    @rule(messages=st.integers(1, 2))
    def drop_new(self, messages: int) -> None:
        self.count += 1
        self.world.drop(f"{self.count}.csv", body(self.count), messages)

    @rule(number=st.integers(1, 4))
    def drop_known_bytes(self, number: int) -> None:
        self.count += 1
        self.world.drop(f"{self.count} again.csv", body(min(number, self.count)))

    @rule()
    def drop_bad(self) -> None:
        self.count += 1
        self.world.drop(f"{self.count} bad.csv", BAD)

    @precondition(lambda self: self.world.drops)
    @rule(data=st.data(), plan=PLANS, rivals=st.integers(0, 2))
    def deliver(self, data: Any, plan: Any, rivals: int) -> None:
        batch = self._batch(data)
        meanwhile = [self._rival(data) for _ in range(rivals)]
        faults = self.world.platform.faults
        faults.clear()
        if plan is not None:
            (call, nth), when, error = plan
            faults.fail_at(call, nth, when, error)
        self.world.deliver(batch, meanwhile)
        faults.clear()

    @rule()
    def settle(self) -> None:
        self.world.settle()
        self.world.check_history()
        self.world.check_settled()

    @invariant()
    def history_is_what_happened(self) -> None:
        self.world.check_history()
        self.world.check_heads()


class Appending(Protocol):
    """Besides, main is rolled back, and somebody works on a branch."""

    def _rival(self, data: Any) -> Callable[[], object]:
        kind = data.draw(st.sampled_from(["worker", "worker", "rollback", "branch"]))
        if kind == "worker":
            return super()._rival(data)
        number, back = data.draw(st.integers(1, 6)), data.draw(st.integers(0, 9))
        return lambda: self.roll_back(back) if kind == "rollback" else self.commit_on_branch(number)

    @rule(back=st.integers(0, 9))
    def roll_back(self, back: int) -> None:
        """To a version of main that was made so many before its head, or to nothing."""
        made = [r.ordinal for r in self.world.history() if r.branch == MAIN]
        if made:
            self.world.roll_back([0, *made][-1 - back % (len(made) + 1)])

    @rule(number=st.integers(1, 6))
    def commit_on_branch(self, number: int) -> None:
        self.world.commit_on_branch(number)

    @rule()
    def settle(self) -> None:
        super().settle()
        self.world.check_main_has_everything()


class Overwriting(Protocol):
    """Each drop takes the place of all before it."""

    contract: ClassVar[dict[str, Any]] = {"operation": "overwrite"}


class Waiting(Protocol):
    """Versions wait on a branch, and are published now and then."""

    contract: ClassVar[dict[str, Any]] = {"publish": "manual"}

    def _rival(self, data: Any) -> Callable[[], object]:
        return super()._rival(data) if data.draw(st.booleans()) else self.world.publish_pending

    @rule()
    def publish_pending(self) -> None:
        self.world.publish_pending()

    @rule()
    def settle(self) -> None:
        super().settle()
        self.world.publish_pending()
        self.world.check_history()
        self.world.check_main_has_everything()


SETTINGS = settings(max_examples=30, stateful_step_count=25, deadline=None)
TestAppending, TestOverwriting, TestWaiting = Appending.TestCase, Overwriting.TestCase, Waiting.TestCase
TestAppending.settings = TestOverwriting.settings = TestWaiting.settings = SETTINGS


def test_a_file_dropped_again_after_a_rollback_comes_in_beside_its_old_message(tmp_path: Path) -> None:
    # Given a drop that was taken in and rolled back, and the same bytes dropped again
    world = CommitWorld(tmp_path)
    world.drop("1.csv", body(1), messages=2)
    old, old_again = world.queue.waiting
    world.deliver([old])
    world.roll_back(0)
    world.drop("1 again.csv", body(1))
    new = world.queue.waiting[-1]

    # When the queue delivers the old message once more, in one batch with the new one
    world.deliver([old_again, new])

    # Then the new drop is in
    assert world.contents(MAIN) == {world.sha256(new)}


def test_a_late_worker_does_not_bring_back_what_was_overwritten(tmp_path: Path) -> None:
    # Given a worker that holds two drops of a dataset which each drop overwrites
    world = CommitWorld(tmp_path, operation="overwrite")
    for number in (1, 2, 3):
        world.drop(f"{number}.csv", body(number))
    first, second, third = world.queue.waiting

    def rival() -> None:
        world.deliver([first, second])
        world.deliver([third])

    # When a rival has taken in both, and a third, before it commits
    world.deliver([first, second], [rival])

    # Then the newest stays
    assert world.contents(MAIN) == {world.sha256(third)}


def test_a_late_message_of_a_copy_does_not_bring_back_what_was_overwritten(tmp_path: Path) -> None:
    # Given two objects of the same bytes, and a third that took their place
    world = CommitWorld(tmp_path, operation="overwrite")
    world.drop("1.csv", body(1))
    world.drop("1 again.csv", body(1), messages=2)
    world.drop("2.csv", body(2))
    first, copy, copy_again, newest = world.queue.waiting
    for message in (first, copy, newest):
        world.deliver([message])

    # When the copy's message comes once more
    world.deliver([copy_again])

    # Then the newest stays
    assert world.contents(MAIN) == {world.sha256(newest)}


def test_every_object_that_brought_the_bytes_of_a_version_is_its_source(tmp_path: Path) -> None:
    world = CommitWorld(tmp_path)
    world.drop("1.csv", body(1), messages=2)
    world.drop("1 again.csv", body(1))

    world.deliver(world.queue.waiting)

    (version,) = world.history()
    assert [s.key.rpartition("/")[2] for s in version.sources] == ["1.csv", "1 again.csv"]
    assert version.files == 1
