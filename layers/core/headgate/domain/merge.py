"""Merging two lines of history: three lists of files make one, and what of history the result shows.

A file counts once by what it holds and where that came from. Reads nothing by itself, and knows no branch.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headgate.domain.dataset import DataFile
from headgate.domain.errors import PreconditionFailed
from headgate.domain.file_table import Change, FileTable, ReadSegment, SegmentRef
from headgate.domain.version import Spans, union, with_ordinal

FileId = tuple[str, str, int, int]


def file_id(file: DataFile) -> FileId:
    """What makes two entries of two tables the same file: its bytes, and the source's bytes and rows that it
    holds.
    """
    return (file.key, file.source.sha256, *file.source_rows)


def apart(tables: Sequence[FileTable], read: ReadSegment) -> list[tuple[DataFile, ...]]:
    """The files of each table but for the segments that all of them share: these cannot differ, and are not
    read.
    """
    shared = set.intersection(*({s.digest for s in table.segments} for table in tables))
    return [
        (*(f for s in table.segments if s.digest not in shared for f in read(s)), *table.recent)
        for table in tables
    ]


def reading_once(read: ReadSegment) -> ReadSegment:
    """``read``, asked once for each segment."""
    known: dict[str, Sequence[DataFile]] = {}

    def remembered(ref: SegmentRef) -> Sequence[DataFile]:
        if ref.digest not in known:
            known[ref.digest] = read(ref)
        return known[ref.digest]

    return remembered


@dataclass(frozen=True)
class Difference:
    """What leads from one table to another: files in the order of their tables."""

    added: tuple[DataFile, ...]
    removed: tuple[DataFile, ...]


def difference(before: FileTable, after: FileTable, read: ReadSegment) -> Difference:
    """Reads only the segments that the two do not share."""
    old, new = apart((before, after), read)
    known, kept = {file_id(f) for f in old}, {file_id(f) for f in new}
    return Difference(
        tuple(f for f in new if file_id(f) not in known), tuple(f for f in old if file_id(f) not in kept)
    )


@dataclass(frozen=True)
class MergedFiles:
    """The table of a merge, and what came and went in the table that was merged into."""

    change: Change
    added: tuple[DataFile, ...]
    removed: tuple[DataFile, ...]


def merge_files(base: FileTable, ours: FileTable, theirs: FileTable, read: ReadSegment) -> MergedFiles:
    """``ours`` without what ``theirs`` removed since ``base``, and with what it added.

    Raises PreconditionFailed when both removed the same files: what stands in their place cannot be known.
    """
    once = reading_once(read)
    since = difference(base, theirs, once)
    known = {file_id(f) for f in apart((ours, base), once)[0]}
    gone = {file_id(f) for f in difference(base, ours, once).removed}
    both = [f for f in since.removed if file_id(f) in gone]
    if both:
        raise PreconditionFailed(
            f"both sides removed or replaced the same {len(both)} file(s), the first of {both[0].rows} rows "
            f"from {both[0].source.key}: make one side as it should be, then merge again"
        )
    added = tuple(f for f in since.added if file_id(f) not in known)
    if ours == base:
        return MergedFiles(Change(theirs, ()), since.added, since.removed)
    return MergedFiles(_changed(ours, {file_id(f) for f in since.removed}, added, once), added, since.removed)


def _changed(table: FileTable, removed: set[FileId], added: Sequence[DataFile], read: ReadSegment) -> Change:
    first = Change(table, ())
    if removed:
        first = table.rewrite(lambda f: () if file_id(f) in removed else (f,), read)
    written = {segment.ref.digest: segment for segment in first.segments}

    def reading(ref: SegmentRef) -> Sequence[DataFile]:
        return written[ref.digest].files if ref.digest in written else read(ref)

    second = first.table.append(added, reading)
    written |= {segment.ref.digest: segment for segment in second.segments}
    named = {ref.digest for ref in second.table.segments}
    return Change(second.table, tuple(s for name, s in written.items() if name in named))


def merged_visible(base: Spans, ours: Spans, theirs: Spans, ordinal: int) -> Spans:
    """Ours without what theirs stopped showing since the base, with what it shows anew, and the merge
    itself.
    """
    kept = without(ours, without(base, theirs))
    return with_ordinal(union(kept, without(theirs, base)), ordinal)


def without(spans: Spans, others: Iterable[tuple[int, int]]) -> Spans:
    """The ordinals of ``spans`` that are in none of ``others``."""
    left = list(spans)
    for low, high in others:
        left = [
            part
            for a, b in left
            for part in ((a, min(b, low - 1)), (max(a, high + 1), b))
            if part[0] <= part[1]
        ]
    return tuple(sorted(set(left)))
