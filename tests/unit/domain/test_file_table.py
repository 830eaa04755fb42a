"""The list of a version's files: whatever is done to it, no file is lost or doubled; what is shared stays."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from headgate.domain.canonical import canonical_json
from headgate.domain.dataset import ColumnStats, DataFile, SourceRef
from headgate.domain.file_table import RECENT_FILES, SEGMENT_FILES, Change, FileTable, SegmentRef, table_of
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

SIZES = st.one_of(
    st.integers(1, 3),
    st.integers(RECENT_FILES - 1, RECENT_FILES + 2),
    st.sampled_from([700, 2047, 2048, 4500]),
)


def file(number: int) -> DataFile:
    """A file of its own for each number; the keys are in no order of time."""
    name = f"{number * 7919 % 100_003:05d}-{number}"
    source = SourceRef("landing", f"shop/orders/{name}.csv", "v1", f"s-{name}", 10)
    stats = (ColumnStats("größe", "INTEGER", 0, '"', None),)
    return DataFile(
        f"data/{name}.parquet", number % 90 + 1, f"d-{name}", number % 7 + 1, stats, source, (0, 1)
    )


class Lake:
    """Segments by digest, and how often they were read."""

    def __init__(self) -> None:
        self.segments: dict[str, Sequence[DataFile]] = {}
        self.reads = 0

    def store(self, change: Change) -> FileTable:
        for segment in change.segments:
            self.segments[segment.ref.digest] = segment.files
        return change.table

    def read(self, ref: SegmentRef) -> Sequence[DataFile]:
        self.reads += 1
        return self.segments[ref.digest]

    def reads_of(self, act: Callable[[], Any]) -> int:
        before = self.reads
        act()
        return self.reads - before

    def keys(self, table: FileTable) -> Counter[str]:
        return Counter(f.key for f in table.list(self.read))


@dataclass
class Version:
    """A table, and what must be in it."""

    table: FileTable
    files: list[DataFile]


class Tables(RuleBasedStateMachine):
    """A line of versions; the older ones must stay as they were."""

    def __init__(self) -> None:
        super().__init__()
        self.lake = Lake()
        self.versions = [Version(FileTable(), [])]
        self.made = 0

    @property
    def now(self) -> Version:
        return self.versions[-1]

    def _new(self, count: int) -> list[DataFile]:
        self.made += count
        return [file(n) for n in range(self.made - count, self.made)]

    def _become(self, change: Change, files: list[DataFile]) -> None:
        self.versions.append(Version(self.lake.store(change), files))

    @rule(count=SIZES)
    def append(self, count: int) -> None:
        before, files, changes = self.now, self._new(count), list[Change]()

        reads = self.lake.reads_of(lambda: changes.append(before.table.append(files, self.lake.read)))

        (change,) = changes
        self._become(change, [*before.files, *files])
        # What is sealed is neither read nor written again
        old, new = before.table, change.table
        assert new.sealed[: len(old.sealed)] == old.sealed
        assert {s.ref.digest for s in change.segments}.isdisjoint(s.digest for s in old.sealed)
        # The open segment is read and written at most once, and only when the recent files are folded
        folds = len(old.recent) + count > RECENT_FILES
        assert reads == (1 if folds and old.open else 0)
        assert len(change.segments) <= (math.ceil((count + RECENT_FILES) / SEGMENT_FILES) + 1) * folds
        assert len(new.segments) <= len(old.segments) + math.ceil((count + len(old.recent)) / SEGMENT_FILES)

    @rule(count=SIZES)
    def overwrite(self, count: int) -> None:
        files = self._new(count)
        change = table_of(files)

        self._become(change, files)
        assert len(change.table.segments) <= math.ceil(count / SEGMENT_FILES)

    @precondition(lambda self: self.now.files)
    @rule(every=st.sampled_from([1, 3, 40, 2000]), into=st.integers(0, 2), at=st.integers(0, 1999))
    def rewrite(self, every: int, into: int, at: int) -> None:
        """Some files are dropped, replaced, or become two."""
        before = self.now

        def changed(old: DataFile) -> list[DataFile]:
            if int(old.key.rsplit("-", 1)[1].split(".")[0]) % every != at % every:
                return [old]
            return [replace(old, key=f"{n}/{old.key}") for n in range(into)]

        change = before.table.rewrite(changed, self.lake.read)

        self._become(change, [new for old in before.files for new in changed(old)])
        # Segments in which nothing changed are shared, and no other is written
        assert len(change.table.segments) <= len(before.table.segments)
        kept = {s.digest for s in before.table.segments} & {s.digest for s in change.table.segments}
        assert kept.isdisjoint(s.ref.digest for s in change.segments)
        assert len(kept) + len(change.segments) == len(change.table.segments)

    @rule()
    def rewrite_nothing(self) -> None:
        before = self.now
        change = before.table.rewrite(lambda f: [f], self.lake.read)

        self._become(change, before.files)
        assert change.segments == ()

    @invariant()
    def every_file_is_there_once_and_listed_with_one_read_a_segment(self) -> None:
        table, files = self.now.table, self.now.files
        found: list[Counter[str]] = []
        assert self.lake.reads_of(lambda: found.append(self.lake.keys(table))) == len(table.segments)
        assert found == [Counter(f.key for f in files)]
        assert max(found[0].values(), default=1) == 1
        totals = (len(files), sum(f.rows for f in files), sum(f.bytes for f in files))
        assert (table.files, table.rows, table.bytes) == totals

    @invariant()
    def a_table_is_its_document(self) -> None:
        text = canonical_json(self.now.table.to_document())
        assert FileTable.from_document(json.loads(text)) == self.now.table

    def teardown(self) -> None:
        """No version was changed by those after it."""
        for version in self.versions[:-1:4]:
            assert self.lake.keys(version.table) == Counter(f.key for f in version.files)


TestTables = Tables.TestCase
TestTables.settings = settings(max_examples=12, stateful_step_count=8, deadline=None)


@settings(max_examples=15, deadline=None)
@given(st.lists(SIZES, max_size=8))
def test_a_dataset_that_only_grows_is_read_with_one_segment_for_each_2048_files(batches: list[int]) -> None:
    lake, table, count = Lake(), FileTable(), 0
    for size in batches:
        table = lake.store(table.append([file(n) for n in range(count, count + size)], lake.read))
        count += size

    assert len(table.segments) <= math.ceil(count / SEGMENT_FILES)
    assert all(s.files == SEGMENT_FILES for s in table.sealed)
    assert table.open is None or table.open.files < SEGMENT_FILES
    assert len(table.recent) <= RECENT_FILES


def test_one_file_at_a_time_writes_a_segment_every_45th_time() -> None:
    lake, table, written = Lake(), FileTable(), list[int]()
    for n in range(200):
        change = table.append([file(n)], lake.read)
        written.append(len(change.segments))
        table = lake.store(change)

    assert [n + 1 for n, segments in enumerate(written) if segments] == [45, 90, 135, 180]
    assert set(written) == {0, 1}


@pytest.mark.parametrize("count", [0, 1, RECENT_FILES, RECENT_FILES + 1, SEGMENT_FILES, SEGMENT_FILES + 1])
def test_a_table_of_files_has_exactly_these(count: int) -> None:
    files = [file(n) for n in range(count)]
    lake = Lake()

    table = lake.store(table_of(files))

    assert lake.keys(table) == Counter(f.key for f in files)
    assert len(table.segments) == (0 if count <= RECENT_FILES else math.ceil(count / SEGMENT_FILES))


@given(st.permutations(range(RECENT_FILES + 8)))
def test_equal_files_make_equal_segments_in_whatever_order_they_came(order: list[int]) -> None:
    straight = table_of([file(n) for n in sorted(order)])

    assert table_of([file(n) for n in order]).table == straight.table


def test_a_rewrite_that_leaves_nothing_leaves_an_empty_table() -> None:
    lake = Lake()
    table = lake.store(table_of([file(n) for n in range(SEGMENT_FILES + 40)]))

    change = table.rewrite(lambda _: [], lake.read)

    assert change == Change(FileTable(), ())
