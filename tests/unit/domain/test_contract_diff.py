"""What changed between contracts, and what of it breaks a reader or refuses a drop that was taken before."""

from typing import Any

import pytest
from headgate.domain.contract import Contract
from headgate.domain.contract_diff import diff, major
from hypothesis import given
from hypothesis import strategies as st

BASE: dict[str, Any] = {
    "name": "orders",
    "version": "1.4.0",
    "format": "csv",
    "columns": [
        {"name": "id", "type": "INTEGER", "primary_key": True},
        {"name": "amount", "type": "DECIMAL(10,2)", "minimum": 0, "maximum": 100, "warn": ["maximum"]},
        {"name": "shop", "type": "VARCHAR", "allowed": ["n", "s"], "max_length": 5, "required": True},
        {"name": "day", "type": "DATE", "classification": "confidential", "unique": True},
    ],
    "rules": [{"name": "r", "sql": "SELECT 1"}, {"name": "soft", "sql": "SELECT 1", "severity": "warning"}],
    "references": [{"columns": ["shop"], "dataset": "shops", "key": ["name"]}],
    "freshness": [{"column": "day", "max_age_seconds": 60}],
}


def changed(**fields: Any) -> Contract:
    return Contract.from_document({**BASE, **fields})


def with_column(position: int, **fields: Any) -> Contract:
    columns = [dict(c) for c in BASE["columns"]]
    columns[position] = {**columns[position], **fields}
    return changed(columns=columns)


OLD = changed()
COLUMNS = BASE["columns"]
BREAKING = {
    "column removed": (changed(columns=COLUMNS[:3], freshness=[]), "column_removed", "day"),
    "required added": (
        changed(columns=[*COLUMNS, {"name": "n", "type": "INTEGER", "required": True}]),
        "required_column_added",
        "n",
    ),
    "type narrowed": (with_column(0, type="SMALLINT"), "type_narrowed", "id"),
    "type changed": (with_column(0, type="VARCHAR"), "type_changed", "id"),
    "nullable became required": (with_column(1, required=True), "became_required", "amount"),
    "enum value removed": (with_column(2, allowed=["n"]), "values_removed", "shop"),
    "enum added": (with_column(3, allowed=["2024-01-01"]), "values_limited", "day"),
    "range tightened": (with_column(1, minimum=1), "minimum_tightened", "amount"),
    "range added": (with_column(0, exclusive_maximum=9), "exclusive_maximum_tightened", "id"),
    "length tightened": (with_column(2, max_length=4), "max_length_tightened", "shop"),
    "warning became error": (with_column(1, warn=[]), "warning_became_error", "amount"),
    "pattern added": (with_column(2, pattern="[a-z]"), "pattern_changed", "shop"),
    "became unique": (with_column(2, unique=True), "became_unique", "shop"),
    "primary key": (with_column(2, primary_key=True), "primary_key_changed", None),
    "read from elsewhere": (with_column(1, path="Betrag"), "path_changed", "amount"),
    "written otherwise": (with_column(3, format="%d.%m.%Y"), "date_format_changed", "day"),
    "format": (changed(format="jsonl"), "format_changed", None),
    "encoding": (changed(encoding="latin-1"), "encoding_changed", None),
    "dialect": (changed(csv={"delimiter": ";"}), "dialect_changed", None),
    "null values": (changed(null_values=["NA"]), "null_values_changed", None),
    "operation": (changed(operation="overwrite"), "operation_changed", None),
    "keys in all history": (changed(unique_across_versions=True), "uniqueness_scope_changed", None),
    "rule added": (changed(rules=[*BASE["rules"], {"name": "n", "sql": "SELECT 2"}]), "rule_added", None),
    "rule changed": (
        changed(rules=[{"name": "r", "sql": "SELECT 2"}, BASE["rules"][1]]),
        "rule_changed",
        None,
    ),
    "rule refuses now": (
        changed(rules=[BASE["rules"][0], {"name": "soft", "sql": "SELECT 1"}]),
        "rule_changed",
        None,
    ),
    "reference added": (
        changed(references=[*BASE["references"], {"columns": ["id"], "dataset": "ids", "key": ["id"]}]),
        "reference_added",
        None,
    ),
    "fresher": (changed(freshness=[{"column": "day", "max_age_seconds": 30}]), "freshness_changed", None),
}
FINE = {
    "nullable added": (changed(columns=[*COLUMNS, {"name": "n", "type": "INTEGER"}]), "column_added", "n"),
    "type widened": (with_column(0, type="BIGINT"), "type_widened", "id"),
    "decimal widened": (with_column(1, type="DECIMAL(12,2)"), "type_widened", "amount"),
    "date to timestamp": (with_column(3, type="TIMESTAMP"), "type_widened", "day"),
    "renamed": (
        changed(
            columns=[COLUMNS[0], {**COLUMNS[1], "name": "total", "former_names": ["amount"]}, *COLUMNS[2:]]
        ),
        "column_renamed",
        "total",
    ),
    "became nullable": (with_column(2, required=False), "became_nullable", "shop"),
    "enum value added": (with_column(2, allowed=["n", "s", "w"]), "values_added", "shop"),
    "enum gone": (with_column(2, allowed=None), "values_unlimited", "shop"),
    "range loosened": (with_column(1, minimum=-1), "minimum_loosened", "amount"),
    "range that only warns tightened": (with_column(1, maximum=50), "maximum_tightened", "amount"),
    "error became warning": (with_column(1, warn=["minimum", "maximum"]), "error_became_warning", "amount"),
    "no longer unique": (with_column(3, unique=False), "no_longer_unique", "day"),
    "classified higher": (with_column(3, classification="restricted"), "classification_raised", "day"),
    "classified lower": (with_column(3, classification="public"), "classification_lowered", "day"),
    "published by hand": (changed(publish="manual"), "publish_changed", None),
    "rule gone": (changed(rules=BASE["rules"][1:]), "rule_removed", None),
    "rule only warns": (
        changed(rules=[{**BASE["rules"][0], "severity": "warning"}, BASE["rules"][1]]),
        "rule_changed",
        None,
    ),
    "may be older": (
        changed(freshness=[{"column": "day", "max_age_seconds": 90}]),
        "freshness_changed",
        None,
    ),
}


@pytest.mark.parametrize(("new", "kind", "column"), BREAKING.values(), ids=BREAKING)
def test_what_breaks_somebody_is_found(new: Contract, kind: str, column: str | None) -> None:
    assert (kind, column, True) in {(c.kind, c.column, c.breaking) for c in diff(OLD, new)}


@pytest.mark.parametrize(("new", "kind", "column"), FINE.values(), ids=FINE)
def test_what_breaks_nobody_is_the_only_change(new: Contract, kind: str, column: str | None) -> None:
    assert [(c.kind, c.column, c.breaking) for c in diff(OLD, new)] == [(kind, column, False)]


def test_a_rename_that_is_not_declared_is_a_column_gone_and_another_one_new() -> None:
    new = changed(columns=[COLUMNS[0], {**COLUMNS[1], "name": "total"}, *COLUMNS[2:]])
    assert [c.kind for c in diff(OLD, new)] == ["column_removed", "column_added"]


def test_a_renamed_key_is_the_same_key() -> None:
    new = changed(columns=[{**COLUMNS[0], "name": "number", "former_names": ["id"]}, *COLUMNS[1:]])
    assert [c.kind for c in diff(OLD, new)] == ["column_renamed"]


VARIANTS = st.sampled_from(
    [*(new for new, _, _ in BREAKING.values()), *(n for n, _, _ in FINE.values()), OLD]
)


@given(VARIANTS)
def test_a_contract_differs_from_itself_in_nothing(contract: Contract) -> None:
    assert diff(contract, contract) == ()


@given(VARIANTS, VARIANTS)
def test_contracts_that_differ_have_a_change_and_every_change_a_sentence(
    old: Contract, new: Contract
) -> None:
    changes = diff(old, new)
    assert bool(changes) == (old != new)
    assert all(change.sentence for change in changes)


@pytest.mark.parametrize(("version", "number"), [("2.1.0", 2), ("v3", 3), ("10", 10), ("draft", 0)])
def test_the_major_version_is_the_first_number(version: str, number: int) -> None:
    assert major(version) == number


@pytest.mark.parametrize(
    ("new", "kind", "column", "said"),
    [
        (changed(event_time="day"), "event_time_changed", None, "happened at day now, was no known time"),
        (
            with_column(1, known_at="day + 1"),
            "known_at_changed",
            "amount",
            "column amount: its value is known at day + 1 now, was as soon as the row happened",
        ),
    ],
)
def test_another_time_is_told_and_breaks_nothing(
    new: Contract, kind: str, column: str | None, said: str
) -> None:
    (found,) = diff(OLD, new)

    assert (found.kind, found.column, found.breaking) == (kind, column, False)
    assert said in found.sentence


def test_the_event_time_stays_when_its_column_gets_another_name() -> None:
    old = changed(event_time="day")
    columns = [*COLUMNS[:3], {**COLUMNS[3], "name": "date", "former_names": ["day"]}]
    new = changed(columns=columns, event_time="date", freshness=[])

    assert "event_time_changed" not in {change.kind for change in diff(old, new)}
