"""The online store follows a feature version: newest rows are written, rows that are no more are taken back,
and a sample is compared with what the version holds.

What is written is conditional on event time, so that a late write never replaces a newer row. A row that a
rollback, an overwrite or an erasure took out of the data is therefore taken back by its event time first.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from heapq import nsmallest
from itertools import islice
from typing import Any

from headgate.domain.canonical import canonical_json
from headgate.domain.feature import FeatureView
from headgate.domain.feature_version import FeatureManifest, Partition, ViewVersion
from headgate.ports import Clock, FeatureSession, OnlineRow, OnlineStore, OnlineValue
from headgate.services.clock import parse_iso
from headgate.services.features.feature_plan import view_files

MINIMUM_TTL_SECONDS = 3600
SAMPLE = 20
"""Entities of each online view that are compared on every build."""
BATCH_ROWS = 5000
DIFFERENCES = 20
"""So many are told of by name."""


@dataclass(frozen=True)
class Difference:
    """One entity whose online values are not those of the version; None where a side has none."""

    view: str
    key: str
    offline: Mapping[str, Any] | None
    online: Mapping[str, Any] | None

    def to_document(self) -> dict[str, Any]:
        return {"view": self.view, "key": self.key, "offline": self.offline, "online": self.online}


@dataclass
class Parity:
    """What a comparison found, so far. ``expired`` are rows that are too old to be served and may be gone;
    ``moved`` are those that another build has replaced since.
    """

    checked: int = 0
    equal: int = 0
    expired: int = 0
    moved: int = 0
    different: int = 0
    examples: list[Difference] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """Without the examples, which tell values."""
        return {n: getattr(self, n) for n in ("checked", "equal", "expired", "moved", "different")}

    def to_document(self) -> dict[str, Any]:
        return {**self.counts, "examples": [d.to_document() for d in self.examples]}


@dataclass(frozen=True)
class OnlineRows:
    """The rows of one feature version. ``uris`` says where partitions can be read, by sha256."""

    store: OnlineStore
    clock: Clock
    manifest: FeatureManifest
    uris: Mapping[str, str]

    def follow(self, session: FeatureSession, view: FeatureView, before: ViewVersion | None) -> None:
        """Writes what may be new since ``before``, the view as the store has it now, and takes back what is
        no more.
        """
        now = self._version(view)
        added, gone = _differing(now, before)
        newest = {v.key: v for v in self._newest(session, view, now, added)} if gone else None
        fresh = newest.values() if newest is not None else self._newest(session, view, now, added)
        if newest is not None and before is not None:
            self._take_back(session, view, now, newest, self._newest(session, view, before, gone))
        self._write(view, fresh)

    def sample(self, session: FeatureSession, view: FeatureView, before: ViewVersion | None) -> Parity:
        """Compares some entities of the partitions that are new since ``before``; the choice depends on the
        version, so that others are looked at each time.
        """
        now = self._version(view)
        added, _ = _differing(now, before)
        salt = self.manifest.digest
        chosen = nsmallest(
            SAMPLE,
            self._newest(session, view, now, added),
            key=lambda v: sha256((salt + v.key).encode()).digest(),
        )
        names = [(view.name, v.key) for v in chosen]
        online = self.store.read(self.manifest.product, names) if names else {}
        older = [v.key for v in chosen if _is_newer(online.get((view.name, v.key)), v)]
        if older and len(added) < len(now.partitions):
            newest = {v.key: v for v in self._newest(session, view, now, now.partitions, older)}
            chosen = [newest.get(v.key, v) for v in chosen]
        parity = Parity()
        self.compare(view, chosen, parity)
        return parity

    def compare(self, view: FeatureView, values: Iterable[OnlineValue], parity: Parity) -> None:
        """Adds the comparison of every one of ``values`` to ``parity``."""
        remaining = iter(values)
        while batch := list(islice(remaining, BATCH_ROWS)):
            names = [(view.name, v.key) for v in batch]
            online = self.store.read(self.manifest.product, names)
            for value in batch:
                self._compared(view, value, online.get((view.name, value.key)), parity)

    def everything(self, session: FeatureSession, view: FeatureView) -> Parity:
        """Compares every entity of the view."""
        now, parity = self._version(view), Parity()
        self.compare(view, self._newest(session, view, now, now.partitions), parity)
        return parity

    def _compared(self, view: FeatureView, value: OnlineValue, row: OnlineRow | None, parity: Parity) -> None:
        parity.checked += 1
        if row is None:
            if self._expired(view, value):
                parity.expired += 1
                return
        elif row.event_time == value.event_time and _text(row.values) == _text(value.values):
            parity.equal += 1
            return
        elif row.event_time > value.event_time and row.feature_version != self.manifest.digest:
            parity.moved += 1
            return
        parity.different += 1
        if len(parity.examples) < DIFFERENCES:
            online = None if row is None else {**row.values, "event_time": row.event_time}
            offline = {**value.values, "event_time": value.event_time}
            parity.examples.append(Difference(view.name, value.key, offline, online))

    def _expired(self, view: FeatureView, value: OnlineValue) -> bool:
        if view.max_age_seconds is None or not value.event_time:
            return False
        age = (self.clock.now() - parse_iso(value.event_time)).total_seconds()
        return age > view.max_age_seconds

    def _take_back(
        self,
        session: FeatureSession,
        view: FeatureView,
        now: ViewVersion,
        newest: dict[str, OnlineValue],
        former: Iterable[OnlineValue],
    ) -> None:
        """Of entities whose newest row was in a partition that is gone, the newest row of what is left."""
        doubtful = {
            v.key: v for v in former if v.key not in newest or newest[v.key].event_time < v.event_time
        }
        if not doubtful:
            return
        left = {v.key: v for v in self._newest(session, view, now, now.partitions, sorted(doubtful))}
        lost = [
            (view.name, key, v.event_time)
            for key, v in doubtful.items()
            if key not in left or left[key].event_time < v.event_time
        ]
        self.store.take_back(self.manifest.product, lost)
        newest.update(left)

    def _write(self, view: FeatureView, values: Iterable[OnlineValue]) -> None:
        remaining = iter(values)
        while batch := list(islice(remaining, BATCH_ROWS)):
            self.store.write([self._row(view, value) for value in batch])

    def _row(self, view: FeatureView, value: OnlineValue) -> OnlineRow:
        """A row stays until it is too old to be used, also when it becomes known only later."""
        expires = None
        if view.max_age_seconds is not None:
            now = self.clock.now()
            since = max(now, parse_iso(value.event_time)) if value.event_time else now
            expires = int(since.timestamp()) + max(view.max_age_seconds, MINIMUM_TTL_SECONDS)
        manifest = self.manifest
        return OnlineRow(
            manifest.product, view.name, value.key, value.event_time, value.values, manifest.digest, expires
        )

    def _version(self, view: FeatureView) -> ViewVersion:
        found = self.manifest.view(view.name)
        assert found is not None, f"{view.name} is a view of the version"
        return found

    def _newest(
        self,
        session: FeatureSession,
        view: FeatureView,
        version: ViewVersion,
        partitions: Sequence[Partition],
        keys: Sequence[str] | None = None,
    ) -> Iterator[OnlineValue]:
        """Streamed, one at a time: the session runs one query at a time."""
        if not any(p.key for p in partitions):
            return iter(())
        return session.newest(view_files(view, version, partitions, self.uris), keys)


def _differing(
    now: ViewVersion, before: ViewVersion | None
) -> tuple[tuple[Partition, ...], tuple[Partition, ...]]:
    """Partitions that only ``now`` has, and those that only ``before`` had."""
    new = {p.sha256 for p in now.partitions}
    old = {p.sha256 for p in before.partitions} if before else set()
    gone = tuple(p for p in before.partitions if p.sha256 not in new) if before else ()
    return tuple(p for p in now.partitions if p.sha256 not in old), gone


def _is_newer(row: OnlineRow | None, value: OnlineValue) -> bool:
    return row is not None and row.event_time > value.event_time


def _text(values: Mapping[str, Any]) -> bytes:
    return canonical_json(dict(values))


def reads(views: Iterable[FeatureView], before: FeatureManifest | None) -> list[Partition]:
    """Partitions of the version before that `OnlineRows.follow` may read."""
    found = [before.view(v.name) for v in views] if before else []
    return [p for version in found if version for p in version.partitions if p.key]
