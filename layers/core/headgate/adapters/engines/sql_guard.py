"""What SQL a product may bring: exactly one SELECT that reads nothing but its declared inputs.

The connection's locked doors hold files and network; this refuses what they leave open (settings, secrets,
the catalog, environment), and what would take the process with it. What a text means is told by the engine's
own parser, in `headgate.adapters.engines.sql_text`.
"""

import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Any

from headgate.adapters.engines.sql_text import Node, called, line_of, nodes, syntax_tree, tables_read, words
from headgate.domain.errors import InvalidRequest

TABLE_FUNCTIONS = frozenset({"generate_series", "range", "repeat", "repeat_row", "unnest"})
"""The only ones allowed in FROM: they make rows of their arguments."""
_LEAKING_FUNCTION = re.compile(
    r"(duckdb_|pragma_|pg_|read_|parquet_|sqlite_|json_execute|json_serialize_plan).*"
    r"|getenv|current_setting|getvariable|which_secret|query|query_table|glob|sniff_csv"
)
_ACTING_FUNCTIONS = frozenset({"currval", "nextval", "setseed", "sleep_ms", "write_log"})
_DEEP_FUNCTIONS = frozenset({"json_contains", "json_group_structure", "json_merge_patch", "json_structure"})
"""They follow nested values down without a limit: 600 kB of brackets in one value end the process."""
_SHAPED_FUNCTIONS = frozenset({"from_json", "from_json_strict", "json_transform", "json_transform_strict"})
"""So do these in their second argument, the structure to make."""
DEEPEST_STRUCTURE = 64
_CATALOG_TABLE = re.compile(r"(duckdb_|pragma_|pg_|sqlite_).*", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[^./*?:\\]+")

Problem = tuple[int | None, str]
"""(line, what is wrong there)."""


def require_select(sql: str, where: str) -> None:
    """Raises InvalidRequest naming ``where`` when ``sql`` is anything but one SELECT over its declared
    inputs.
    """
    for _, problem in select_problems(sql):
        raise InvalidRequest(f"{where}: {problem}")


def require_inputs(sql: str, inputs: Collection[str], where: str) -> None:
    """Raises InvalidRequest naming ``where`` when ``sql``, one SELECT, reads a table that is none of
    ``inputs``.
    """
    for _, problem in input_problems(sql, inputs):
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
def select_problems(sql: str) -> tuple[Problem, ...]:
    """Why ``sql`` is refused, in the order of its lines; a text is looked through once a process."""
    try:
        tree = syntax_tree(sql)
    except InvalidRequest as refused:
        return ((None, str(refused)),)
    found: dict[Any, Problem] = {place: (line, _AGAIN) for place, line in _planned_again(sql)}
    for node in nodes(tree):
        for problem in _problems_of(node):
            # a table function stands where the function stands that it is
            line, place = line_of(sql, node), node.get("query_location")
            found.setdefault(problem if line is None else place, (line, problem))
    return tuple(sorted(found.values(), key=lambda each: each[0] or 0))


_AGAIN = "NOT MATERIALIZED is refused: what reads itself twice over so takes all memory before it runs"


def _planned_again(sql: str) -> Iterator[tuple[int, int]]:
    """Where a query of a WITH is to be planned anew for each that reads it; the tree does not tell."""
    found = [(place, line, word.lower()) for place, line, word in words(sql)]
    for n, (place, line, _) in enumerate(found):
        if [word for *_, word in found[n : n + 4]] == ["as", "not", "materialized", "("]:
            yield place, line


def input_problems(sql: str, inputs: Collection[str]) -> Iterator[Problem]:
    """Every table of ``sql``, one SELECT, that is none of ``inputs``. SQL does not tell cases apart."""
    known = {name.lower() for name in inputs}
    for line, name in tables_read(sql):
        if name.lower() not in known:
            declared = ", ".join(inputs) or "none"
            yield line, f"reads {name}, which is not among its inputs: {declared}"


def _problems_of(node: Node) -> Iterator[str]:
    """What is wrong with one node of the parser's tree."""
    kind = node.get("type")
    if kind == "SHOW_REF":
        yield "DESCRIBE, SHOW and SUMMARIZE look at more than rows and are refused"
    elif kind == "BASE_TABLE":
        yield from _table_problems(node)
    elif kind == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name", "")).lower()
        if name not in TABLE_FUNCTIONS:
            yield f"the table function {name} reads outside the declared inputs and is refused"
    elif node.get("id") == "VARIANT":
        yield "the type VARIANT is refused: what is nested deeply in one would end the process"
    elif (function := called(node)) is not None:
        yield from _function_problems(node, function)


def _function_problems(node: Node, name: str) -> Iterator[str]:
    if _LEAKING_FUNCTION.fullmatch(name):
        yield f"the function {name} looks outside the declared inputs and is refused"
    elif name in _ACTING_FUNCTIONS:
        yield f"the function {name} is called for what it does, not for a value, and is refused"
    elif name in _DEEP_FUNCTIONS:
        yield f"the function {name} is refused: what is nested deeply would end the process"
    elif name in _SHAPED_FUNCTIONS and not _shallow(node["children"][1:2]):
        yield f"the structure that {name} makes is written out, not computed, and not nested deeply"


def _shallow(structure: list[Node]) -> bool:
    if not structure or structure[0].get("type") != "VALUE_CONSTANT":
        return False
    text = str(structure[0]["value"].get("value"))
    return text.count("[") + text.count("{") <= DEEPEST_STRUCTURE


def _table_problems(node: Node) -> Iterator[str]:
    name = str(node.get("table_name", ""))
    if node.get("schema_name") or node.get("catalog_name"):
        yield f"the table {name} is named with a schema; only declared inputs can be read"
    elif _CATALOG_TABLE.fullmatch(name) or not _PLAIN_NAME.fullmatch(name):
        yield f"the table {name!r} is no declared input"
