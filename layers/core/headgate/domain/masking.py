"""What people see in place of values that are never shown."""

from collections.abc import Mapping
from typing import Any

from headgate.domain.contract import Contract
from headgate.domain.errors import DropRefused

MASK = "(restricted)"
_FACTS = ("line", "row", "column", "copies")
"""Fields of a sample that say where a failure is and never what was there."""


def masked_refusal(refusal: DropRefused, contract: Contract) -> DropRefused:
    """The refusal without values of restricted columns, in its sample and in what its reason quotes of it.

    A row that a SQL rule yields may hold anything under any name: of it only what is called as an open column
    is shown. What the engine says of a rule that it cannot answer may quote any value: only what kind of
    error it is is shown.
    """
    hidden = contract.restricted
    if not hidden:
        return refusal
    reason, sample = _told(refusal), []
    for each in refusal.sample:
        shown = _masked(each, hidden, contract)
        for name, value in each.items():
            if shown[name] == MASK and isinstance(value, str) and value:
                reason = reason.replace(value, MASK)
        sample.append(shown)
    return DropRefused(refusal.rule, reason, refusal.rows, tuple(sample))


def _told(refusal: DropRefused) -> str:
    head, error, said = str(refusal).partition("Error: ")
    of_rule = refusal.rule.startswith("rule:") or refusal.rule == "unanswerable"
    return f"{head}{error}{MASK}" if of_rule and said else str(refusal)


def _masked(each: Mapping[str, Any], hidden: frozenset[str], contract: Contract) -> dict[str, Any]:
    if "column" in each:  # a failure of the reader: what it quotes is of that column
        secret = each["column"] in hidden
        return {k: MASK if secret and k not in _FACTS and v is not None else v for k, v in each.items()}
    opened = {*(c.name for c in contract.columns), *_FACTS} - hidden
    return {k: v if v is None or k in opened else MASK for k, v in each.items()}
