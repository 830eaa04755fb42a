"""Every declared check of a contract over the view ``this``, the rows of one drop.

Owns their order, keys and SQL rules. Checks on single columns, and those that look beyond the drop, are
elsewhere.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from headgate.adapters.engines.column_checks import column_findings
from headgate.adapters.engines.dataset_checks import against, dataset_findings
from headgate.adapters.engines.duckdb_session import identifier
from headgate.adapters.engines.findings import SAMPLE_ROWS, Finding, settled
from headgate.adapters.engines.sql_guard import require_inputs, require_select
from headgate.adapters.engines.sql_text import without_end
from headgate.adapters.engines.versioned_relation import relation_sql
from headgate.domain.check_context import CheckContext
from headgate.domain.contract import Contract
from headgate.domain.contract_rules import Rule, Severity
from headgate.domain.errors import ConfigurationError, InvalidRequest

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def run_checks(
    connection: "DuckDBPyConnection", contract: Contract, context: CheckContext | None = None
) -> list[dict[str, Any]]:
    """Runs every declared check and returns one result each: ``{"name", "severity", "passed", "rows"}``, with
    ``"said"`` where it failed and ``"against": {dataset: ordinal}`` where it looked at other versions.

    ``context`` may be left out for a contract that looks at nothing but the drop. Raises DropRefused for the
    first check of severity error that fails, with a sample of failing rows.
    """
    missing = [name for name in contract.datasets_read if context is None or name not in context.datasets]
    if missing or (contract.freshness and context is None):
        raise ConfigurationError(
            f"contract {contract.name}: its checks look at {', '.join(missing) or 'the time of arrival'}, "
            "which was not given"
        )
    if context is not None:
        for name in sorted(context.datasets):
            given = context.datasets[name].given
            relation = relation_sql(given.files, given.schema)
            connection.execute(f"CREATE OR REPLACE VIEW {identifier(name)} AS {relation}")
    return settled(connection, _findings(connection, contract, context))


def _findings(
    connection: "DuckDBPyConnection", contract: Contract, context: CheckContext | None
) -> Iterator[Finding]:
    yield from column_findings(connection, contract)
    yield from (_key(connection, *key) for key in unique_keys(contract))
    if context is not None:
        yield from dataset_findings(connection, contract, context)
    for rule in contract.rules:
        yield _rule(connection, rule, against(context, *rule.datasets) if context else ())


def unique_keys(contract: Contract) -> Iterator[tuple[str, Severity, tuple[str, ...]]]:
    """(check name, severity, columns) of every key that must be unique."""
    if contract.primary_key:
        yield f"primary_key:{'+'.join(contract.primary_key)}", "error", contract.primary_key
    for column in contract.columns:
        if column.unique and contract.primary_key != (column.name,):
            yield f"unique:{column.name}", column.severity("unique"), (column.name,)


def _key(
    connection: "DuckDBPyConnection", name: str, severity: Severity, columns: tuple[str, ...]
) -> Finding:
    names = ", ".join(identifier(c) for c in columns)
    present = " AND ".join(f"{identifier(c)} IS NOT NULL" for c in columns)
    keys = f"SELECT {names} FROM this WHERE {present}"
    # Which keys repeat is only asked when some do: counting each costs a fifth more.
    differ = (
        f"SELECT (SELECT count(*) FROM ({keys})) - (SELECT count(*) FROM (SELECT DISTINCT * FROM ({keys})))"
    )
    if connection.execute(differ).fetchone() == (0,):
        return Finding(name, severity)
    repeated = f"SELECT *, count(*) AS copies FROM ({keys}) GROUP BY ALL HAVING count(*) > 1"
    row = connection.execute(f"SELECT count(*), coalesce(sum(copies), 0) FROM ({repeated})").fetchone()
    keys_found, rows = row or (0, 0)
    return Finding(name, severity, int(rows), f"{rows} rows share {keys_found} keys", repeated)


def _rule(connection: "DuckDBPyConnection", rule: Rule, seen: tuple[tuple[str, int | None], ...]) -> Finding:
    """A rule fails when it yields rows, unless it yields one single value that is 0, false or NULL. One that
    stumbles over the drop's values has shown nothing, and fails.
    """
    import duckdb

    try:
        require_select(rule.sql, f"rule {rule.name}")
        require_inputs(rule.sql, ["this", *rule.datasets], f"rule {rule.name}")
    except InvalidRequest as refused:
        return Finding(rule.check, rule.severity, 1, str(refused), None, seen)
    try:
        rows = connection.execute(rule.sql).fetchmany(SAMPLE_ROWS)
    except (duckdb.OutOfMemoryException, duckdb.IOException, duckdb.InterruptException):
        raise
    except duckdb.Error as error:
        said = f"rule {rule.name} cannot be answered: {str(error).splitlines()[0]}"
        return Finding(rule.check, rule.severity, 1, said, None, seen)
    failed, verdict = len(rows), len(rows) == 1 and len(rows[0]) == 1
    if verdict and not rows[0][0]:
        failed = 0
    elif verdict and isinstance(rows[0][0], int):
        failed = int(rows[0][0])
    said = f"rule {rule.name} found {failed} failures"
    return Finding(rule.check, rule.severity, failed, said, without_end(rule.sql) if failed else None, seen)
