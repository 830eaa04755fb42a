"""The function ``train`` with its queue, over a clock of the test's: messages are held back, delivered again
after a crash, and what was submitted when is kept.
"""

import heapq
import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from headgate.adapters.memory import ANY_EFFECT, Crash
from headgate.domain.canonical import canonical_json
from headgate.domain.errors import Conflict
from headgate.domain.training_request import TrainingRequest, training_request
from headgate.domain.trigger_state import Submitted
from headgate.services.clock import iso, parse_iso
from headgate.services.features.feature_manifests import features_manifest_key, load_features

from tests.support.crash_points import REDELIVERY_SECONDS
from tests.support.memory_platform import MemoryPlatform
from tests.support.small_product import bundle

VERSION = TrainingRequest("run", "shops", "feature_version")
DRIFT = TrainingRequest("run", "shops", "drift", model="buys")
MANUAL = TrainingRequest("run", "shops", "manual", "user/alice")
TICK = TrainingRequest("tick")


def triggered(**triggers: Any) -> dict[str, Any]:
    """The product's bundle with these triggers, and money for all they ask for."""
    training = {**bundle()["training"], "budget_usd_per_month": 1e6, "triggers": triggers}
    return bundle(training=training)


@dataclass
class TriggerDesk:
    """``answers`` are the outcomes by state; ``places`` every submission that was ever let through."""

    platform: MemoryPlatform
    answers: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    places: dict[str, Submitted] = field(default_factory=dict)
    _queue: list[tuple[datetime, int, TrainingRequest]] = field(default_factory=list)
    _numbers: Any = field(default_factory=count)

    @property
    def now(self) -> datetime:
        return self.platform.clock.now()

    def ask(self, request: TrainingRequest, crash_at: int | None = None) -> None:
        """Delivers a message now; with ``crash_at`` the worker dies at that side effect, and the message is
        delivered again later.
        """
        self.platform.faults.clear()
        if crash_at is not None:
            self.platform.faults.fail_at(ANY_EFFECT, crash_at, "after" if crash_at % 2 else "before")
        try:
            outcome = self.platform.train_requests.answer(request)
            self.answers.append(outcome.state)
            self.reasons.append(outcome.reason)
        except (Crash, Conflict):
            again = self.now + timedelta(seconds=REDELIVERY_SECONDS)
            heapq.heappush(self._queue, (again, next(self._numbers), request))
        self.platform.faults.clear()
        self._collect()

    def _collect(self) -> None:
        """What was sent, to be delivered when its delay is over; and who was let through by now."""
        queue = self.platform.train_queue
        delays = queue.delays
        for body, delay in zip(queue.receive(len(delays)), delays, strict=True):
            due = self.now + timedelta(seconds=delay)
            request = training_request(json.dumps(body))
            heapq.heappush(self._queue, (due, next(self._numbers), request))
        for place in self.platform.catalog.trigger_state("shops").submissions:
            if self.places.get(place.run) != place:
                self.places.pop(place.run, None)
                self.places[place.run] = place

    def pass_time(self, minutes: float) -> None:
        """Time goes by; what becomes due is delivered when it does."""
        until = self.now + timedelta(minutes=minutes)
        while self._queue and self._queue[0][0] <= until:
            due, _, request = heapq.heappop(self._queue)
            self.platform.clock.advance(max(0.0, (due - self.now).total_seconds()))
            self.ask(request)
        self.platform.clock.advance(max(0.0, (until - self.now).total_seconds()))

    def lose_messages(self) -> None:
        """What waits in the queue is given up, as after five failures."""
        self._queue.clear()

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def new_version(self, rows: int = 10, days: float = 0.0) -> None:
        """A feature version with other rows in the split, so many and so much later than the newest."""
        catalog, lake = self.platform.catalog, self.platform.lake
        head = catalog.feature_head("shops", "visit")
        assert head is not None
        manifest = load_features(lake, "shops", "visit", head.digest)
        *others, last = manifest.partitions
        newest = iso(parse_iso(last.max_event_time) + timedelta(days=days))
        grown = replace(last, rows=last.rows + rows, sha256=f"{head.ordinal:064x}", max_event_time=newest)
        made = replace(manifest, partitions=(*others, grown))
        lake.put(features_manifest_key("shops", "visit", made.digest), canonical_json(made.to_document()))
        record = replace(
            head,
            ordinal=head.ordinal + 1,
            digest=made.digest,
            build_id=f"build-{head.ordinal + 1}",
            rows=head.rows + rows,
            max_event_time=newest,
        )
        catalog.commit_features(record)
