"""A refusal tells nothing of restricted values: neither in its sample nor in its reason."""

from typing import Any

import pytest
from headgate.domain.contract import Contract
from headgate.domain.errors import DropRefused
from headgate.domain.masking import MASK, masked_refusal


def contract(classification: str) -> Contract:
    columns: list[dict[str, Any]] = [
        {"name": "ssn", "type": "VARCHAR", "classification": classification},
        {"name": "city", "type": "VARCHAR"},
    ]
    return Contract.from_document({"name": "people", "version": "1", "format": "csv", "columns": columns})


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("rule:r", "rule r cannot be answered: Conversion Error: Could not convert string '123' to INT32"),
        ("rule:r", "rule r cannot be answered: Invalid Input Error: 321"),
        ("unanswerable", "the contract's checks cannot run: Conversion Error: '123' is no number"),
    ],
)
def test_what_the_engine_says_of_a_rule_is_not_shown_where_a_column_is_restricted(
    rule: str, reason: str
) -> None:
    refusal = DropRefused(rule, reason, 1, ())

    assert str(masked_refusal(refusal, contract("internal"))) == reason
    assert (
        str(masked_refusal(refusal, contract("restricted")))
        == f"{reason.partition('Error: ')[0]}Error: {MASK}"
    )


def test_a_failed_rule_shows_open_columns_alone() -> None:
    sample = ({"ssn": "123", "city": "Rome", "other": "123"},)

    shown = masked_refusal(DropRefused("rule:r", "rule r found 123", 1, sample), contract("restricted"))

    assert shown.sample == ({"ssn": MASK, "city": "Rome", "other": MASK},)
    assert str(shown) == f"rule r found {MASK}"


def test_what_a_reader_says_is_shown() -> None:
    refusal = DropRefused("wrong_type", "first at line 3, column city: CSV Error: x", 1, ())

    assert str(masked_refusal(refusal, contract("restricted"))) == str(refusal)
