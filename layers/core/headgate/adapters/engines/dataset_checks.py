"""The checks that look beyond the drop: at the clock, at other datasets, at what the dataset has already.

The heads of the datasets are views by their names; the drop is the view ``this``.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from headgate.adapters.engines.duckdb_session import identifier
from headgate.adapters.engines.findings import Finding
from headgate.domain.check_context import CheckContext
from headgate.domain.contract import Contract
from headgate.domain.contract_rules import Freshness, Reference

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def dataset_findings(
    connection: "DuckDBPyConnection", contract: Contract, context: CheckContext
) -> Iterator[Finding]:
    for fresh in contract.freshness:
        yield _freshness(connection, contract, fresh, context)
    for reference in contract.references:
        yield _reference(connection, contract, reference, context)
    if contract.unique_across_versions:
        for key in contract.keys:
            yield _unique_in_history(connection, contract, key, context)


def against(context: CheckContext, *datasets: str) -> tuple[tuple[str, int | None], ...]:
    """The versions that a check looked at."""
    return tuple((name, context.datasets[name].ordinal) for name in datasets)


def _freshness(
    connection: "DuckDBPyConnection", contract: Contract, fresh: Freshness, context: CheckContext
) -> Finding:
    """The newest value counts; a date lasts until its end. What lies ahead of the clock is fresh."""
    column = next(c for c in contract.columns if c.name == fresh.column)
    newest = f"max({identifier(fresh.column)})"
    moment = f"{newest} + INTERVAL 1 DAY" if column.type == "DATE" else newest
    age = f"epoch(CAST($1 AS TIMESTAMPTZ)) - epoch(CAST({moment} AS TIMESTAMPTZ))"
    row = connection.execute(
        f"SELECT CAST({newest} AS VARCHAR), {age} FROM this", [context.arrived_at.isoformat()]
    ).fetchone()
    value, seconds = row or (None, None)
    if value is None:
        said = f"{fresh.column} has no value; one of the last {_span(fresh.max_age_seconds)} is needed"
    else:
        said = (
            f"the newest {fresh.column} is {value}, {_span(seconds)} before the drop arrived; "
            f"at most {_span(fresh.max_age_seconds)} are allowed"
        )
    failed = value is None or seconds > fresh.max_age_seconds
    return Finding(fresh.check, fresh.severity, int(failed), said)


def _reference(
    connection: "DuckDBPyConnection", contract: Contract, reference: Reference, context: CheckContext
) -> Finding:
    mine = [identifier(name) for name in reference.columns]
    keys = ", ".join(f"{identifier(name)} AS k{n}" for n, name in enumerate(reference.key))
    known = f"SELECT {keys} FROM {identifier(reference.dataset)}"
    if reference.dataset == contract.name:
        known = f"{known} UNION ALL SELECT {keys} FROM this"
    present = " AND ".join(f"{name} IS NOT NULL" for name in mine)
    same = " AND ".join(f"t.{name} = d.k{n}" for n, name in enumerate(mine))
    lost = f"SELECT t.* FROM (SELECT * FROM this WHERE {present}) t ANTI JOIN ({known}) d ON {same}"
    failed = _count(connection, lost)
    seen = context.datasets[reference.dataset].ordinal
    where = f"v{seen} of {reference.dataset}" if seen else f"{reference.dataset}, which has no version yet"
    said = (
        f"{failed} rows hold {', '.join(reference.columns)} that are no {', '.join(reference.key)} of {where}"
    )
    return Finding(
        reference.check, reference.severity, failed, said, lost, against(context, reference.dataset)
    )


def _unique_in_history(
    connection: "DuckDBPyConnection", contract: Contract, key: tuple[str, ...], context: CheckContext
) -> Finding:
    names = ", ".join(identifier(name) for name in key)
    present = " AND ".join(f"{identifier(name)} IS NOT NULL" for name in key)
    same = " AND ".join(f"t.{identifier(name)} = d.{identifier(name)}" for name in key)
    held = f"SELECT {names} FROM {identifier(contract.name)}"
    again = f"SELECT t.* FROM (SELECT * FROM this WHERE {present}) t SEMI JOIN ({held}) d ON {same}"
    failed = _count(connection, again)
    seen = context.datasets[contract.name].ordinal
    columns = {c.name: c for c in contract.columns}
    severity = "error" if key == contract.primary_key else columns[key[0]].severity("unique")
    said = f"{failed} rows have a {', '.join(key)} that {f'v{seen}' if seen else 'a drop before'} has already"
    name = f"unique_across_versions:{'+'.join(key)}"
    return Finding(name, severity, failed, said, again, against(context, contract.name))


def _count(connection: "DuckDBPyConnection", sql: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM ({sql})").fetchone()
    return int(row[0]) if row else 0


def _span(seconds: float) -> str:
    """A time as people say it: 36 h, 90 s."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
