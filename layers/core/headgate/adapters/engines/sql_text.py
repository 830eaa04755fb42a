"""What a SQL text is to the engine's own parser: its tree, where its parts stand, where it ends.

A comment, a quoted name or a string that looks like one hides nothing from it. Nothing is run here.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from headgate.domain.errors import InvalidRequest

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Node = Mapping[str, Any]
_WORD = re.compile(rb"\w+|.", re.DOTALL)


@lru_cache(maxsize=64)
def syntax_tree(sql: str) -> Node:
    """What the engine's parser makes of one SELECT. Raises InvalidRequest for anything else."""
    import duckdb

    try:
        statements = duckdb.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise InvalidRequest(f"exactly one SELECT is needed, found {len(statements)} statement(s)")
        with parser().cursor() as connection:
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
def parser() -> "DuckDBPyConnection":
    """An empty database that only parses: opening one takes longer than parsing."""
    import duckdb

    return duckdb.connect(":memory:", config={"enable_external_access": False, "threads": 1})


def nodes(tree: Any) -> Iterator[Node]:
    """Every object of a syntax tree."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def called(node: Node) -> str | None:
    """The function that a node calls, in lower case; None for every other node."""
    return str(node.get("function_name", "")).lower() if node.get("class") in ("FUNCTION", "WINDOW") else None


@lru_cache(maxsize=256)
def tables_read(sql: str) -> tuple[tuple[int | None, str], ...]:
    """Every table that one SELECT reads and does not make itself: (line, its name as written). A text is
    looked through once a process: that of a request is asked for each.
    """
    found = []
    waiting: list[tuple[Any, frozenset[str]]] = [(syntax_tree(sql), frozenset())]
    while waiting:
        node, made = waiting.pop()
        if isinstance(node, list):
            waiting.extend((each, made) for each in node)
        elif isinstance(node, dict):
            if node.get("type") == "BASE_TABLE" and str(node["table_name"]).lower() not in made:
                found.append((line_of(sql, node), str(node["table_name"])))
            waiting.extend(_within(node, made))
    return tuple(sorted(found, key=lambda each: each[0] or 0))


def _within(node: Node, made: frozenset[str]) -> Iterator[tuple[Any, frozenset[str]]]:
    """The parts of a node, each with the names that WITH has given to queries there."""
    for entry in (node.get("cte_map") or {}).get("map", ()):
        yield entry["value"], made
        made |= {str(entry["key"]).lower()}
    for key, part in node.items():
        if key == "right" and node.get("type") == "RECURSIVE_CTE_NODE":
            yield part, made | {str(node["cte_name"]).lower()}
        elif key != "cte_map":
            yield part, made


def line_of(sql: str, node: Node) -> int | None:
    """The line of a node; the parser counts bytes from the text's start."""
    text = sql.encode()
    place = node.get("query_location", len(text))
    return text.count(b"\n", 0, place) + 1 if place < len(text) else None


def first_line(sql: str) -> int:
    """The line on which the SQL begins, after the comments at its head."""
    return next((line for _, line, _ in words(sql)), 1)


def words(sql: str) -> Iterator[tuple[int, int, str]]:
    """The words of a text without its comments: (place in bytes, line, word or the first sign of another)."""
    import duckdb

    text, line, reached = sql.encode(), 1, 0
    for place, _ in duckdb.tokenize(sql):
        line, reached = line + text.count(b"\n", reached, place), place
        found = _WORD.match(text, place)
        yield place, line, found[0].decode(errors="replace") if found else ""


def without_end(sql: str) -> str:
    """One statement without the semicolons that end it; what stands where stays so."""
    import duckdb

    text = bytearray(sql.encode())
    for place, _ in reversed(duckdb.tokenize(sql)):
        if text[place : place + 1] != b";":
            break
        text[place : place + 1] = b" "
    return text.decode().rstrip()
