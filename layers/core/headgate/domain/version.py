"""History: version records, branches, tags, and what of history a head still shows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headgate.domain.dataset import SourceRef
from headgate.domain.errors import InvalidRequest
from headgate.domain.manifest import Manifest, Operation

MAIN = "main"
MAX_SOURCES = 45
"""Most sources one commit may add: two items a source, the head, the record and the counter move in one
transaction of at most 100 items.
"""

_REF_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_ORDINAL = re.compile(r"v?([1-9][0-9]{0,9})")

Spans = tuple[tuple[int, int], ...]
"""Sorted, disjoint, closed ranges of ordinals."""


@dataclass(frozen=True)
class VersionRecord:
    """What the catalog keeps of a version: enough to list history without reading manifests. Times are
    ISO-8601 UTC.

    ``visible`` are the ordinals whose additions this version still shows: bytes that came with one of them
    are known here, bytes that came with another (rolled back, overwritten) may be dropped again.
    """

    product: str
    dataset: str
    ordinal: int
    digest: str
    parent: str | None
    operation: Operation
    rows: int
    files: int
    bytes: int
    added_rows: int
    created_at: str
    sources: tuple[SourceRef, ...]
    ingest_seconds: float
    ingest_bytes: int
    branch: str = MAIN
    author: str = ""
    message: str = ""
    visible: Spans = ()
    second_parent: str | None = None
    """Of a merge: the version that was merged in; of a rollback: the one that is shown again."""
    collected_at: str = ""
    """When the version was given up as garbage: its files may be gone, and nothing may take them over."""

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "VersionRecord":
        fields = dict(document)
        fields["sources"] = tuple(SourceRef(**s) for s in document["sources"])
        fields["visible"] = tuple((low, high) for low, high in document.get("visible", ()))
        return cls(**fields)

    def shows(self, ordinal: int) -> bool:
        return any(low <= ordinal <= high for low, high in self.visible)


@dataclass(frozen=True)
class Head:
    """Where a branch stands: its newest version with its manifest, so that a commit reads nothing else."""

    record: VersionRecord
    manifest: Manifest | None
    """None when it is too large to be kept with the head: then it is in the lake alone."""


@dataclass(frozen=True)
class CommitView:
    """What a committer must know, read together: the head, the next ordinal, and which of its sources are
    known.

    ``objects`` maps a source's identity to the version that took in this very object version; ``contents``
    maps a sha256 to the versions that added these bytes. Unknown ones are absent. ``refused`` are the
    identities among its sources that were quarantined at some time.
    """

    head: Head | None
    next_ordinal: int
    objects: Mapping[str, int] = field(default_factory=dict)
    contents: Mapping[str, int] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()
    erased: frozenset[str] = frozenset()
    """The sha256s among its sources whose bytes held rows that were erased since."""

    def known(self, source: SourceRef) -> int | None:
        """The version that holds this source as far as this head shows, or None when it is new here."""
        if (ordinal := self.objects.get(source.identity)) is not None:
            return ordinal
        ordinal = self.contents.get(source.sha256)
        return ordinal if ordinal is not None and self.head and self.head.record.shows(ordinal) else None


@dataclass(frozen=True)
class Tag:
    """A name that always means one version."""

    name: str
    ordinal: int
    digest: str
    author: str
    created_at: str
    message: str = ""


@dataclass(frozen=True)
class Branch:
    """A name whose meaning moves: ``base`` is the version it began from."""

    name: str
    base: str
    base_ordinal: int
    author: str
    created_at: str
    head_ordinal: int
    head_digest: str


@dataclass(frozen=True)
class Hold:
    """A reason to keep a version, whatever its age."""

    name: str
    ordinal: int
    author: str
    created_at: str
    reason: str


def check_ref_name(name: str) -> str:
    """``name`` if it may name a tag or branch. Raises InvalidRequest: names must not read as ordinals or
    digests.
    """
    if not _REF_NAME.fullmatch(name) or _ORDINAL.fullmatch(name) or re.fullmatch(r"[0-9a-f]{12,64}", name):
        raise InvalidRequest(
            f"{name!r} names no tag or branch: lower-case letters, digits, '.', '_', '-', at most 63, "
            "and nothing that reads as a version (v12) or a digest"
        )
    return name


def ordinal_of(name: str) -> int | None:
    """12 for ``v12`` or ``12``; None for anything else."""
    found = _ORDINAL.fullmatch(name)
    return int(found.group(1)) if found else None


def with_ordinal(spans: Spans, ordinal: int) -> Spans:
    """``spans`` with an ordinal greater than all of them."""
    if spans and spans[-1][1] == ordinal - 1:
        return (*spans[:-1], (spans[-1][0], ordinal))
    return (*spans, (ordinal, ordinal))


def union(*many: Spans) -> Spans:
    """Every ordinal of any of them."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(span for spans in many for span in spans):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def covers(spans: Spans, ordinal: int) -> bool:
    """Whether ``ordinal`` is in one of ``spans``."""
    return any(low <= ordinal <= high for low, high in spans)


def clipped(spans: Spans, last: int) -> Spans:
    """The ordinals of ``spans`` up to ``last``."""
    return tuple((low, min(high, last)) for low, high in spans if low <= last)


def added_between(before: Sequence[str], after: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(added, removed) keys from one list of file keys to another, in order."""
    old, new = set(before), set(after)
    return tuple(k for k in after if k not in old), tuple(k for k in before if k not in new)
