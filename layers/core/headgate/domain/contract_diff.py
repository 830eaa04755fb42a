"""What changed between two versions of a contract, and what of it breaks somebody.

A change breaks when a reader may no longer find or understand what was there, or when a drop may be refused
that was taken before. A check that is loosened breaks nobody. A breaking change is declared by a higher major
version.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headgate.domain.canonical import canonical_json
from headgate.domain.column_type import ColumnType
from headgate.domain.contract import CLASSIFICATIONS, Column, Contract
from headgate.domain.contract_rules import Freshness, Reference, Rule
from headgate.domain.dataset_input import columns_of
from headgate.domain.manifest import SchemaColumn

_MAJOR = re.compile(r"[vV]?(\d+)")


@dataclass(frozen=True)
class ContractChange:
    """One difference. ``kind`` is stable (``type_narrowed``), ``column`` None for what is no column's,
    ``sentence`` for people.
    """

    kind: str
    column: str | None
    breaking: bool
    sentence: str


def diff(old: Contract, new: Contract) -> tuple[ContractChange, ...]:
    """Every change, those of columns first, in the new contract's order."""
    pairs = _pairs(old, new)
    return (
        *_columns(old, new, pairs),
        *_keys(old, new, pairs),
        *_event_time(old, new, pairs),
        *_reading(old, new),
        *_listed("rule", old.rules, new.rules, _same_rule),
        *_listed("reference", old.references, new.references, _equal),
        *_listed("freshness", old.freshness, new.freshness, _not_tighter),
    )


def major(version: str) -> int:
    """2 of ``2.1.0`` or ``v2``; 0 of a version without a number in front."""
    found = _MAJOR.match(version)
    return int(found[1]) if found else 0


def _pairs(old: Contract, new: Contract) -> Mapping[str, Column]:
    """New column name -> the old column that it is, as readers of old files would have it."""
    schema = [SchemaColumn(c.name, c.type, c.required, c.classification, c.former_names) for c in new.columns]
    before = {c.name: c for c in old.columns}
    return {name: before[was] for name, was in columns_of(schema, list(before)).items()}


def _columns(old: Contract, new: Contract, pairs: Mapping[str, Column]) -> Iterator[ContractChange]:
    kept = {column.name for column in pairs.values()}
    for column in old.columns:
        if column.name not in kept:
            yield ContractChange("column_removed", column.name, True, f"column {column.name} is gone")
    for column in new.columns:
        before = pairs.get(column.name)
        if before is not None:
            yield from _column(before, column)
        elif column.must_be_there:
            sentence = f"column {column.name} is new and required: drops without it are refused from now on"
            yield ContractChange("required_column_added", column.name, True, sentence)
        else:
            sentence = f"column {column.name} {column.type} is new, and null in what is there already"
            yield ContractChange("column_added", column.name, False, sentence)


def _column(old: Column, new: Column) -> Iterator[ContractChange]:
    name = new.name

    def change(kind: str, breaking: bool, sentence: str) -> ContractChange:
        return ContractChange(kind, name, breaking, f"column {name}: {sentence}")

    if old.name != name:
        yield change("column_renamed", False, f"was called {old.name}, and drops may still call it so")
    yield from _type(old.kind, new.kind, change)
    if new.must_be_there != old.must_be_there:
        tighter = new.must_be_there
        kind = "became_required" if tighter else "became_nullable"
        yield change(kind, tighter, "nulls are refused from now on" if tighter else "may be null now")
    if (old.path or old.name) != (new.path or new.name) and old.name == name:
        yield change("path_changed", True, f"is read from {new.path or name!r}, was {old.path or old.name!r}")
    if old.format != new.format:
        yield change("date_format_changed", True, f"is written {new.format or 'as ISO-8601'} now")
    if old.classification != new.classification:
        stricter = _strictness(new) > _strictness(old)
        kind = "classification_raised" if stricter else "classification_lowered"
        yield change(kind, False, f"is {new.classification} now, was {old.classification}")
    if old.known_at != new.known_at:
        told = f"its value is known {_instant(new)} now, was {_instant(old)}"
        yield change("known_at_changed", False, told)
    yield from _values(old, new, change)


_Make = Callable[[str, bool, str], ContractChange]


def _type(old: ColumnType, new: ColumnType, change: _Make) -> Iterator[ContractChange]:
    if old == new:
        return
    if new.holds(old):
        yield change("type_widened", False, f"{new} now, which holds every {old}")
    elif old.holds(new):
        yield change("type_narrowed", True, f"{new} now, which does not hold every {old}")
    else:
        yield change("type_changed", True, f"{new} now, was {old}")


def _values(old: Column, new: Column, change: _Make) -> Iterator[ContractChange]:
    """Checks of single values: whatever may refuse what was taken breaks."""
    for name, lower in (
        ("minimum", True),
        ("exclusive_minimum", True),
        ("min_length", True),
        ("maximum", False),
        ("exclusive_maximum", False),
        ("max_length", False),
    ):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            tighter = after is not None and (before is None or _beyond(after, before, lower))
            kind = f"{name}_{'tightened' if tighter else 'loosened'}"
            breaking = tighter and new.severity(name) == "error"
            yield change(kind, breaking, f"{name} is {_told(after)} now, was {_told(before)}")
    if old.allowed != new.allowed:
        yield _allowed(old, new, change)
    for name in ("pattern", "multiple_of"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            breaking = after is not None and new.severity(name) == "error"
            yield change(f"{name}_changed", breaking, f"{name} is {_told(after)} now, was {_told(before)}")
    for name in sorted(set(old.warn) - set(new.warn)):
        yield change("warning_became_error", True, f"a failing {name} refuses now, and was a warning")
    for name in sorted(set(new.warn) - set(old.warn)):
        yield change("error_became_warning", False, f"a failing {name} is a warning now, and refused before")


def _allowed(old: Column, new: Column, change: _Make) -> ContractChange:
    before, after = old.allowed, new.allowed
    if after is None:
        return change("values_unlimited", False, "any value is allowed now")
    gone = None if before is None else sorted(set(before) - set(after))
    breaking = new.severity("allowed") == "error" and gone != []
    if gone is None:
        return change("values_limited", breaking, f"only {', '.join(after)} are allowed now")
    if gone:
        return change("values_removed", breaking, f"{', '.join(gone)} are no longer allowed")
    added = sorted(set(after) - set(before or ()))
    told = f"{', '.join(added)} are allowed too" if added else "the allowed values stand in another order"
    return change("values_added", False, told)


def _keys(old: Contract, new: Contract, pairs: Mapping[str, Column]) -> Iterator[ContractChange]:
    now = {was.name: name for name, was in pairs.items()}
    before = tuple(now.get(name, name) for name in old.primary_key)
    if set(before) != set(new.primary_key):
        told = f"the primary key is ({', '.join(new.primary_key)}) now, was ({', '.join(old.primary_key)})"
        yield ContractChange("primary_key_changed", None, True, told)
    for column in new.columns:
        was = pairs.get(column.name)
        if was is None or was.unique == column.unique:
            continue
        if column.unique:
            breaking = column.severity("unique") == "error"
            told = f"column {column.name}: values may not repeat now"
            yield ContractChange("became_unique", column.name, breaking, told)
        else:
            told = f"column {column.name}: values may repeat now"
            yield ContractChange("no_longer_unique", column.name, False, told)
    if old.unique_across_versions != new.unique_across_versions:
        tighter = new.unique_across_versions
        told = f"keys are unique {'in the whole history' if tighter else 'in each drop alone'} now"
        yield ContractChange("uniqueness_scope_changed", None, tighter, told)


def _event_time(old: Contract, new: Contract, pairs: Mapping[str, Column]) -> Iterator[ContractChange]:
    """What is there stays as it is; features are made of it in another way."""
    now = {was.name: name for name, was in pairs.items()}
    before = None if old.event_time is None else now.get(old.event_time, old.event_time)
    if before != new.event_time:
        told = f"a row happened at {new.event_time or 'no known time'} now, was {before or 'no known time'}"
        yield ContractChange("event_time_changed", None, False, told)


def _reading(old: Contract, new: Contract) -> Iterator[ContractChange]:
    """How drops are read, and what becomes of them."""
    for name, breaking in (
        ("format", True),
        ("encoding", True),
        ("operation", True),
        ("publish", False),
    ):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield ContractChange(f"{name}_changed", None, breaking, f"{name} is {after} now, was {before}")
    if old.csv != new.csv:
        yield ContractChange("dialect_changed", None, True, "drops are written in another dialect of CSV now")
    if set(old.null_values) != set(new.null_values):
        told = f"null is written {', '.join(new.null_values) or 'as nothing'} now"
        yield ContractChange("null_values_changed", None, True, told)
    if old.undeclared != new.undeclared:
        tighter = new.undeclared == "refuse"
        told = f"columns that are not declared are {'refused' if tighter else 'ignored'} now"
        yield ContractChange("undeclared_columns_changed", None, tighter, told)


_Check = Rule | Reference | Freshness


def _listed(
    what: str, old: Sequence[_Check], new: Sequence[_Check], fine: Callable[[Any, Any], bool]
) -> Iterator[ContractChange]:
    """Checks that are known by name: added and changed ones may refuse what was taken."""
    before, after = {c.check: c for c in old}, {c.check: c for c in new}
    for name in before:
        if name not in after:
            yield ContractChange(f"{what}_removed", None, False, f"{name} is not checked any more")
    for name, check in after.items():
        breaking = check.severity == "error"
        if name not in before:
            told = f"{name} is checked now" + ("" if breaking else ", as a warning")
            yield ContractChange(f"{what}_added", None, breaking, told)
        elif check != before[name]:
            stays_fine = before[name].severity == "error" and fine(before[name], check)
            told = f"{name} is another check now; what was taken may be refused"
            yield ContractChange(f"{what}_changed", None, breaking and not stays_fine, told)


def _same_rule(old: Rule, new: Rule) -> bool:
    return old.sql == new.sql


def _equal(old: object, new: object) -> bool:
    return old == new


def _not_tighter(old: Freshness, new: Freshness) -> bool:
    return new.max_age_seconds >= old.max_age_seconds


def _beyond(after: Any, before: Any, lower: bool) -> bool:
    """Whether the bound moved inwards; bounds of different kinds are taken to."""
    try:
        return bool(after > before if lower else after < before)
    except TypeError:
        return True


def _instant(column: Column) -> str:
    return "as soon as the row happened" if column.known_at is None else f"at {column.known_at}"


def _strictness(column: Column) -> int:
    known = column.classification in CLASSIFICATIONS
    return CLASSIFICATIONS.index(column.classification) if known else len(CLASSIFICATIONS)


def _told(value: Any) -> str:
    return "none" if value is None else canonical_json(value).decode()
