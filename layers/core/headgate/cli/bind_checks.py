"""Whether the checks of a product's contracts can run: each is bound to tables of the declared columns.

Owns which datasets a SQL rule reads. Nothing is looked at here but the contracts themselves.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from headgate.adapters.engines.column_checks import column_conditions
from headgate.adapters.engines.duckdb_session import identifier
from headgate.adapters.engines.sql_guard import expression_query, require_expression, require_select
from headgate.adapters.engines.sql_repeatable import require_repeatable
from headgate.cli.compile_quality import rule_places
from headgate.cli.yaml_source import FieldPath, YamlSource
from headgate.domain.contract import Contract
from headgate.domain.contract_shape import CONTRACT
from headgate.domain.errors import InvalidRequest

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


_OWN_TABLE = re.compile(r' Did you mean "(pg|duckdb|sqlite|pragma)_\w*"\?')


def bind_checks(compiled: Iterable[tuple[YamlSource, dict[str, Any]]]) -> None:
    """Notes each check that cannot run in its source, and in each rule the ``datasets`` that it reads. A
    contract that cannot be read at all is left to those who say why.
    """
    found = [(s, document, contract) for s, document in compiled if (contract := readable(document))]
    contracts = {contract.name: contract for _, _, contract in found}
    for source, document, contract in found:
        for path, problem in (*_column_problems(contract), *_known_at_problems(contract)):
            source.problem(path, problem)
        places = rule_places(source.document["schema"][0])
        for rule in document["rules"]:
            path = ("schema", 0, *places.get(rule["name"], ()))
            try:
                datasets = _datasets_read(rule["sql"], contract, contracts)
                _bind(rule["sql"], contract, [contracts[name] for name in datasets])
            except InvalidRequest as wrong:
                source.problem(path, f"rule {rule['name']} cannot run: {wrong}")
                continue
            if datasets:
                rule["datasets"] = datasets


def readable(document: Mapping[str, Any]) -> Contract | None:
    """The contract of a compiled document, None where that cannot be read."""
    if any(CONTRACT(document, "contract")):
        return None
    try:
        return Contract.from_document(document)
    except InvalidRequest:
        return None


def _column_problems(contract: Contract) -> Iterator[tuple[FieldPath, str]]:
    """One row without a value is enough: bounds and patterns are read whatever they are compared with."""
    import duckdb

    nothing = ", ".join(f"CAST(NULL AS {c.type}) AS {identifier(c.name)}" for c in contract.columns)
    with duckdb.connect() as connection:
        for position, column in enumerate(contract.columns):
            for check, bad in column_conditions(column):
                try:
                    connection.execute(f"SELECT count(*) FILTER ({bad}) FROM (SELECT {nothing})").fetchall()
                except duckdb.Error as error:
                    path = ("schema", 0, "properties", position)
                    yield path, f"{check} of {column.name} cannot be checked: {_first_line(error)}"


def _known_at_problems(contract: Contract) -> Iterator[tuple[FieldPath, str]]:
    for position, column in enumerate(contract.columns):
        if column.known_at is None:
            continue
        try:
            _bind_instant(column.known_at, contract)
        except InvalidRequest as wrong:
            yield ("schema", 0, "properties", position), f"known_at of {column.name} cannot be told: {wrong}"


def _bind_instant(expression: str, contract: Contract) -> None:
    """Raises InvalidRequest when it is no instant of a single row."""
    import duckdb

    require_expression(expression, "its expression")
    query = expression_query(expression)
    require_repeatable(query, "its expression")
    with duckdb.connect(config={"enable_external_access": False}) as connection:
        _create(connection, "this", contract)
        try:
            # beside the row itself, so that an aggregate finds no group
            connection.execute(f"DESCRIBE SELECT *, ({expression}\n) FROM this").fetchall()
            kind = str(connection.execute(f"DESCRIBE {query}").fetchall()[0][1])
        except duckdb.Error as error:
            raise InvalidRequest(told(error)) from error
    if not is_instant(kind):
        raise InvalidRequest(f"it is {kind}; a DATE or TIMESTAMP is needed")


def is_instant(kind: str) -> bool:
    """Whether every value of this engine type is a point in time."""
    return kind == "DATE" or kind.startswith("TIMESTAMP")


def told(error: Exception) -> str:
    """What the engine says and what it suggests, without its picture of the place and its own tables."""
    said = " ".join(line.strip() for line in str(error).split("\n\nLINE ")[0].splitlines() if line.strip())
    return _OWN_TABLE.sub("", said)


def _datasets_read(sql: str, contract: Contract, contracts: Mapping[str, Contract]) -> list[str]:
    """Raises InvalidRequest for a rule that reads anything but the drop and datasets of the product."""
    import duckdb

    require_select(sql, "its query")
    with duckdb.connect() as connection:
        tables = {name.lower() for name in connection.get_table_names(sql)}
    known = {name.lower(): name for name in contracts}
    for name in sorted(tables - {"this", *known}):
        others = ", ".join(sorted(contracts))
        raise InvalidRequest(f"it reads {name!r}; it can read {{table}}, the drop, and the datasets {others}")
    if contract.name.lower() in tables and "this" not in tables:
        raise InvalidRequest(
            f"it reads {contract.name}, which is what earlier drops brought; the drop itself is {{table}}"
        )
    return sorted(known[name] for name in tables - {"this"})


def _bind(sql: str, contract: Contract, others: Iterable[Contract]) -> None:
    """Raises InvalidRequest for names and types that do not fit. The tables are empty: what a rule finds in
    them is of no interest.
    """
    import duckdb

    with duckdb.connect() as connection:
        _create(connection, "this", contract)
        for other in others:
            _create(connection, other.name, other)
        try:
            connection.execute(f"EXPLAIN {sql}").fetchall()
        except duckdb.Error as error:
            raise InvalidRequest(_first_line(error)) from error


def _create(connection: "DuckDBPyConnection", name: str, contract: Contract) -> None:
    columns = ", ".join(f"{identifier(c.name)} {c.type}" for c in contract.columns)
    connection.execute(f"CREATE TABLE {identifier(name)} ({columns})")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
