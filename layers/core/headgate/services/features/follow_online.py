"""The online store follows a build: from before the first row is written until the version is the newest.

Rows of several versions may be in the store: of the newest, of those that other workers write at this moment,
of one whose worker died. The notes of `headgate.services.online_notes` say which, and rows are written and
taken back against all of them. Where nobody can say, all rows are looked at.

Order of side effects of a build: note, rows, head, rows that only other versions had, the note is taken away.
A crash anywhere leaves the note, and the next build or the same one finds it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headgate.domain.errors import Corrupted, NotFound
from headgate.domain.feature import FeatureView
from headgate.domain.feature_set import FeatureSet
from headgate.domain.feature_version import FeatureManifest, FeatureVersionRecord, ViewVersion
from headgate.domain.online_space import online_spaces
from headgate.ports import Clock, FeatureCatalog, FeatureEngine, FeatureSession, ObjectStore, OnlineStore
from headgate.services.features.feature_manifests import load_features
from headgate.services.features.online_notes import Notes, OnlineNotes
from headgate.services.features.online_rows import OnlineRows


@dataclass(frozen=True)
class Before:
    """Whose rows may be in the store as a build begins: the ``newest`` version, and those that others write.
    ``doubt`` is that nobody knows.
    """

    newest: FeatureManifest | None
    writing: Mapping[str, FeatureManifest]
    notes: Notes
    doubt: bool
    ordinal: int = 0

    def views(self, view: ViewVersion) -> list[ViewVersion]:
        """The view as the rows in its space may be of. Where nobody knows, no row is taken to be there."""
        known = [] if self.doubt or self.newest is None else _in_space(view, [self.newest])
        return [*(known or [replace(view, partitions=())]), *_in_space(view, self.writing.values())]

    def unknown(self, manifest: FeatureManifest) -> bool:
        """Whether rows may be there that none of the versions has: in doubt, and when the newest version lies
        elsewhere, for a view may come back to where it was long ago.
        """
        if self.newest is None:
            return self.doubt or bool(self.writing)
        return self.doubt or self.newest.spaces != manifest.spaces

    def uris(self, lake: ObjectStore) -> dict[str, str]:
        known = [*([self.newest] if self.newest else []), *self.writing.values()]
        return _uris(lake, known)


@dataclass(frozen=True)
class FollowOnline:
    """The use case for one feature set. ``answered`` are the spaces that live models are answered from."""

    features: FeatureCatalog
    lake: ObjectStore
    engine: FeatureEngine
    online: OnlineStore
    clock: Clock
    product: str
    feature_set: FeatureSet
    answered: frozenset[str] = frozenset()

    @property
    def notes(self) -> OnlineNotes:
        return OnlineNotes(self.lake, self.clock, self.product, self.feature_set.name)

    @property
    def views(self) -> list[FeatureView]:
        return [view for view in self.feature_set.views if view.online]

    def before(self, head: FeatureVersionRecord | None) -> Before:
        notes = self.notes.read()
        newest = self._manifest(head.digest) if head else None
        others = sorted(notes.writing - {head.digest if head else ""})
        writing = {name: manifest for name in others if (manifest := self._manifest(name)) is not None}
        lost = (head is not None and newest is None) or len(writing) < len(others)
        return Before(newest, writing, notes, notes.doubt or lost, head.ordinal if head else 0)

    def write(
        self,
        session: FeatureSession,
        manifest: FeatureManifest,
        version: str,
        uris: Mapping[str, str],
        before: Before,
    ) -> dict[str, Any]:
        """The rows of ``version`` are there; by view how a sample of them compares."""
        if not self.views:
            return {}
        self.notes.begin(version)
        rows = self._rows(manifest, version, {**before.uris(self.lake), **uris}, before.notes)
        found = {}
        for view in self.views:
            befores = before.views(_view(manifest, view))
            rows.follow(session, view, befores)
            found[view.name] = rows.sample(session, view, befores).counts
        return found

    def settle(
        self,
        session: FeatureSession,
        manifest: FeatureManifest,
        record: FeatureVersionRecord,
        uris: Mapping[str, str],
        before: Before,
    ) -> None:
        """``record`` is the newest version now: rows that only others had are gone. A version that came
        ``between`` it and the one that the build began after has written rows nobody knew of.
        """
        version, unknown = record.digest, before.unknown(manifest)
        if not (self.views or before.notes or unknown):
            return
        now = self.notes.read()
        places = {**before.uris(self.lake), **uris}
        rows = self._rows(manifest, version, places, now)
        done = [m for name, m in before.writing.items() if name not in now.writing]
        between = record.ordinal > before.ordinal + 1
        for view in self.views if done or between else ():
            befores = _in_space(_view(manifest, view), done)
            if befores or between:
                rows.follow(session, view, [] if between else befores)
        if unknown or between:
            others = self._answered(now.writing - {version})
            rows.tidy(session, self.views, others.__contains__, lambda: self._is_newest(version))
        self.notes.end({version})
        if self._is_newest(version):
            self.notes.end(before.notes.left, before.notes.marks)

    def overtaken(
        self, manifest: FeatureManifest, version: str, uris: Mapping[str, str], directory: Path
    ) -> None:
        """A newer version came first while the rows of ``version`` were written: they give way to it."""
        head = self.features.feature_head(self.product, self.feature_set.name)
        newest = self._manifest(head.digest) if head else None
        if head is None or newest is None or not manifest.spaces <= newest.spaces:
            return  # the note stays: who comes next looks at all rows
        places = {**_uris(self.lake, [newest]), **uris}
        rows = self._rows(newest, head.digest, places, self.notes.read(), but=version)
        with self.engine.session([*places.values()], directory, self.feature_set.seed) as session:
            for view in self.views:
                if befores := _in_space(_view(newest, view), [manifest]):
                    rows.follow(session, view, befores)
        self.notes.end({version})

    def heal(self, head: FeatureVersionRecord, directory: Path) -> bool:
        """Where a worker died or an erasure took rows, the store follows the newest version again; whether
        it had to. Nothing is done while others write: they do it.
        """
        notes = self.notes.read()
        if not (notes.doubt or head.digest in notes.writing) or notes.writing - {head.digest}:
            return False
        if not self._is_newest(head.digest):
            return False
        manifest = self._manifest(head.digest)
        if manifest is None or manifest.spaces != frozenset(online_spaces(self.feature_set).values()):
            return False
        before = Before(manifest, {}, notes, doubt=True, ordinal=head.ordinal)
        uris = before.uris(self.lake)
        with self.engine.session([*uris.values()], directory, self.feature_set.seed) as session:
            self.write(session, manifest, head.digest, uris, before)
            self.settle(session, manifest, head, uris, before)
        return True

    def _answered(self, writing: frozenset[str]) -> frozenset[str]:
        """The spaces that stay though they are none of the version's."""
        others = [manifest.spaces for name in writing if (manifest := self._manifest(name))]
        return self.answered.union(*others)

    def _is_newest(self, version: str) -> bool:
        head = self.features.feature_head(self.product, self.feature_set.name)
        return head is not None and head.digest == version

    def _manifest(self, version: str) -> FeatureManifest | None:
        try:
            return load_features(self.lake, self.product, self.feature_set.name, version)
        except (NotFound, Corrupted):
            return None

    def _rows(
        self, manifest: FeatureManifest, version: str, uris: Mapping[str, str], notes: Notes, but: str = ""
    ) -> OnlineRows:
        writing = notes.writing - {version, but}
        return OnlineRows(self.online, self.clock, manifest, version, uris, writing)


def _view(manifest: FeatureManifest, view: FeatureView) -> ViewVersion:
    found = manifest.view(view.name)
    assert found is not None, f"{view.name} is a view of the version"
    return found


def _in_space(view: ViewVersion, versions: Iterable[FeatureManifest]) -> list[ViewVersion]:
    """The view as the ``versions`` have it, where their rows lie in its space."""
    found = [manifest.view(view.name) for manifest in versions]
    return [each for each in found if each and each.space and each.space == view.space]


def _uris(lake: ObjectStore, versions: Iterable[FeatureManifest]) -> dict[str, str]:
    everything = [p for m in versions for v in m.views for p in v.partitions]
    return {p.sha256: lake.uri(p.key) for p in everything if p.key}
