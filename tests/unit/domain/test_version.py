"""What of history a head shows, and the names of versions."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict, replace

import pytest
from headgate.domain.canonical import canonical_json
from headgate.domain.dataset import SourceRef
from headgate.domain.errors import InvalidRequest
from headgate.domain.version import (
    CommitView,
    Head,
    Spans,
    VersionRecord,
    added_between,
    check_ref_name,
    clipped,
    ordinal_of,
    union,
    with_ordinal,
)
from hypothesis import given
from hypothesis import strategies as st

ordinals = st.sets(st.integers(1, 40))
SOURCE = SourceRef("landing", "shop/orders/a b.csv", "v1", "sha-a", 10)
RECORD = VersionRecord(
    product="shop",
    dataset="orders",
    ordinal=3,
    digest="d3",
    parent="d2",
    operation="append",
    rows=1,
    files=1,
    bytes=1,
    added_rows=1,
    created_at="2030-01-01T00:00:00.000Z",
    sources=(SOURCE,),
    ingest_seconds=0.1,
    ingest_bytes=10,
)


def spans_of(numbers: set[int]) -> Spans:
    """The ordinals one by one, as commits add them."""
    spans: Spans = ()
    for number in sorted(numbers):
        spans = with_ordinal(spans, number)
    return spans


def numbers_of(spans: Spans) -> set[int]:
    return {n for low, high in spans for n in range(low, high + 1)}


def are_tidy(spans: Spans) -> bool:
    """Sorted, disjoint, none beside another."""
    return all(low <= high for low, high in spans) and all(
        before[1] + 1 < after[0] for before, after in itertools.pairwise(spans)
    )


@given(ordinals)
def test_spans_are_a_set_of_ordinals(numbers: set[int]) -> None:
    spans = spans_of(numbers)

    assert numbers_of(spans) == numbers
    assert are_tidy(spans)


@given(st.lists(ordinals, max_size=4))
def test_a_union_has_every_ordinal_of_any(many: list[set[int]]) -> None:
    merged = union(*(spans_of(numbers) for numbers in many))

    assert numbers_of(merged) == set().union(*many)
    assert are_tidy(merged)


@given(ordinals, st.integers(0, 41))
def test_clipped_spans_end_where_they_are_told_to(numbers: set[int], last: int) -> None:
    spans = clipped(spans_of(numbers), last)

    assert numbers_of(spans) == {n for n in numbers if n <= last}
    assert are_tidy(spans)


@given(ordinals, ordinals, st.integers(0, 41))
def test_union_and_clipping_may_be_done_in_either_order(left: set[int], right: set[int], last: int) -> None:
    a, b = spans_of(left), spans_of(right)

    assert clipped(union(a, b), last) == union(clipped(a, last), clipped(b, last))


@given(ordinals, st.integers(1, 41))
def test_a_version_shows_the_ordinals_in_its_spans(numbers: set[int], ordinal: int) -> None:
    assert replace(RECORD, visible=spans_of(numbers)).shows(ordinal) == (ordinal in numbers)


@given(ordinals)
def test_a_record_survives_json(numbers: set[int]) -> None:
    record = replace(RECORD, visible=spans_of(numbers))

    assert VersionRecord.from_document(json.loads(canonical_json(asdict(record)))) == record


def test_a_record_of_a_time_without_branches_is_on_main() -> None:
    document = asdict(RECORD)
    for name in ("branch", "author", "message", "visible"):
        del document[name]

    assert VersionRecord.from_document(document) == RECORD


@pytest.mark.parametrize(
    ("objects", "contents", "visible", "known"),
    [
        ({}, {}, ((1, 3),), None),
        ({SOURCE.identity: 2}, {"sha-a": 2}, ((1, 3),), 2),
        ({SOURCE.identity: 2}, {"sha-a": 2}, ((3, 3),), 2),
        ({}, {"sha-a": 2}, ((1, 3),), 2),
        ({}, {"sha-a": 2}, ((1, 1), (3, 3)), None),
        ({SOURCE.identity: 1}, {"sha-a": 2}, ((1, 3),), 1),
    ],
    ids=["new", "taken in", "taken in and rolled back", "equal bytes", "equal bytes rolled back", "both"],
)
def test_a_source_is_known_once_taken_in_and_by_its_bytes_while_they_are_shown(
    objects: dict[str, int], contents: dict[str, int], visible: Spans, known: int | None
) -> None:
    head = Head(replace(RECORD, visible=visible), None)

    assert CommitView(head, 4, objects, contents).known(SOURCE) == known


def test_before_the_first_version_only_objects_are_known() -> None:
    assert CommitView(None, 4, {}, {"sha-a": 2}).known(SOURCE) is None
    assert CommitView(None, 4, {SOURCE.identity: 2}, {"sha-a": 2}).known(SOURCE) == 2


@pytest.mark.parametrize("name", ["gold", "v1.0", "2030-01", "a", "release_2", "deadbee", "1a", "x" * 63])
def test_a_name_may_be_given(name: str) -> None:
    assert check_ref_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "v12", "12", "Gold", "a b", "-a", "a/b", "a#b", "größe", "x" * 64, "0123456789ab", "a\n"]
)
def test_a_name_that_means_something_else_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="names no tag or branch"):
        check_ref_name(name)


@given(st.text(max_size=20))
def test_no_name_can_be_taken_for_an_ordinal(name: str) -> None:
    try:
        check_ref_name(name)
    except InvalidRequest:
        return
    assert ordinal_of(name) is None


@pytest.mark.parametrize(
    ("name", "ordinal"), [("v12", 12), ("12", 12), ("v0", None), ("v", None), ("1.0", None)]
)
def test_an_ordinal_is_read_with_and_without_its_letter(name: str, ordinal: int | None) -> None:
    assert ordinal_of(name) == ordinal


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.lists(st.sampled_from("abcdef"), unique=True))
def test_what_was_added_and_removed_turns_one_list_into_the_other(
    before: list[str], after: list[str]
) -> None:
    added, removed = added_between(before, after)

    assert set(before) - set(removed) | set(added) == set(after)
    assert not set(added) & set(before)
    assert set(removed) <= set(before) - set(after)
