"""Constants that the type which they are written for cannot hold. The engine does not read them while it
binds: a view that has one would fail on its first row.
"""

import json
from collections.abc import Iterator

from headgate.adapters.engines.sql_guard import Problem
from headgate.adapters.engines.sql_text import Node, line_of, nodes, parser, syntax_tree


def wrong_literals(sql: str) -> Iterator[Problem]:
    """Each one of ``sql``, one SELECT, such as TIMESTAMP '2013-13-01'. One within TRY is no mistake, so that
    a text with TRY is not looked through.
    """
    import duckdb

    found = list(nodes(syntax_tree(sql)))
    if any(node.get("type") == "OPERATOR_TRY" for node in found):
        return
    for node in found:
        if _written(node):
            try:
                _read(node)
            except duckdb.ConversionException as error:
                yield line_of(sql, node["child"]) or line_of(sql, node), str(error).splitlines()[0]
            except duckdb.Error:
                continue


def _written(node: Node) -> bool:
    """Whether a node casts a constant."""
    child = node.get("child") or {}
    return (
        node.get("type") == "OPERATOR_CAST"
        and not node.get("try_cast")
        and child.get("type") == "VALUE_CONSTANT"
    )


def _read(node: Node) -> None:
    """Has the engine make the value. Raises duckdb.Error."""
    (statement,) = syntax_tree("SELECT 1")["statements"]
    alone = {**statement, "node": {**statement["node"], "select_list": [node]}}
    with parser().cursor() as connection:
        text = connection.execute(
            "SELECT json_deserialize_sql(?::JSON)", [json.dumps({"error": False, "statements": [alone]})]
        ).fetchone()
        connection.execute(text[0] if text else "").fetchall()
