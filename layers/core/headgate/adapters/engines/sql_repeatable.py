"""Which SQL gives the same rows whenever it runs: nothing in it may look at the clock, at chance or at a
sequence. The engine's own lists and parser say what does.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from headgate.adapters.engines.sql_text import called, line_of, nodes, syntax_tree
from headgate.domain.errors import InvalidRequest

KEYWORDS = frozenset(
    [
        *("current_catalog", "current_date", "current_role", "current_schema", "current_time"),
        *("current_timestamp", "current_user", "localtime", "localtimestamp", "session_user", "user"),
    ]
)
"""Words that the engine takes for functions where no column is called so; its parser has them as columns."""
_LISTED_WRONGLY = frozenset(
    [
        *("current_localtime", "current_localtimestamp"),
        *("get_block_size", "reservoir_quantile", "vector_type"),
    ]
)
"""The engine calls them CONSISTENT; they tell the time, draw a sample, or tell how values happen to lie."""
_BY_NAME = frozenset({"aggregate", "array_aggr", "array_aggregate", "list_aggr", "list_aggregate"})
"""They call the function that their second argument names."""
_NO_VALUE = frozenset({"error"})
"""Volatile so that the engine does not raise it while planning; it raises the same error each time."""


def require_repeatable(sql: str, where: str) -> None:
    """Raises InvalidRequest naming ``where`` when ``sql``, one SELECT, may differ between two runs."""
    for _, problem in unrepeatable(sql):
        raise InvalidRequest(f"{where}: {problem}")


def unrepeatable(sql: str) -> Iterator[tuple[int | None, str]]:
    """What differs between two runs of ``sql``: (line, problem). Raises InvalidRequest for no SELECT."""
    for node in nodes(syntax_tree(sql)):
        if node.get("sample") is not None:
            yield line_of(sql, node), f"a sample of rows is another one in each run; {_INSTEAD}"
        if (word := _keyword(node)) is not None:
            column = f"; a column of this name is named with its table, such as t.{word}"
            yield line_of(sql, node), f"{word} is another value in each run; {_INSTEAD}{column}"
        if (name := _changing_call(node)) is not None:
            yield line_of(sql, node), f"{name} is another value in each run; {_INSTEAD}"


_INSTEAD = "take times from the data, and chance from seed() with hash()"


def _keyword(node: Mapping[str, Any]) -> str | None:
    path = list(node["column_names"]) if node.get("type") == "COLUMN_REF" else []
    return path[0] if len(path) == 1 and path[0].lower() in KEYWORDS else None


def _changing_call(node: Mapping[str, Any]) -> str | None:
    name, given = called(node), node.get("children", ())
    if name is None:
        return None
    if name in changing_functions():
        return f"{name}()"
    if name in _BY_NAME and len(given) > 1 and given[1].get("type") == "VALUE_CONSTANT":
        named = str(given[1]["value"].get("value")).lower()
        return f"{named}()" if named in changing_functions() else None
    return "age() of one time" if name == "age" and len(given) == 1 else None


@lru_cache(maxsize=1)
def changing_functions() -> frozenset[str]:
    """What the engine lists as not CONSISTENT, and its macros that are made of such."""
    import duckdb

    with duckdb.connect(":memory:") as connection:
        listed = connection.execute(
            "SELECT function_name, stability, macro_definition FROM duckdb_functions() "
            "WHERE function_type <> 'table_macro'"
        ).fetchall()
    names = {name for name, stability, _ in listed if stability not in (None, "CONSISTENT")}
    found, before = (names | _LISTED_WRONGLY) - _NO_VALUE, set[str]()
    while found != before:
        before = set(found)
        found |= {n for n, _, text in listed if text and (found | KEYWORDS) & set(re.findall(r"\w+", text))}
    return frozenset(found)
