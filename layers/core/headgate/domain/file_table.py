"""The list of a version's files as a persistent structure: versions share what did not change.

Newest files stand in the manifest itself (``recent``). When there are too many they are folded into the one
``open`` segment, and a full segment is sealed and never written again. So what a commit writes does not grow
with history, and an old version is read with its manifest, at most one open segment, and one read for each
2,048 older files.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from headgate.domain.canonical import digest
from headgate.domain.dataset import DataFile
from headgate.domain.errors import Corrupted

SEGMENT_FORMAT = "headgate.segment/1"
RECENT_FILES = 32
SEGMENT_FILES = 2048


@dataclass(frozen=True)
class SegmentRef:
    """A pointer to a segment with its totals, so that counting needs no further read."""

    digest: str
    files: int
    rows: int
    bytes: int


@dataclass(frozen=True)
class Segment:
    """A segment that has to be written: its files are sorted by key, so that equal content has one digest."""

    files: tuple[DataFile, ...]

    def to_document(self) -> dict[str, Any]:
        return {"format": SEGMENT_FORMAT, "files": [asdict(f) for f in self.files]}

    @property
    def ref(self) -> SegmentRef:
        files = self.files
        return SegmentRef(
            digest(self.to_document()), len(files), sum(f.rows for f in files), sum(f.bytes for f in files)
        )

    @classmethod
    def of(cls, files: Iterable[DataFile]) -> "Segment":
        return cls(tuple(sorted(files, key=lambda f: f.key)))

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Segment":
        """Raises Corrupted when the document is no segment of a known format."""
        if document.get("format") != SEGMENT_FORMAT:
            raise Corrupted(f"expected a {SEGMENT_FORMAT} document, found {document.get('format')!r}")
        return cls(tuple(DataFile.from_document(f) for f in document["files"]))


ReadSegment = Callable[[SegmentRef], Sequence[DataFile]]


@dataclass(frozen=True)
class FileTable:
    """The files of one version."""

    sealed: tuple[SegmentRef, ...] = ()
    open: SegmentRef | None = None
    recent: tuple[DataFile, ...] = ()

    @property
    def segments(self) -> tuple[SegmentRef, ...]:
        return (*self.sealed, *([self.open] if self.open else []))

    @property
    def files(self) -> int:
        return sum(s.files for s in self.segments) + len(self.recent)

    @property
    def rows(self) -> int:
        return sum(s.rows for s in self.segments) + sum(f.rows for f in self.recent)

    @property
    def bytes(self) -> int:
        return sum(s.bytes for s in self.segments) + sum(f.bytes for f in self.recent)

    def list(self, read: ReadSegment) -> tuple[DataFile, ...]:
        """Every file, oldest segment first: one read a segment."""
        return (*(f for s in self.segments for f in read(s)), *self.recent)

    def append(self, files: Sequence[DataFile], read: ReadSegment) -> "Change":
        """The table with ``files`` added. Reads the open segment only when the recent files are folded into
        it.
        """
        recent = (*self.recent, *files)
        if len(recent) <= RECENT_FILES:
            return Change(replace(self, recent=recent), ())
        return _folded(self.sealed, (*(read(self.open) if self.open else ()), *recent))

    def rewrite(self, change: Callable[[DataFile], Sequence[DataFile]], read: ReadSegment) -> "Change":
        """Each file replaced by what ``change`` makes of it; segments in which nothing changes are kept as
        they are.
        """
        sealed: list[SegmentRef] = []
        written: list[Segment] = []
        for ref in self.segments:
            before = tuple(read(ref))
            after = tuple(new for f in before for new in change(f))
            if after == before:
                sealed.append(ref)
            elif after:
                segment = Segment.of(after)
                written.append(segment)
                sealed.append(segment.ref)
        recent = tuple(new for f in self.recent for new in change(f))
        is_open = self.open is not None and bool(sealed) and sealed[-1].files < SEGMENT_FILES
        full, last = (sealed[:-1], sealed[-1]) if is_open else (sealed, None)
        return Change(FileTable(tuple(full), last, recent), tuple(written))

    def to_document(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "FileTable":
        opened = document["open"]
        return cls(
            sealed=tuple(SegmentRef(**s) for s in document["sealed"]),
            open=None if opened is None else SegmentRef(**opened),
            recent=tuple(DataFile.from_document(f) for f in document["recent"]),
        )


@dataclass(frozen=True)
class Change:
    """A new table, and the segments that must be in the lake before anyone reads it."""

    table: FileTable
    segments: tuple[Segment, ...]


def table_of(files: Sequence[DataFile]) -> Change:
    """A table of exactly ``files``, sharing nothing."""
    if len(files) <= RECENT_FILES:
        return Change(FileTable(recent=tuple(files)), ())
    return _folded((), tuple(files))


def _folded(sealed: tuple[SegmentRef, ...], files: tuple[DataFile, ...]) -> Change:
    """``files`` as segments behind ``sealed``: full ones sealed, the rest open."""
    groups = [Segment.of(files[i : i + SEGMENT_FILES]) for i in range(0, len(files), SEGMENT_FILES)]
    refs = [g.ref for g in groups]
    if refs and refs[-1].files < SEGMENT_FILES:
        return Change(FileTable((*sealed, *refs[:-1]), refs[-1]), tuple(groups))
    return Change(FileTable((*sealed, *refs)), tuple(groups))
