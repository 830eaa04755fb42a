"""How often a product may be trained: places that are taken before a job is submitted, and what waits for
one.

One item of the catalog holds both, and every change replaces exactly the state that was read: of rivals one
wins, the other looks again. A request that comes too early becomes a message that is held back; the message
is sent before the state says that it waits, so that a crash in between leaves a message too many, never one
too few.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from headgate.domain.errors import Conflict, NotFound
from headgate.domain.feature_version import FeatureVersionRecord
from headgate.domain.training_request import TrainingRequest
from headgate.domain.trigger import Trigger, Triggers
from headgate.domain.trigger_state import (
    LONGEST_DELAY_SECONDS,
    Pending,
    Submitted,
    TriggerState,
    folded,
)
from headgate.ports import Clock, MessageQueue, RunCatalog, TriggerCatalog
from headgate.services.clock import iso, parse_iso

ATTEMPTS = 12
CLAIM_SECONDS = 120
"""Twice what the function may take: whoever took a place longer ago and submitted no job is dead."""

OVERDUE_SECONDS = 3600
"""A message that fails is delivered five times in half an hour, and then given up."""


@dataclass(frozen=True)
class Held:
    """Why there is no place now. ``until`` is when the request is made again, or None: it is refused."""

    reason: str
    until: str | None
    first: bool = True
    """False for one that was folded into a request that waits already."""


@dataclass(frozen=True)
class TrainingSlots:
    """The places of every product."""

    catalog: TriggerCatalog
    runs: RunCatalog
    queue: MessageQueue
    clock: Clock
    new_id: Callable[[], str]

    def state(self, product: str) -> TriggerState:
        """What holds by now: a place whose worker died before it had a job is none."""
        state = self.catalog.trigger_state(product)
        while state.newest is not None and self._was_left(product, state.newest):
            state = replace(state, submissions=state.submissions[:-1])
        return state

    def _was_left(self, product: str, place: Submitted) -> bool:
        if (self.clock.now() - parse_iso(place.time)).total_seconds() <= CLAIM_SECONDS:
            return False
        try:
            run = self.runs.run(product, place.run)
        except NotFound:
            return True
        return run.job_id is None and run.experiment is None

    def take(
        self, declared: Triggers, trigger: Trigger, run: str, head: FeatureVersionRecord, again: bool
    ) -> Held | None:
        """A place for ``run``, once however often it is asked for; None when it has one.

        ``again`` says that an earlier submission came to nothing: a place it left behind is none. Raises
        Conflict after many lost races.
        """
        return self._settled(lambda: self._take(declared, trigger, run, head, again))

    def give_back(self, product: str, run: str) -> None:
        """No job came of it: the place is free again."""

        def give() -> Held | None:
            state = self.state(product)
            if state.has(run):
                self.catalog.put_trigger_state(state.without(run))
            return None

        self._settled(give)

    def waiting(self, request: TrainingRequest) -> TrainingRequest | None:
        """What a message that was held back stands for by now: a request, or None when it was answered, or
        is sent on, for its time has not come.
        """
        pending = self.state(request.product).pending
        now = self.clock.now()
        if pending is None or pending.token != request.token:
            return None
        if parse_iso(pending.due) > now:
            self._send(request.product, pending, now)
            return None
        return replace(request, kind="run", trigger=pending.trigger)

    def revive(self, product: str) -> bool:
        """Sends again for what waits long past its time: its message was given up. Says whether it did."""
        pending, now = self.catalog.trigger_state(product).pending, self.clock.now()
        if pending is None or (now - parse_iso(pending.due)).total_seconds() < OVERDUE_SECONDS:
            return False
        self._send(product, pending, now)
        return True

    def answered(self, request: TrainingRequest) -> None:
        """What waited under the request's token was considered."""

        def answer() -> Held | None:
            state = self.state(request.product)
            if state.pending is not None and state.pending.token == request.token:
                self.catalog.put_trigger_state(state.waiting_for(None))
            return None

        self._settled(answer)

    def _take(
        self, declared: Triggers, trigger: Trigger, run: str, head: FeatureVersionRecord, again: bool
    ) -> Held | None:
        known = self.state(head.product)
        if known.has(run) and not again:
            return None
        state = replace(known.without(run), revision=known.revision)
        now = self.clock.now()
        free = state.free_at(declared, trigger)
        if free is not None and free > now:
            return self._hold(known, declared, trigger, free, now)
        place = Submitted(run, trigger, iso(now), head.rows, head.max_event_time)
        self.catalog.put_trigger_state(state.with_submission(place))
        return None

    def _hold(
        self, state: TriggerState, declared: Triggers, trigger: Trigger, free: datetime, now: datetime
    ) -> Held:
        why = _why(state, declared, now)
        if trigger == "manual":
            return Held(f"{why}; the next may be asked for at {iso(free)}", None)
        earlier = state.pending
        if earlier is not None and parse_iso(earlier.due) > now:
            if trigger not in earlier.triggers:
                more = replace(earlier, triggers=folded(earlier.triggers, trigger))
                self.catalog.put_trigger_state(state.waiting_for(more))
            return Held(f"{why}; it is one with the request of {earlier.due}", earlier.due, first=False)
        triggers = folded(earlier.triggers if earlier is not None else (), trigger)
        pending = Pending(self.new_id(), iso(free), triggers)
        self._send(state.product, pending, now)
        self.catalog.put_trigger_state(state.waiting_for(pending))
        return Held(f"{why}; it is asked for again at {pending.due}", pending.due)

    def _send(self, product: str, pending: Pending, now: datetime) -> None:
        left = math.ceil((parse_iso(pending.due) - now).total_seconds())
        request = TrainingRequest("deferred", product, pending.trigger, token=pending.token, due=pending.due)
        self.queue.send(request.to_message(), delay_seconds=max(0, min(left, LONGEST_DELAY_SECONDS)))

    def _settled(self, change: Callable[[], Held | None]) -> Held | None:
        problem = Conflict("no attempt was made")
        for attempt in range(ATTEMPTS):
            try:
                return change()
            except Conflict as lost:
                problem = lost
                self.clock.sleep(min(1.0, 0.02 * 2**attempt))
        raise problem


def _why(state: TriggerState, declared: Triggers, now: datetime) -> str:
    newest = state.newest
    if newest is not None and parse_iso(newest.time) + declared.debounce > now:
        return f"a run was submitted at {newest.time}, less than {declared.debounce_minutes:g} minutes ago"
    return f"at most {declared.at_most_per_day} runs are submitted in 24 hours"
