"""The declared checks of a contract as SQL over the view ``this``: one aggregate pass, then the checks that
need a grouping.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from headgate.adapters.engines.duckdb_session import identifier, quoted
from headgate.adapters.engines.file_statistics import proven_checks
from headgate.domain.contract import Column, Contract
from headgate.domain.errors import DropRefused

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SAMPLE_ROWS = 10


def run_checks(connection: "DuckDBPyConnection", contract: Contract) -> list[dict[str, Any]]:
    """Runs every declared check and returns one result each: ``{"name", "severity", "passed", "rows"}``.

    Raises DropRefused at the first check of severity error that fails, with a sample of failing rows.
    """
    results = []
    proven = proven_checks(connection, contract)
    every = [(name, bad) for c in contract.columns for name, bad in column_conditions(c)]
    results += [_passed(name) for name, _ in every if name in proven]
    conditions = [(name, bad) for name, bad in every if name not in proven]
    if conditions:
        counts = connection.execute(
            f"SELECT {', '.join(f'count(*) FILTER ({bad})' for _, bad in conditions)} FROM this"
        )
        for (name, bad), failed in zip(conditions, counts.fetchone() or (), strict=True):
            if failed:
                raise DropRefused(
                    name,
                    f"{failed} rows fail {name}",
                    failed,
                    _sample(connection, f"SELECT * FROM this WHERE {bad}"),
                )
            results.append(_passed(name))
    for name, columns in unique_keys(contract):
        _check_unique(connection, name, columns)
        results.append(_passed(name))
    for rule in contract.rules:
        results.append(_run_rule(connection, rule.name, rule.sql, rule.severity))
    return results


def column_conditions(column: Column) -> Iterator[tuple[str, str]]:
    """(check name, SQL condition that is true for a failing row)."""
    name = identifier(column.name)
    if column.required or column.primary_key:
        yield f"not_null:{column.name}", f"{name} IS NULL"
    if column.minimum is not None:
        yield f"minimum:{column.name}", f"{name} < {_literal(column, column.minimum)}"
    if column.maximum is not None:
        yield f"maximum:{column.name}", f"{name} > {_literal(column, column.maximum)}"
    if column.pattern is not None:
        yield (
            f"pattern:{column.name}",
            f"NOT regexp_full_match(CAST({name} AS VARCHAR), {quoted(column.pattern)})",
        )
    if column.allowed is not None:
        values = ", ".join(quoted(v) for v in column.allowed)
        yield f"allowed:{column.name}", f"{name} IS NOT NULL AND CAST({name} AS VARCHAR) NOT IN ({values})"


def unique_keys(contract: Contract) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(check name, columns) of every key that must be unique."""
    if contract.primary_key:
        yield f"primary_key:{'+'.join(contract.primary_key)}", contract.primary_key
    for column in contract.columns:
        if column.unique and contract.primary_key != (column.name,):
            yield f"unique:{column.name}", (column.name,)


def _check_unique(connection: "DuckDBPyConnection", name: str, columns: tuple[str, ...]) -> None:
    names = ", ".join(identifier(c) for c in columns)
    present = " AND ".join(f"{identifier(c)} IS NOT NULL" for c in columns)
    keys = f"SELECT {names} FROM this WHERE {present}"
    # Which keys repeat is only asked when some do: counting each costs a fifth more.
    differ = (
        f"SELECT (SELECT count(*) FROM ({keys})) - (SELECT count(*) FROM (SELECT DISTINCT * FROM ({keys})))"
    )
    if connection.execute(differ).fetchone() == (0,):
        return
    repeated = f"SELECT *, count(*) AS copies FROM ({keys}) GROUP BY ALL HAVING count(*) > 1"
    row = connection.execute(f"SELECT count(*), coalesce(sum(copies), 0) FROM ({repeated})").fetchone()
    if row and row[0]:
        raise DropRefused(
            name, f"{row[1]} rows share {row[0]} keys", int(row[1]), _sample(connection, repeated)
        )


def _run_rule(connection: "DuckDBPyConnection", name: str, sql: str, severity: str) -> dict[str, Any]:
    """A rule fails when it yields rows, unless it yields one single value that is 0, false or NULL."""
    rows = connection.execute(sql).fetchmany(SAMPLE_ROWS)
    failed = len(rows)
    if failed == 1 and len(rows[0]) == 1 and not rows[0][0]:
        failed = 0
    elif failed == 1 and len(rows[0]) == 1 and isinstance(rows[0][0], int):
        failed = int(rows[0][0])
    if failed and severity == "error":
        raise DropRefused(
            f"rule:{name}",
            f"rule {name} found {failed} failures",
            failed,
            tuple({"row": [str(v) for v in r]} for r in rows),
        )
    return {"name": f"rule:{name}", "severity": severity, "passed": not failed, "rows": failed}


def _sample(connection: "DuckDBPyConnection", sql: str) -> tuple[dict[str, Any], ...]:
    cursor = connection.execute(f"SELECT * FROM ({sql}) LIMIT {SAMPLE_ROWS}")
    names = [d[0] for d in cursor.description]
    return tuple(
        {n: None if v is None else str(v) for n, v in zip(names, row, strict=True)}
        for row in cursor.fetchall()
    )


def _literal(column: Column, bound: float | str) -> str:
    return f"CAST({quoted(str(bound))} AS {column.type})"


def _passed(name: str) -> dict[str, Any]:
    return {"name": name, "severity": "error", "passed": True, "rows": 0}
