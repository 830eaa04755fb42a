"""How often a product was trained of late, and what waits: the one item that debounce and rate go by. Pure.

Times are ISO-8601 UTC with milliseconds, as everywhere, so that text order is time order.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from headgate.domain.trigger import Trigger, Triggers

A_DAY = timedelta(hours=24)
KEPT = 4
"""Submissions that are kept whatever their age: the newest is what thresholds and schedules measure from, the
others stand in for it when it is taken back.
"""
LONGEST_DELAY_SECONDS = 900
"""No message of SQS waits longer: what is due later goes through the queue in hops."""


@dataclass(frozen=True)
class Submitted:
    """A place that was taken: the run, and the feature version it was submitted on."""

    run: str
    trigger: Trigger
    time: str
    rows: int
    max_event_time: str


@dataclass(frozen=True)
class Pending:
    """The one request that stands for all that came too early: it is made again when it is ``due``."""

    token: str
    due: str
    triggers: tuple[Trigger, ...]

    @property
    def trigger(self) -> Trigger:
        """What the later request is said to come of: a trigger that no threshold holds back, if one came."""
        return next((each for each in self.triggers if each != "feature_version"), "feature_version")


@dataclass(frozen=True)
class TriggerState:
    """``revision`` counts the writes: each replaces exactly the one before."""

    product: str
    revision: int = 0
    submissions: tuple[Submitted, ...] = ()
    """Oldest first: those of a day, and the newest of all."""
    pending: Pending | None = None

    @property
    def newest(self) -> Submitted | None:
        return self.submissions[-1] if self.submissions else None

    def has(self, run: str) -> bool:
        return any(each.run == run for each in self.submissions)

    def free_at(self, triggers: Triggers, trigger: Trigger) -> datetime | None:
        """When the next run may be submitted, if anything holds it back at all; what a person asks for is
        not debounced.
        """
        bounds = []
        times = sorted(datetime.fromisoformat(each.time) for each in self.submissions)
        if times and trigger != "manual":
            bounds.append(times[-1] + triggers.debounce)
        if (most := triggers.at_most_per_day) is not None and len(times) >= most:
            bounds.append(times[-most] + A_DAY)
        return max(bounds, default=None)

    def with_submission(self, submitted: Submitted) -> "TriggerState":
        """The place taken. What waits goes on waiting: it may have come after this run's data was read."""
        oldest = datetime.fromisoformat(submitted.time) - A_DAY
        recent = [each for each in self.submissions if datetime.fromisoformat(each.time) > oldest]
        kept = max(len(recent), KEPT)
        submissions = (*self.submissions[-kept:], submitted)
        return replace(self, revision=self.revision + 1, submissions=submissions)

    def without(self, run: str) -> "TriggerState":
        """The place given back: no job came of it."""
        left = tuple(each for each in self.submissions if each.run != run)
        return replace(self, revision=self.revision + 1, submissions=left)

    def waiting_for(self, pending: Pending | None) -> "TriggerState":
        return replace(self, revision=self.revision + 1, pending=pending)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "TriggerState":
        pending = document["pending"]
        return cls(
            product=document["product"],
            revision=document["revision"],
            submissions=tuple(Submitted(**each) for each in document["submissions"]),
            pending=None
            if pending is None
            else Pending(pending["token"], pending["due"], tuple(pending["triggers"])),
        )


def folded(triggers: Iterable[Trigger], more: Trigger) -> tuple[Trigger, ...]:
    """``more`` among ``triggers``, once."""
    return tuple(dict.fromkeys((*triggers, more)))
