"""Whether a SELECT makes each row of its input into one row, and looks at no other: what is computed of one
request must be what is computed of it among all rows of a training table.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from headgate.adapters.engines.sql_guard import Problem
from headgate.adapters.engines.sql_text import Node, called, line_of, nodes, syntax_tree
from headgate.domain.errors import InvalidRequest

_TYPES = {
    "JOIN": "a join",
    "SET_OPERATION_NODE": "a union",
    "RECURSIVE_CTE_NODE": "a recursive query",
    "TABLE_FUNCTION": "a table function",
    "LIMIT_MODIFIER": "LIMIT",
    "LIMIT_PERCENT_MODIFIER": "LIMIT",
    "DISTINCT_MODIFIER": "DISTINCT",
}
_CLASSES = {"WINDOW": "a window", "SUBQUERY": "a subquery"}


def require_row_alone(sql: str, where: str) -> None:
    """Raises InvalidRequest naming ``where`` when a row of ``sql``, one SELECT, may depend on other rows."""
    for _, problem in row_alone_problems(sql):
        raise InvalidRequest(f"{where}: {problem}")


@lru_cache(maxsize=64)
def row_alone_problems(sql: str) -> tuple[Problem, ...]:
    """Where ``sql``, one SELECT, looks at other rows, in the order of its lines."""
    found = [
        (line_of(sql, node), f"{what} looks at more than one row; an on_demand view sees one request alone")
        for node in nodes(syntax_tree(sql))
        for what in _looks(node)
    ]
    return tuple(sorted(dict.fromkeys(found), key=lambda each: each[0] or 0))


def _looks(node: Node) -> Iterator[str]:
    """What in a node looks at other rows."""
    if (what := _TYPES.get(str(node.get("type"))) or _CLASSES.get(str(node.get("class")))) is not None:
        yield what
    elif node.get("group_expressions"):
        yield "GROUP BY"
    elif node.get("class") == "FUNCTION" and (name := called(node)) in gathering_functions():
        yield f"{name.removesuffix('_star')}()"


@lru_cache(maxsize=1)
def gathering_functions() -> frozenset[str]:
    """The engine's aggregates, its macros that are made of them, and what makes several rows of one."""
    import duckdb

    with duckdb.connect(":memory:") as connection:
        listed = connection.execute(
            "SELECT DISTINCT function_name, function_type, macro_definition FROM duckdb_functions() "
            "WHERE function_type IN ('aggregate', 'macro')"
        ).fetchall()
    found = {name for name, kind, _ in listed if kind == "aggregate"}
    before = set[str]()
    while found != before:
        before = set(found)
        found |= {n for n, _, text in listed if text and found & set(re.findall(r"(\w+)\(", text))}
    return frozenset(found | {"unnest"})
