"""Notes beside a feature set's data about what its online rows may be of, besides the newest version.

A build that writes rows notes its version first and takes the note away when the version is the newest and
its rows are all there. So whoever comes after a worker that died, or overtook a slower one, knows whose rows
may be in the store. An erasure leaves a mark: the rows are not those of the newest version any more.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from headgate.domain.canonical import canonical_json
from headgate.domain.errors import NotFound
from headgate.ports import Clock, ObjectStore
from headgate.services.clock import iso
from headgate.services.features.feature_manifests import features_prefix
from headgate.services.versions.put_in_place import forget, forget_older

DEAD_AFTER = timedelta(minutes=20)
"""No worker that writes online rows lives longer: a function has 15 minutes."""


@dataclass(frozen=True)
class Notes:
    """``writing`` are versions that somebody writes now; ``left`` those whose worker died, and ``marks`` the
    erasures since. ``kept`` are recipes of before whose rows are kept up to date.
    """

    writing: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()
    marks: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()

    @property
    def doubt(self) -> bool:
        """Nobody knows what rows there are."""
        return bool(self.left or self.marks)

    def __bool__(self) -> bool:
        return bool(self.writing or self.doubt)


@dataclass(frozen=True)
class OnlineNotes:
    """The notes of one feature set. They name versions and hold no values."""

    lake: ObjectStore
    clock: Clock
    product: str
    feature_set: str

    def read(self) -> Notes:
        """One listing."""
        settled = iso(self.clock.now() - DEAD_AFTER)
        found: dict[str, set[str]] = {"writing": set(), "left": set(), "marks": set(), "kept": set()}
        for entry in self.lake.entries(self._prefix):
            kind, _, name = entry.key.removeprefix(self._prefix).removesuffix(".json").partition("/")
            if not entry.is_latest:
                continue
            if kind == "version":
                found["left" if entry.last_modified < settled else "writing"].add(name)
            elif kind in ("erasure", "kept"):
                found["marks" if kind == "erasure" else kind].add(name)
        return Notes(**{kind: frozenset(names) for kind, names in found.items()})

    def kept(self, recipe: str) -> str:
        """The version that the rows of a recipe of before are of; '' when nobody knows."""
        try:
            return str(json.loads(self.lake.get(self._key("kept", recipe)))["version"])
        except NotFound:
            return ""

    def versions(self) -> frozenset[str]:
        """The versions that the store's rows may be of, besides the newest."""
        notes = self.read()
        return notes.writing | notes.left | {self.kept(recipe) for recipe in notes.kept} - {""}

    def begin(self, version: str) -> None:
        self._put("version", version)

    def mark(self, erasure: str) -> None:
        """Of what rows are, nobody can be sure."""
        self._put("erasure", erasure)
        for recipe in sorted(self.read().kept):
            self.keep(recipe, "")

    def keep(self, recipe: str, version: str) -> None:
        self._put("kept", recipe, version)
        forget_older(self.lake, self._key("kept", recipe))

    def end(self, versions: Iterable[str] = (), marks: Iterable[str] = (), kept: Iterable[str] = ()) -> None:
        for kind, names in (("version", versions), ("erasure", marks), ("kept", kept)):
            for name in sorted(names):
                forget(self.lake, self._key(kind, name))

    @property
    def _prefix(self) -> str:
        return f"{features_prefix(self.product, self.feature_set)}/online/"

    def _key(self, kind: str, name: str) -> str:
        return f"{self._prefix}{kind}/{name}.json"

    def _put(self, kind: str, name: str, version: str = "") -> None:
        body = canonical_json({"version": version})
        self.lake.put(self._key(kind, name), body, "application/json")
