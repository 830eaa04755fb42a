"""What SQL a product may bring: exactly one SELECT that reads nothing but its declared inputs.

The connection's locked doors hold files and network; this refuses what they leave open (settings, secrets,
the catalog, environment). The engine's own parser says what a text means: a comment, a quoted name or a
string that looks like one hides nothing.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from headgate.domain.errors import InvalidRequest

TABLE_FUNCTIONS = frozenset({"generate_series", "range", "repeat", "repeat_row", "unnest"})
"""The only ones allowed in FROM: they make rows of their arguments."""

_LEAKING_FUNCTION = re.compile(
    r"(duckdb_|pragma_|pg_|read_|parquet_|sqlite_|json_execute|json_serialize_plan).*"
    r"|getenv|current_setting|getvariable|which_secret|query|query_table|glob|sniff_csv",
    re.IGNORECASE,
)
_CATALOG_TABLE = re.compile(r"(duckdb_|pragma_|pg_|sqlite_).*", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[^./*?:\\]+")


def require_select(sql: str, where: str) -> None:
    """Raises InvalidRequest naming ``where`` when ``sql`` is anything but one SELECT over its declared
    inputs.
    """
    if (problem := _problem(sql)) is not None:
        raise InvalidRequest(f"{where}: {problem}")


@lru_cache(maxsize=256)
def _problem(sql: str) -> str | None:
    """Why ``sql`` is refused; a text is parsed once a process."""
    import duckdb

    try:
        statements = duckdb.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            return f"exactly one SELECT is needed, found {len(statements)} statement(s)"
        with duckdb.connect(":memory:") as connection:
            row = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    except duckdb.Error as error:
        return str(error).splitlines()[0]
    try:
        tree = json.loads(row[0] if row else "{}")
    except RecursionError:
        return "the SELECT is nested too deeply"
    if tree.get("error", True):
        return f"the SELECT cannot be analysed: {tree.get('error_message', 'no tree')}"
    return next((p for node in _nodes(tree) if (p := _problem_of(node)) is not None), None)


def _nodes(tree: Any) -> Iterator[Mapping[str, Any]]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _problem_of(node: Mapping[str, Any]) -> str | None:
    """What is wrong with one node of the parser's tree."""
    kind = node.get("type")
    if kind == "SHOW_REF":
        return "DESCRIBE, SHOW and SUMMARIZE look at more than rows and are refused"
    if kind == "BASE_TABLE":
        return _table_problem(node)
    if kind == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name", "")).lower()
        if name not in TABLE_FUNCTIONS:
            return f"the table function {name} reads outside the declared inputs and is refused"
    if kind == "FUNCTION":
        name = str(node.get("function_name", ""))
        if _LEAKING_FUNCTION.fullmatch(name):
            return f"the function {name} looks outside the declared inputs and is refused"
    return None


def _table_problem(node: Mapping[str, Any]) -> str | None:
    name = str(node.get("table_name", ""))
    if node.get("schema_name") or node.get("catalog_name"):
        return f"the table {name} is named with a schema; only declared inputs can be read"
    if _CATALOG_TABLE.fullmatch(name) or not _PLAIN_NAME.fullmatch(name):
        return f"the table {name!r} is no declared input"
    return None
