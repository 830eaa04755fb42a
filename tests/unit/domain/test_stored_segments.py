"""Segments as text: what is stored is what was meant, and folding parses nothing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace

import pytest
from headgate.domain.canonical import canonical_json
from headgate.domain.dataset import ColumnStats, DataFile, SourceRef
from headgate.domain.errors import Corrupted
from headgate.domain.file_table import (
    RECENT_FILES,
    SEGMENT_FILES,
    SEGMENT_FORMAT,
    FileTable,
    Segment,
    SegmentRef,
    StoredFiles,
    file_document,
    table_of,
)

AWKWARD = 'a "quoted" key,\n{"bytes":1},\n\u2028é\\'


def data_file(number: int, key: str = "") -> DataFile:
    name = hashlib.sha256(str(number).encode()).hexdigest()
    source = SourceRef("landing", key or f"shop/visits/{number}.csv", f"v{number}", name, 50 + number)
    columns = (ColumnStats("id", "BIGINT", 0, "1", None),)
    return DataFile(f"shop/datasets/visits/data/{name}.parquet", number, name, 2, columns, source, (0, 2))


def read_of(*segments: Segment) -> dict[str, bytes]:
    return {s.ref.digest: s.body for s in segments}


@pytest.mark.parametrize("files", [1, 2, RECENT_FILES + 1])
def test_a_stored_segment_gives_back_its_files(files: int) -> None:
    # Given files whose keys hold what JSON and lines treat in their own way
    made = [data_file(n, key=f"{AWKWARD}{n}") for n in range(files)]
    # When a segment of them is stored and read
    read = StoredFiles.from_body(Segment.of(made).body)
    # Then they are the same files, and its totals are theirs
    assert set(read) == set(made)
    assert Segment.of(made).ref == SegmentRef(
        Segment.of(made).ref.digest, files, 2 * files, sum(f.bytes for f in made)
    )


def test_a_segment_is_a_json_document_named_by_its_digest() -> None:
    segment = Segment.of([data_file(1), data_file(2)])
    document = json.loads(segment.body)
    assert document["format"] == SEGMENT_FORMAT
    assert {DataFile.from_document(f) for f in document["files"]} == {data_file(1), data_file(2)}
    assert segment.ref.digest == hashlib.sha256(segment.body).hexdigest()


def test_equal_files_have_one_digest_in_whatever_order_they_came() -> None:
    files = [data_file(n) for n in range(5)]
    assert Segment.of(files).ref == Segment.of(files[::-1]).ref
    assert Segment.of(files[3:], Segment.of(files[:3])).ref == Segment.of(files).ref


def test_the_quick_plain_form_is_the_plain_form() -> None:
    file = data_file(7, key=AWKWARD)
    assert canonical_json(file_document(file)) == canonical_json(asdict(file))


@pytest.mark.parametrize("body", [b"{}", b'{"files":[\n{}', b'{"files":[],"format":"headgate.segment/1"}'])
def test_bytes_that_are_no_segment_are_corrupted(body: bytes) -> None:
    with pytest.raises(Corrupted):
        StoredFiles.from_body(body)


def test_a_fold_copies_the_open_segment_unparsed() -> None:
    # Given a table with an open segment whose texts no parser would take
    before = table_of([data_file(n) for n in range(RECENT_FILES + 8)]).table
    assert before.open is not None
    full = replace(before, recent=tuple(data_file(100 + n) for n in range(RECENT_FILES)))
    unreadable = StoredFiles([f"not json {n}" for n in range(before.open.files)])
    # When one more file makes it fold
    change = full.append([data_file(1000)], lambda _: unreadable)
    # Then they were taken over as they are, with the totals the old reference had
    assert set(unreadable.texts) < set(change.segments[0].files.texts)
    assert change.table.rows == full.rows + 2
    assert change.table.files == full.files + 1


def test_a_full_segment_is_sealed_and_the_rest_stays_open() -> None:
    # Given one file fewer than two segments hold, added a few at a time
    table, stored = FileTable(), dict[str, bytes]()

    def read(ref: SegmentRef) -> StoredFiles:
        return StoredFiles.from_body(stored[ref.digest])

    total = 2 * SEGMENT_FILES - 1
    numbers = list(range(total))
    for start in range(0, total, 45):
        change = table.append([data_file(n) for n in numbers[start : start + 45]], read)
        stored |= read_of(*change.segments)
        table = change.table
    # Then the first segment is full and everything is there once
    assert [s.files for s in table.sealed] == [SEGMENT_FILES]
    assert sorted(f.bytes for f in table.list(read)) == numbers
    assert (table.files, table.rows, table.bytes) == (total, 2 * total, sum(numbers))
