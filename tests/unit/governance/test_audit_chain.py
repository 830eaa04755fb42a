"""The audit chain: whatever is done to it afterwards is seen, and the first broken link is named."""

from dataclasses import replace
from typing import Any

import pytest
from headgate.domain.audit import AuditEntry, ChainReport, Tip, append, genesis, verify
from hypothesis import assume, given, settings
from hypothesis import strategies as st

# No deadline: a busy machine is slow, not wrong.
examples = settings(deadline=None, max_examples=100)
values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
records = st.dictionaries(st.text(max_size=8), values, max_size=4)
histories = st.lists(records, min_size=1, max_size=6)
START = genesis("flights")


def chain(history: list[dict[str, Any]], start: Tip = START) -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    for record in history:
        entries.append(append(entries[-1].tip if entries else start, record))
    return entries


def position_of_break(report: ChainReport) -> int:
    assert report.broken is not None
    return report.broken.position


@examples
@given(histories)
def test_an_untouched_chain_holds(history: list[dict[str, Any]]) -> None:
    # Given a chain
    entries = chain(history)
    # When it is checked, whole or from somewhere on
    report = verify(entries, START, entries[-1].tip)
    # Then it holds, and holds what was appended
    assert report == ChainReport(len(history), entries[-1].tip)
    assert report.ok
    assert [entry.content for entry in entries] == history
    assert [entry.sequence for entry in entries] == list(range(1, len(history) + 1))
    assert verify(entries[1:], entries[0].tip, entries[-1].tip).ok


@examples
@given(histories, st.data())
def test_a_changed_entry_is_found_where_it_stands(history: list[dict[str, Any]], data: st.DataObject) -> None:
    # Given a chain of which one field of one entry was changed
    entries = chain(history)
    at = data.draw(st.integers(0, len(entries) - 1))
    field = data.draw(st.sampled_from(["sequence", "previous_hash", "entry_hash", "record"]))
    changed = data.draw(st.integers() if field == "sequence" else st.text())
    assume(changed != getattr(entries[at], field))
    fields: dict[str, Any] = {field: changed}
    entries[at] = replace(entries[at], **fields)
    # Then it is found at that entry
    assert position_of_break(verify(entries, START)) == at


@examples
@given(histories, records, st.data())
def test_a_rewritten_entry_breaks_the_chain_even_with_a_fitting_hash(
    history: list[dict[str, Any]], other: dict[str, Any], data: st.DataObject
) -> None:
    # Given an entry replaced by a well-formed one at the same place
    entries = chain(history)
    at = data.draw(st.integers(0, len(entries) - 1))
    forged = append(entries[at - 1].tip if at else START, other)
    assume(forged != entries[at])
    tip = entries[-1].tip
    entries[at] = forged
    # Then its successor, or the tip, no longer fits
    assert position_of_break(verify(entries, START, tip)) == at + 1


@examples
@given(histories, st.data())
def test_a_removed_entry_is_missed(history: list[dict[str, Any]], data: st.DataObject) -> None:
    entries = chain(history)
    tip = entries[-1].tip
    at = data.draw(st.integers(0, len(entries) - 1))
    del entries[at]
    report = verify(entries, START, tip)
    assert position_of_break(report) == at
    assert report.broken is not None
    assert at == len(entries) or "an entry is missing" in report.broken.reason


@examples
@given(st.lists(records, min_size=2, max_size=6), st.data())
def test_swapped_entries_are_found(history: list[dict[str, Any]], data: st.DataObject) -> None:
    entries = chain(history)
    first = data.draw(st.integers(0, len(entries) - 2))
    second = data.draw(st.integers(first + 1, len(entries) - 1))
    entries[first], entries[second] = entries[second], entries[first]
    assert position_of_break(verify(entries, START)) == first


@examples
@given(histories, st.data())
def test_a_repeated_entry_is_found(history: list[dict[str, Any]], data: st.DataObject) -> None:
    entries = chain(history)
    at = data.draw(st.integers(0, len(entries) - 1))
    entries.insert(at, entries[at])
    assert position_of_break(verify(entries, START)) == at + 1


def test_the_break_is_told_with_its_reason() -> None:
    entries = chain([{"n": 1}, {"n": 2}, {"n": 3}])
    changed = [entries[0], replace(entries[1], record='{"n":9}'), entries[2]]
    report = verify(changed, START)
    assert not report.ok
    assert (report.checked, report.tip) == (1, entries[0].tip)
    assert report.broken is not None
    assert report.broken.sequence == 2
    assert report.broken.reason == "entry 2 was changed: its content does not have the hash it carries"


def test_entries_cut_off_the_end_are_seen_by_the_tip() -> None:
    entries = chain([{"n": 1}, {"n": 2}])
    assert verify(entries[:1], START).ok
    report = verify(entries[:1], START, entries[-1].tip)
    assert report.broken is not None
    assert "the chain ends at 1" in report.broken.reason
    assert position_of_break(verify([], START, entries[-1].tip)) == 0


def test_a_chain_cannot_stand_in_for_another_products() -> None:
    # Given the chain of one product
    entries = chain([{"n": 1}], genesis("flights"))
    # Then it does not verify as another's
    assert position_of_break(verify(entries, genesis("bookings"))) == 0


def test_an_entry_survives_being_stored() -> None:
    # Given an entry whose numbers a store may bring back as another type
    entry = chain([{"usd": 0.1, "rows": 12}])[0]
    stored = {**entry.to_json(), "sequence": 1.0}
    # Then it comes back as it was
    assert AuditEntry.from_json(stored) == entry


@pytest.mark.parametrize("record", [{"usd": float("nan")}, {"when": object()}])
def test_what_is_not_json_cannot_be_appended(record: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        append(START, record)
