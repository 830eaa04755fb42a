"""The list of a version's files as a persistent structure: versions share what did not change.

Newest files stand in the manifest itself (``recent``). When there are too many they are folded into the one
``open`` segment, and a full segment is sealed and never written again. So what a commit writes does not grow
with history, and an old version is read with its manifest, at most one open segment, and one read for each
2,048 older files.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, overload

from headgate.domain.canonical import canonical_json
from headgate.domain.dataset import DataFile
from headgate.domain.errors import Corrupted

SEGMENT_FORMAT = "headgate.segment/1"
RECENT_FILES = 44
SEGMENT_FILES = 2048
_HEAD, _BETWEEN, _TAIL = '{"files":[\n', ",\n", f'\n],"format":"{SEGMENT_FORMAT}"}}'


@dataclass(frozen=True)
class SegmentRef:
    """A pointer to a segment with its totals, so that counting needs no further read."""

    digest: str
    files: int
    rows: int
    bytes: int


class StoredFiles(Sequence[DataFile]):
    """Files as a segment holds them: one canonical JSON text each, parsed only where a file is looked at.

    A fold into a segment of 2,000 files took 290 ms when it parsed and wrote them all anew.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = tuple(texts)

    @classmethod
    def of(cls, files: Sequence[DataFile]) -> "StoredFiles":
        if isinstance(files, StoredFiles):
            return files
        return cls(canonical_json(file_document(f)).decode("utf-8") for f in files)

    @classmethod
    def from_body(cls, body: bytes) -> "StoredFiles":
        """The files of a stored segment. Raises Corrupted when it is no segment of a known format."""
        text = body.decode("utf-8")
        if not (text.startswith(_HEAD) and text.endswith(_TAIL)):
            raise Corrupted(f"expected a {SEGMENT_FORMAT} document, found {text[:80]!r}")
        # A line each; splitting at one character takes a third of the time that two take.
        return cls(line.removesuffix(",") for line in text[len(_HEAD) : -len(_TAIL)].split("\n"))

    def __len__(self) -> int:
        return len(self.texts)

    @overload
    def __getitem__(self, index: int) -> DataFile: ...

    @overload
    def __getitem__(self, index: slice) -> "StoredFiles": ...

    def __getitem__(self, index: int | slice) -> "DataFile | StoredFiles":
        if isinstance(index, slice):
            return StoredFiles(self.texts[index])
        return DataFile.from_document(json.loads(self.texts[index]))


def file_document(file: DataFile) -> dict[str, Any]:
    """The plain form of a file; `dataclasses.asdict`, which copies deeply, takes ten times as long."""
    return {**vars(file), "columns": [vars(c) for c in file.columns], "source": vars(file.source)}


@dataclass(frozen=True)
class Segment:
    """A segment that has to be written. Its files are sorted, so that equal content has one digest."""

    files: StoredFiles
    rows: int
    size: int
    """Bytes of all its files."""

    @classmethod
    def of(cls, files: Sequence[DataFile], opened: "Segment | None" = None) -> "Segment":
        """A segment of ``files``, and of those of ``opened``."""
        texts = StoredFiles.of(files).texts + (opened.files.texts if opened else ())
        return cls(
            StoredFiles(sorted(texts)),
            sum(f.rows for f in files) + (opened.rows if opened else 0),
            sum(f.bytes for f in files) + (opened.size if opened else 0),
        )

    @cached_property
    def body(self) -> bytes:
        """What is stored: a JSON document with a line for each file, so that they are told apart unparsed.
        Canonical JSON holds no line break.
        """
        return f"{_HEAD}{_BETWEEN.join(self.files.texts)}{_TAIL}".encode()

    @cached_property
    def ref(self) -> SegmentRef:
        return SegmentRef(hashlib.sha256(self.body).hexdigest(), len(self.files), self.rows, self.size)


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
        return _folded(self.sealed, recent, self._opened(read))

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

    def _opened(self, read: ReadSegment) -> Segment | None:
        if self.open is None:
            return None
        return Segment(StoredFiles.of(read(self.open)), self.open.rows, self.open.bytes)

    def to_document(self) -> dict[str, Any]:
        return {
            "sealed": [vars(s) for s in self.sealed],
            "open": None if self.open is None else vars(self.open),
            "recent": [file_document(f) for f in self.recent],
        }

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


def _folded(
    sealed: tuple[SegmentRef, ...], files: tuple[DataFile, ...], opened: Segment | None = None
) -> Change:
    """``files`` behind ``sealed`` and ``opened``: full segments sealed, the rest open."""
    room = SEGMENT_FILES - (len(opened.files) if opened else 0)
    groups = [Segment.of(files[:room], opened)]
    groups += [Segment.of(files[i : i + SEGMENT_FILES]) for i in range(room, len(files), SEGMENT_FILES)]
    refs = [g.ref for g in groups]
    if refs[-1].files < SEGMENT_FILES:
        return Change(FileTable((*sealed, *refs[:-1]), refs[-1]), tuple(groups))
    return Change(FileTable((*sealed, *refs)), tuple(groups))
