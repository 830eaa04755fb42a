"""Garbage: which versions stay and why, what of the lake they reach, and what is kept of a collection.

Plans only; it reads and deletes nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from headgate.domain.errors import InvalidRequest
from headgate.domain.version import Spans, VersionRecord, union

KIND = "collect_garbage"
KEEP_LAST = 10
KEEP_DAYS = 30
GRACE_SECONDS = 24 * 3600
"""An object younger than this is never touched: a commit in flight may be about to name it."""
MOST_LISTED = 100
"""So many objects and versions stand in the record; the report in the lake has all."""
State = Literal["asked", "running", "done", "failed"]
Of = Literal["dataset", "features"]
"""Whose garbage it is: a dataset's, or a feature set's."""


@dataclass(frozen=True)
class Retention:
    """Versions that stay without a name: the newest ``keep_last`` of each branch, and all of
    ``keep_days``.
    """

    keep_last: int = KEEP_LAST
    keep_days: float = KEEP_DAYS
    grace_seconds: float = GRACE_SECONDS

    def __post_init__(self) -> None:
        if self.keep_last < 1 or self.keep_days < 0 or self.grace_seconds < 0:
            raise InvalidRequest(
                "at least one version of each branch is kept; days and grace are not negative"
            )


def kept_versions(
    records: Sequence[VersionRecord], named: Mapping[int, str], retention: Retention, young_since: str
) -> dict[int, str]:
    """Why each version stays that does; the others may go. ``records`` come newest first; ``named`` says what
    holds a version by name or use; versions made at or after ``young_since`` (ISO-8601 UTC) are young.
    """
    kept = {}
    on_branch: dict[str, int] = defaultdict(int)
    for record in records:
        on_branch[record.branch] += 1
        if record.ordinal in named:
            kept[record.ordinal] = named[record.ordinal]
        elif on_branch[record.branch] <= retention.keep_last:
            kept[record.ordinal] = f"one of the newest {retention.keep_last} of {record.branch}"
        elif record.created_at >= young_since:
            kept[record.ordinal] = f"made on {record.created_at[:10]}"
    return kept


@dataclass(frozen=True)
class Garbage:
    """One object version that nothing kept reaches; the size in bytes."""

    key: str
    version_id: str
    bytes: int
    last_modified: str
    reason: str


@dataclass(frozen=True)
class Kept:
    """A version that stays, and why."""

    ordinal: int
    reason: str


@dataclass(frozen=True)
class CollectionRequest:
    """A command: find what nothing reaches, and delete it unless ``dry_run``. ``dataset`` is the name of the
    feature set where it is ``of`` features.
    """

    id: str
    product: str
    dataset: str
    principal: str
    retention: Retention
    dry_run: bool
    of: Of = "dataset"

    def to_message(self) -> dict[str, Any]:
        kept = self.retention
        return {
            "kind": KIND,
            "of": self.of,
            "id": self.id,
            "product": self.product,
            "dataset": self.dataset,
            "principal": self.principal,
            "dry_run": self.dry_run,
            "keep_last": kept.keep_last,
            "keep_days": kept.keep_days,
            "grace_seconds": kept.grace_seconds,
        }

    @classmethod
    def from_message(cls, document: Mapping[str, Any]) -> "CollectionRequest":
        """Raises InvalidRequest when the message is broken."""
        try:
            retention = Retention(document["keep_last"], document["keep_days"], document["grace_seconds"])
            return cls(
                document["id"],
                document["product"],
                document["dataset"],
                document["principal"],
                retention,
                document["dry_run"],
                document.get("of", "dataset"),
            )
        except (KeyError, TypeError) as error:
            raise InvalidRequest(f"the message is no collection of garbage: {error}") from error


@dataclass(frozen=True)
class CollectionRecord:
    """What is kept of a collection. Times are ISO-8601 UTC, sizes bytes; ``collected`` are ranges of the
    ordinals given up by this collection, ``objects`` and ``bytes`` what it found, ``deleted`` and
    ``deleted_bytes`` what is gone by now. ``listed`` and ``kept`` hold the first few; ``report`` is the lake
    key of all of them.

    Of features: nothing written at or after ``old_before`` is touched, and no build that begins after
    ``settled_at`` finds what is to go: what versions other than those in ``gone`` (ranges) do not need.
    ``online`` are the digests that online rows were of then, besides the newest version.
    """

    id: str
    product: str
    dataset: str
    requested_by: str
    requested_at: str
    dry_run: bool
    retention: Retention
    state: State = "asked"
    started_at: str = ""
    finished_at: str = ""
    problem: str = ""
    versions: int = 0
    collected: Spans = ()
    scanned: int = 0
    objects: int = 0
    bytes: int = 0
    deleted: int = 0
    deleted_bytes: int = 0
    report: str = ""
    listed: tuple[Garbage, ...] = ()
    kept: tuple[Kept, ...] = field(default=())
    of: Of = "dataset"
    old_before: str = ""
    settled_at: str = ""
    gone: Spans = ()
    online: tuple[str, ...] = ()

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "CollectionRecord":
        fields = dict(document)
        fields["retention"] = Retention(**document["retention"])
        fields["collected"] = tuple((low, high) for low, high in document["collected"])
        fields["online"] = tuple(document.get("online", ()))
        fields["gone"] = tuple((low, high) for low, high in document.get("gone", ()))
        fields["listed"] = tuple(Garbage(**g) for g in document["listed"])
        fields["kept"] = tuple(Kept(**k) for k in document["kept"])
        return cls(**fields)

    @property
    def given_up(self) -> int:
        """How many versions this collection gave up."""
        return sum(high - low + 1 for low, high in self.collected)

    def with_deleted(self, garbage: Sequence[Garbage]) -> "CollectionRecord":
        return replace(
            self,
            deleted=self.deleted + len(garbage),
            deleted_bytes=self.deleted_bytes + sum(g.bytes for g in garbage),
        )


def ranges(ordinals: Iterable[int]) -> Spans:
    """Ordinals as sorted ranges."""
    return union(tuple((n, n) for n in ordinals))
