"""Notes that features are being made, for who deletes: an erasure, a collection of garbage.

A build notes itself before it reads anything that may go, and that it has ended. So whoever deletes knows
which partitions may still come that were made of what was there before: those of the notes it finds open. A
worker that died leaves its note open until the time is over that it could have taken.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from headgate.domain.canonical import canonical_json
from headgate.domain.errors import NotFound
from headgate.ports import Clock, ObjectStore
from headgate.services.clock import iso, parse_iso
from headgate.services.features.feature_compute import job_notes
from headgate.services.features.feature_manifests import features_prefix

FUNCTION_SECONDS = 900
"""Longer than the function may run that builds."""
JOB_SECONDS = 5 * 3600
"""Longer than the job may run that makes a model's features again."""
SKEW = timedelta(seconds=60)
"""By so much the clocks of two workers may differ."""
SOON, LATER = 60, 900
"""Seconds until it is worth looking again: at a function, at a job."""
FOLDER = "building"


def _unique() -> str:
    return uuid4().hex


@dataclass(frozen=True)
class UnderWay:
    """The notes of all feature sets."""

    lake: ObjectStore
    clock: Clock
    new_id: Callable[[], str] = _unique

    @contextmanager
    def noted(self, product: str, feature_set: str, seconds: int = FUNCTION_SECONDS) -> Iterator[None]:
        """A note around what takes at most ``seconds``. It stays open when the process dies."""
        began = self.clock.now()
        until = f"{began + timedelta(seconds=seconds):%Y%m%dT%H%M%SZ}"
        key = f"{features_prefix(product, feature_set)}/{FOLDER}/{until}-{self.new_id()}.json"
        note = {"began_at": iso(began), "until": iso(began + timedelta(seconds=seconds)), "ended": False}
        self.lake.put(key, canonical_json(note), "application/json")
        try:
            yield
        except Exception:
            self.lake.put(key, canonical_json({**note, "ended": True}), "application/json")
            raise
        self.lake.put(key, canonical_json({**note, "ended": True}), "application/json")

    def wait_for(self, product: str, feature_set: str = "", began_before: datetime | None = None) -> int:
        """Seconds after which to look again, 0 when nothing is under way that began before then; without a
        ``feature_set`` of the whole product.
        """
        before = (began_before or self.clock.now()) + SKEW
        waits = [
            SOON if until - began <= timedelta(seconds=FUNCTION_SECONDS) else LATER
            for began, until in self._open(product, feature_set)
            if began < before
        ]
        return min(waits, default=0)

    def since(self, product: str, feature_set: str) -> datetime | None:
        """When the oldest began of what is under way."""
        return min((began for began, _ in self._open(product, feature_set)), default=None)

    def _open(self, product: str, feature_set: str) -> Iterator[tuple[datetime, datetime]]:
        now = self.clock.now()
        for key in self._keys(product, feature_set):
            until = datetime.strptime(f"{key.rpartition('/')[2][:16]}+0000", "%Y%m%dT%H%M%SZ%z")
            if until < now:
                continue
            try:
                note = json.loads(self.lake.get(key))
            except NotFound:
                continue
            if not note["ended"]:
                yield parse_iso(note["began_at"]), parse_iso(note["until"])
        yield from job_notes(self.lake, self._prefix(product, feature_set), now)

    def _keys(self, product: str, feature_set: str) -> Iterator[str]:
        folder = f"/{FOLDER}/"
        prefix = self._prefix(product, feature_set)
        for entry in self.lake.entries(f"{prefix}{FOLDER}/" if feature_set else prefix):
            if folder in entry.key and entry.is_latest:
                yield entry.key

    def _prefix(self, product: str, feature_set: str) -> str:
        return f"{features_prefix(product, feature_set)}/" if feature_set else f"{product}/features/"
