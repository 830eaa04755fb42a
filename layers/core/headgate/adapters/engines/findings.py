"""What a check found, and what follows from it: a refusal, or a result that stays with the version."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headgate.domain.contract_rules import Severity
from headgate.domain.errors import DropRefused

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SAMPLE_ROWS = 10


@dataclass(frozen=True)
class Finding:
    """``failed`` are the rows that fail, 0 where the check passes. ``rows`` is SQL that yields some of them;
    ``against`` are the ordinals of the versions of other datasets that were looked at.
    """

    name: str
    severity: Severity = "error"
    failed: int = 0
    said: str = ""
    rows: str | None = None
    against: tuple[tuple[str, int | None], ...] = ()

    def result(self) -> dict[str, Any]:
        passed = {
            "name": self.name,
            "severity": self.severity,
            "passed": not self.failed,
            "rows": self.failed,
        }
        if self.failed:
            passed["said"] = self.said
        return passed | ({"against": dict(self.against)} if self.against else {})


def settled(connection: "DuckDBPyConnection", findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """The results. Raises DropRefused for the first check of severity error that fails, with a sample of its
    rows; the others that fail are named beside it.
    """
    found = list(findings)
    errors = [each for each in found if each.failed and each.severity == "error"]
    if not errors:
        return [each.result() for each in found]
    first, others = errors[0], [f"{each.name} ({each.failed})" for each in errors[1:]]
    also = f"; so do {', '.join(others)}" if others else ""
    raise DropRefused(first.name, f"{first.said}{also}", first.failed, sample(connection, first.rows))


def sample(connection: "DuckDBPyConnection", sql: str | None) -> tuple[dict[str, Any], ...]:
    """Some rows of a query, values as text."""
    if sql is None:
        return ()
    cursor = connection.execute(f"SELECT * FROM ({sql}\n) LIMIT {SAMPLE_ROWS}")
    names = [d[0] for d in cursor.description]
    return tuple(
        {n: None if v is None else str(v) for n, v in zip(names, row, strict=True)}
        for row in cursor.fetchall()
    )
