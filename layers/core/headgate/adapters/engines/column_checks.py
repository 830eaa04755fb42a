"""The checks on single columns as SQL over the view ``this``: what the file's statistics do not prove is
counted in one pass.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from headgate.adapters.engines.duckdb_session import identifier, quoted
from headgate.adapters.engines.file_statistics import proven_checks
from headgate.adapters.engines.findings import Finding
from headgate.domain.contract import Column, Contract

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_BOUNDS = (
    ("minimum", "<"),
    ("maximum", ">"),
    ("exclusive_minimum", "<="),
    ("exclusive_maximum", ">="),
)


def column_findings(connection: "DuckDBPyConnection", contract: Contract) -> Iterator[Finding]:
    proven = proven_checks(connection, contract)
    every = [(column, check, bad) for column in contract.columns for check, bad in column_conditions(column)]
    open_ones = [bad for column, check, bad in every if f"{check}:{column.name}" not in proven]
    counts: dict[str, int] = {}
    if open_ones:
        asked = ", ".join(f"count(*) FILTER ({bad})" for bad in open_ones)
        found = connection.execute(f"SELECT {asked} FROM this").fetchone() or ()
        counts = dict(zip(open_ones, found, strict=True))
    for column, check, bad in every:
        name, failed = f"{check}:{column.name}", counts.get(bad, 0)
        yield Finding(
            name,
            column.severity(check),
            failed,
            f"{failed} rows fail {name}",
            f"SELECT * FROM this WHERE {bad}",
        )


def column_conditions(column: Column) -> Iterator[tuple[str, str]]:
    """(check, SQL condition that is true for a failing row). Nulls fail only where a value is needed."""
    name = identifier(column.name)
    if column.must_be_there:
        yield "not_null", f"{name} IS NULL"
    for check, operator in _BOUNDS:
        bound = getattr(column, check)
        if bound is not None:
            yield check, f"{name} {operator} {_literal(column, bound)}"
    length = f"octet_length({name})" if column.type == "BLOB" else f"length({name})"
    if column.min_length is not None:
        yield "min_length", f"{length} < {column.min_length}"
    if column.max_length is not None:
        yield "max_length", f"{length} > {column.max_length}"
    if column.multiple_of is not None:
        yield "multiple_of", f"{name} % {_literal(column, column.multiple_of)} <> 0"
    if column.pattern is not None:
        yield "pattern", f"NOT regexp_full_match(CAST({name} AS VARCHAR), {quoted(column.pattern)})"
    if column.allowed is not None:
        values = ", ".join(quoted(v) for v in column.allowed)
        yield "allowed", f"{name} IS NOT NULL AND CAST({name} AS VARCHAR) NOT IN ({values})"


def _literal(column: Column, bound: float | str) -> str:
    return f"CAST({quoted(str(bound))} AS {column.type})"
