"""What SQL a product may bring: exactly one SELECT that reads nothing but its declared inputs.

The connection's locked doors hold files and network; this refuses what they leave open (settings, secrets,
the catalog, environment). The engine's own parser says what a text means: a comment, a quoted name or a
string that looks like one hides nothing.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from headgate.domain.errors import InvalidRequest

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

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


def require_expression(expression: str, where: str) -> None:
    """Raises InvalidRequest when ``expression`` is anything but one value of a single row of the table
    ``this``.
    """
    sql = expression_query(expression)
    require_select(sql, where)
    (statement,) = syntax_tree(sql)["statements"]
    node = statement["node"]
    alone = {k: node.get(k) for k in ("modifiers", "where_clause", "group_expressions", "having", "qualify")}
    if len(node.get("select_list", ())) != 1 or any(alone.values()):
        raise InvalidRequest(f"{where}: one expression is needed, and nothing after it")
    for inner in nodes(node):
        if inner.get("class") in ("SUBQUERY", "WINDOW"):
            raise InvalidRequest(
                f"{where}: it looks at one row alone; a {inner['class'].lower()} looks at others"
            )


def expression_query(expression: str) -> str:
    """``expression`` of each row of ``this``, its text from line 1 on."""
    return f"SELECT ({expression}\n) FROM this"


@lru_cache(maxsize=256)
def _problem(sql: str) -> str | None:
    """Why ``sql`` is refused; a text is looked through once a process."""
    try:
        return next((p for node in nodes(syntax_tree(sql)) if (p := _problem_of(node)) is not None), None)
    except InvalidRequest as refused:
        return str(refused)


@lru_cache(maxsize=64)
def syntax_tree(sql: str) -> Mapping[str, Any]:
    """What the engine's parser makes of one SELECT. Raises InvalidRequest for anything else."""
    import duckdb

    try:
        statements = duckdb.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise InvalidRequest(f"exactly one SELECT is needed, found {len(statements)} statement(s)")
        with _parser().cursor() as connection:
            row = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    except duckdb.Error as error:
        raise InvalidRequest(str(error).splitlines()[0]) from error
    try:
        tree: dict[str, Any] = json.loads(row[0] if row else "{}")
    except RecursionError as deep:
        raise InvalidRequest("the SELECT is nested too deeply") from deep
    if tree.get("error", True):
        raise InvalidRequest(f"the SELECT cannot be analysed: {tree.get('error_message', 'no tree')}")
    return tree


@lru_cache(maxsize=1)
def _parser() -> "DuckDBPyConnection":
    """An empty database that only parses: opening one takes longer than parsing."""
    import duckdb

    return duckdb.connect(":memory:", config={"enable_external_access": False, "threads": 1})


def nodes(tree: Any) -> Iterator[Mapping[str, Any]]:
    """Every object of a syntax tree."""
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
