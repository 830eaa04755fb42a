"""The online store follows a feature version: newest rows are written, rows that are no more are taken back,
and a sample is compared with what the version holds.

What is written is conditional on event time, so that a late write never replaces a newer row. A row that a
rollback, an overwrite or an erasure took out of the data is therefore taken back by its event time first.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from heapq import nsmallest
from itertools import chain, islice
from math import ceil
from typing import Any

from headgate.domain.canonical import canonical_json
from headgate.domain.feature import FeatureView
from headgate.domain.feature_version import FeatureManifest, Partition, ViewVersion
from headgate.domain.online_space import space_names
from headgate.ports import Clock, FeatureSession, OnlineRow, OnlineStore, OnlineValue
from headgate.services.clock import iso, parse_iso
from headgate.services.features.feature_plan import view_files
from headgate.services.features.online_parity import Difference, Parity
from headgate.services.features.row_times import clipped, known_from

MINIMUM_TTL_SECONDS = 3600
SAMPLE = 20
"""Entities of each online view that are compared on every build."""
BATCH_ROWS = 5000


@dataclass(frozen=True)
class OnlineRows:
    """The rows of one feature version, called ``version``. ``uris`` says where partitions can be read, by
    sha256; ``writing`` are other versions that somebody writes now.
    """

    store: OnlineStore
    clock: Clock
    manifest: FeatureManifest
    version: str
    uris: Mapping[str, str]
    writing: frozenset[str] = frozenset()

    def follow(self, session: FeatureSession, view: FeatureView, befores: Sequence[ViewVersion]) -> None:
        """Writes what may be new, and takes back what is no more. ``befores`` are the view as the rows in its
        space may be of; without one everything is written.
        """
        now = self._version(view)
        added = _added(now, befores)
        gone = [(before, parts) for before in befores if (parts := _added(before, [now]))]
        left: dict[str, OnlineValue] = {}
        if gone:  # keys and times of all entities are held, values only of those that lost a row
            times = {v.key: v.event_time for v in self._newest(session, view, now, added)}
            for before, parts in gone:
                former = self._newest(session, view, before, parts)
                left |= self._take_back(session, view, now, times, former)
        newest = (left.pop(v.key, v) for v in self._newest(session, view, now, added))
        self._write(session, view, chain(newest, _rest(left)))

    def tidy(
        self,
        session: FeatureSession,
        views: Iterable[FeatureView],
        stays: Callable[[str], bool],
        still: Callable[[], bool],
    ) -> None:
        """Takes back every row of the set that is none of this version's, but in other spaces that ``stays``
        says somebody is answered from. Reads the whole store, and does nothing when the version is not
        ``still`` the newest then.
        """
        by_space = {self._version(v).space: v for v in views}
        newest = {s: self._times(session, v) for s, v in by_space.items()}
        again: dict[str, list[str]] = {space: [] for space in by_space}
        lost = []
        for row in self.store.rows(self.manifest.product):
            if space_names(row.space)[0] != self.manifest.feature_set or row.feature_version in self.writing:
                continue
            if row.space not in newest:
                lost += [] if stays(row.space) else [(row.space, row.key, row.event_time)]
            elif (time := newest[row.space].get(row.key)) is None or time < row.event_time:
                lost.append((row.space, row.key, row.event_time))
                again[row.space] += [] if time is None else [row.key]
        if not still():
            return
        for start in range(0, len(lost), BATCH_ROWS):
            self.store.take_back(self.manifest.product, lost[start : start + BATCH_ROWS])
        for space, view in by_space.items():
            if keys := again[space]:
                now = self._version(view)
                self._write(session, view, self._newest(session, view, now, now.partitions, keys))

    def sample(self, session: FeatureSession, view: FeatureView, befores: Sequence[ViewVersion]) -> Parity:
        """Compares some entities of the partitions that are new since ``befores``; the choice depends on the
        version, so that others are looked at each time.
        """
        now = self._version(view)
        added = _added(now, befores)
        chosen = nsmallest(
            SAMPLE,
            self._newest(session, view, now, added),
            key=lambda v: sha256((self.version + v.key).encode()).digest(),
        )
        names = [(now.space, v.key) for v in chosen]
        online = self.store.read(self.manifest.product, names, True) if names else {}
        older = [v.key for v in chosen if _is_newer(online.get((now.space, v.key)), v)]
        if older and len(added) < len(now.partitions):
            newest = {v.key: v for v in self._newest(session, view, now, now.partitions, older)}
            chosen = [newest.get(v.key, v) for v in chosen]
        parity = Parity()
        self.compare(view, chosen, parity)
        return parity

    def compare(self, view: FeatureView, values: Iterable[OnlineValue], parity: Parity) -> None:
        """Adds the comparison of every one of ``values`` to ``parity``."""
        remaining, space = iter(values), self._version(view).space
        while batch := list(islice(remaining, BATCH_ROWS)):
            online = self.store.read(self.manifest.product, [(space, v.key) for v in batch], True)
            for value in batch:
                self._compared(view, value, online.get((space, value.key)), parity)

    def everything(self, session: FeatureSession, views: Sequence[FeatureView]) -> dict[str, Parity]:
        """Compares every entity of the views, by name, and finds the rows that no entity has. Reads the whole
        store.
        """
        found = {view.name: Parity() for view in views}
        known: dict[str, set[str]] = {}
        for view in views:
            now = self._version(view)
            keys = known[now.space] = set()
            values = self._newest(session, view, now, now.partitions)
            self.compare(view, _noting(values, keys), found[view.name])
        for row in self.store.rows(self.manifest.product):
            if row.space in known and row.key not in known[row.space]:
                self._extra(row, found[space_names(row.space)[1]])
        return found

    def _extra(self, row: OnlineRow, parity: Parity) -> None:
        """A row of an entity that the version does not have."""
        parity.checked += 1
        if row.expires_at is not None and row.expires_at < self.clock.now().timestamp():
            parity.expired += 1
        elif row.feature_version in self.writing:
            parity.moved += 1
        else:
            parity.differs(Difference(space_names(row.space)[1], row.key, None, _told(row)))

    def _compared(self, view: FeatureView, value: OnlineValue, row: OnlineRow | None, parity: Parity) -> None:
        parity.checked += 1
        if row is None:
            if self._expired(view, value):
                parity.expired += 1
                return
        elif row.event_time == value.event_time and _text(row.values) == _text(value.values):
            parity.equal += 1
            return
        elif row.feature_version in self.writing:
            parity.moved += 1
            return
        offline = {**value.values, "event_time": value.event_time}
        parity.differs(Difference(view.name, value.key, offline, None if row is None else _told(row)))

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
        times: Mapping[str, str],
        former: Iterable[OnlineValue],
    ) -> dict[str, OnlineValue]:
        """Of entities whose newest row was in a partition that is gone, the newest row of what is left.
        ``times`` are those of the newest rows of what is new.
        """
        doubtful = {v.key: v.event_time for v in former if v.key not in times or times[v.key] < v.event_time}
        if not doubtful:
            return {}
        left = {v.key: v for v in self._newest(session, view, now, now.partitions, sorted(doubtful))}
        lost = [
            (now.space, key, time)
            for key, time in doubtful.items()
            if key not in left or left[key].event_time < time
        ]
        self.store.take_back(self.manifest.product, lost)
        return left

    def _write(self, session: FeatureSession, view: FeatureView, values: Iterable[OnlineValue]) -> None:
        """Rows that are not known yet come last, with what is used until they are: to look for that is
        another query.
        """
        later: list[str] = []
        remaining, space = self._known_now(view, values, later), self._version(view).space
        while batch := list(islice(remaining, BATCH_ROWS)):
            self.store.write([self._row(view, space, value) for value in batch])
        if later:
            now, moment = self._version(view), self.clock.now()
            files = view_files(view, now, self._reaching(view, now), self.uris)
            rest = session.not_known_yet(files, moment, later)
            while batch := list(islice(rest, BATCH_ROWS)):
                self.store.write([self._row(view, space, value) for value in batch])

    def _known_now(
        self, view: FeatureView, values: Iterable[OnlineValue], later: list[str]
    ) -> Iterator[OnlineValue]:
        """The values that are known now; the keys of the others are put into ``later``."""
        now = self.clock.now()
        for value in values:
            known = known_from(view, value.event_time, value.known_at)
            if known is not None and known > now:
                later.append(value.key)
            else:
                yield value

    def _reaching(self, view: FeatureView, version: ViewVersion) -> list[Partition]:
        """The partitions with rows that may be used still."""
        if view.max_age_seconds is None:
            return [p for p in version.partitions if p.key]
        oldest = iso(self.clock.now() - timedelta(seconds=view.max_age_seconds))
        return [p for p in version.partitions if p.key and p.max_event_time >= oldest]

    def _row(self, view: FeatureView, space: str, value: OnlineValue) -> OnlineRow:
        """A row stays until it is too old to be used, also when it becomes known only later."""
        expires = None
        if view.max_age_seconds is not None and value.event_time:
            since = max(self.clock.now(), parse_iso(value.event_time))
            expires = ceil(since.timestamp()) + max(view.max_age_seconds, MINIMUM_TTL_SECONDS)
        return OnlineRow(
            product=self.manifest.product,
            space=space,
            key=value.key,
            event_time=value.event_time,
            values=value.values,
            feature_version=self.version,
            expires_at=expires,
            known_at=value.known_at,
            entity=view.entity,
            earlier=clipped(value.earlier),
        )

    def _version(self, view: FeatureView) -> ViewVersion:
        found = self.manifest.view(view.name)
        assert found is not None, f"{view.name} is a view of the version"
        return found

    def _times(self, session: FeatureSession, view: FeatureView) -> dict[str, str]:
        """The event time of every entity's newest row."""
        now = self._version(view)
        return {v.key: v.event_time for v in self._newest(session, view, now, now.partitions)}

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


def _added(now: ViewVersion, befores: Sequence[ViewVersion]) -> tuple[Partition, ...]:
    """Partitions with rows that some version before did not have."""
    old = [{p.sha256 for p in before.partitions} for before in befores]
    shared = set.intersection(*old) if old else set()
    return tuple(p for p in now.partitions if p.key and p.sha256 not in shared)


def _rest(left: Mapping[str, OnlineValue]) -> Iterator[OnlineValue]:
    """What is left once all before it was taken."""
    yield from left.values()


def _noting(values: Iterable[OnlineValue], keys: set[str]) -> Iterator[OnlineValue]:
    for value in values:
        keys.add(value.key)
        yield value


def _is_newer(row: OnlineRow | None, value: OnlineValue) -> bool:
    return row is not None and row.event_time > value.event_time


def _told(row: OnlineRow) -> dict[str, Any]:
    return {**row.values, "event_time": row.event_time}


def _text(values: Mapping[str, Any]) -> bytes:
    return canonical_json(dict(values))
