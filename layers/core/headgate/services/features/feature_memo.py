"""What was made before, by the id of the step that made it: in the version before, or kept beside the data by
any build that got so far. It is a cache: whoever rewrites data files may forget all of it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from headgate.domain.canonical import canonical_json
from headgate.domain.errors import NotFound
from headgate.domain.feature_statistics import ColumnSketch
from headgate.domain.feature_version import FeatureColumn, FeatureManifest, Partition
from headgate.ports import ObjectStore

FEW = 8
"""Up to so many records are looked for one by one; for more the names of all are listed first."""

Sketches = Mapping[str, ColumnSketch]


@dataclass(frozen=True)
class Made:
    """What one step made: the columns, its partitions, and of a training partition what its columns look
    like.
    """

    columns: tuple[FeatureColumn, ...]
    partitions: tuple[Partition, ...]
    sketches: Sketches = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Made":
        return cls(
            columns=tuple(FeatureColumn(**c) for c in document["columns"]),
            partitions=tuple(Partition(**p) for p in document["partitions"]),
            sketches={n: ColumnSketch.from_document(s) for n, s in document["sketches"].items()},
        )


class FeatureMemo:
    """The records of one feature set. ``head`` is the newest version, ``sketches`` those of its training
    partitions by id.
    """

    def __init__(
        self, lake: ObjectStore, prefix: str, head: FeatureManifest | None, sketches: Mapping[str, Sketches]
    ) -> None:
        self._lake = lake
        self._prefix = prefix
        self._known = {} if head is None else _made_by(head, sketches)

    def find(self, ids: Sequence[str]) -> dict[str, Made]:
        """What is known of the ``ids``; the others have to be made."""
        rest = [id_ for id_ in dict.fromkeys(ids) if id_ not in self._known]
        if len(rest) > FEW:
            there = {e.key for e in self._lake.entries(f"{self._prefix}/memo/") if e.is_latest}
            rest = [id_ for id_ in rest if memo_key(self._prefix, id_) in there]
        for id_ in rest:
            try:
                body = self._lake.get(memo_key(self._prefix, id_))
            except NotFound:
                continue
            self._known[id_] = Made.from_document(json.loads(body))
        return {id_: self._known[id_] for id_ in ids if id_ in self._known}

    def keep(self, id_: str, made: Made) -> None:
        body = canonical_json(made.to_document())
        self._lake.put(memo_key(self._prefix, id_), body, "application/json")
        self._known[id_] = made


class FreshMemo(FeatureMemo):
    """Knows nothing of what was made before, and keeps what is made now to itself."""

    def __init__(self) -> None:
        self._known: dict[str, Made] = {}

    def find(self, ids: Sequence[str]) -> dict[str, Made]:
        return {id_: self._known[id_] for id_ in ids if id_ in self._known}

    def keep(self, id_: str, made: Made) -> None:
        self._known[id_] = made


def _made_by(head: FeatureManifest, sketches: Mapping[str, Sketches]) -> dict[str, Made]:
    """What the newest version holds, by the step that made it."""
    found: dict[str, Made] = {}
    for view in head.views:
        for partition in view.partitions:
            before = found.get(partition.id)
            found[partition.id] = Made(
                view.columns, (*before.partitions, partition) if before else (partition,)
            )
    for partition in head.partitions:
        if partition.id in sketches:
            found[partition.id] = Made(head.columns, (partition,), sketches[partition.id])
    return found


def memo_key(prefix: str, id_: str) -> str:
    return f"{prefix}/memo/{id_}.json"


def forget_all(lake: ObjectStore, prefix: str) -> None:
    """Every version of every record is gone, and of the statistics, which tell values: what they speak of was
    rewritten.
    """
    for kind in ("memo", "statistics"):
        for entry in list(lake.entries(f"{prefix}/{kind}/")):
            lake.delete(entry.key, entry.version_id)
