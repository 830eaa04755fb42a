"""What each clause of a SELECT and each part of an expression means for the lineage of columns."""

from collections.abc import Iterator, Mapping
from functools import lru_cache

from sqlglot import exp

from headgate.domain.column_lineage import DIRECT, INDIRECT
from headgate.domain.errors import LineageUnknown

How = tuple[str, str]
"""Type and subtype of a source."""

IDENTITY: How = (DIRECT, "IDENTITY")
TRANSFORMATION: How = (DIRECT, "TRANSFORMATION")
AGGREGATION: How = (DIRECT, "AGGREGATION")
JOIN: How = (INDIRECT, "JOIN")
GROUP_BY: How = (INDIRECT, "GROUP_BY")
FILTER: How = (INDIRECT, "FILTER")
SORT: How = (INDIRECT, "SORT")
WINDOW: How = (INDIRECT, "WINDOW")
CONDITIONAL: How = (INDIRECT, "CONDITIONAL")

CLAUSES: Mapping[str, How] = {
    "where": FILTER,
    "having": FILTER,
    "qualify": FILTER,
    "group": GROUP_BY,
    "distinct": GROUP_BY,
    "order": SORT,
    "limit": FILTER,
    "offset": FILTER,
}
_EXTREMES = (exp.ArgMax, exp.ArgMin)
_PICKED = (exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue)
"""What sqlglot counts among aggregates, though each gives one value of another row."""


def unknown(why: str) -> LineageUnknown:
    return LineageUnknown(f"the columns of this SELECT cannot be traced: {why}")


def children(node: exp.Expr, how: How) -> Iterator[tuple[exp.Expr, How]]:
    """Each part of an expression, with how it is used."""
    if isinstance(node, exp.Alias | exp.Paren | exp.Where | exp.Having | exp.Qualify | exp.Ordered):
        yield from ((child, how) for child in node.iter_expressions())
        return
    own = how if how[0] == INDIRECT else AGGREGATION if aggregates(node) else _changed(how)
    for key, value in node.args.items():
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, exp.Expr):
                part = _part(node, key)
                yield child, part if part and (how[0] == DIRECT or part == WINDOW) else own
    if isinstance(node, exp.Window) and (name := node.alias):
        yield _window(node, name), WINDOW


def _part(node: exp.Expr, key: str) -> How | None:
    """How one argument of a node is used, where that differs from the node's own use."""
    if isinstance(node, exp.If) and key == "this":
        return CONDITIONAL
    if isinstance(node, exp.Case) and key == "this":
        return CONDITIONAL
    if isinstance(node, exp.Filter) and key == "expression":
        return FILTER
    if isinstance(node, exp.Window) and key != "this":
        return WINDOW
    if isinstance(node, _EXTREMES) and key == "expression":
        return SORT
    if isinstance(node, exp.Exists):
        return CONDITIONAL
    if (
        isinstance(node, exp.Order)
        and key != "this"
        and not isinstance(node.parent, exp.WithinGroup | exp.Window)
    ):
        return SORT
    return None


def _window(node: exp.Window, name: str) -> exp.Expr:
    """What a query's WINDOW clause calls ``name``."""
    query = node.find_ancestor(exp.Select)
    defined = query.args.get("windows") or [] if query else []
    for window in defined:
        if window.name.lower() == name.lower() and window is not node:
            return window  # type: ignore[no-any-return]
    raise unknown(f"it has no window {name}")


def _changed(how: How) -> How:
    return AGGREGATION if how == AGGREGATION else TRANSFORMATION


def makes_rows(node: exp.Expr) -> bool:
    """Whether a value of the SELECT list becomes several rows."""
    if isinstance(node, exp.Anonymous):
        return node.name.lower() in ("unnest", "generate_subscripts")
    return isinstance(node, exp.Unnest | exp.Explode | exp.Posexplode)


def aggregates(node: exp.Expr) -> bool:
    if isinstance(node, exp.Anonymous):
        return node.name.lower() in _aggregate_functions()
    return isinstance(node, exp.AggFunc | exp.WithinGroup) and not isinstance(node, _PICKED)


@lru_cache(maxsize=1)
def _aggregate_functions() -> frozenset[str]:
    """Those of the engine: sqlglot has no class for some of them."""
    import duckdb

    with duckdb.connect(":memory:") as connection:
        sql = "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'aggregate'"
        return frozenset(name for (name,) in connection.execute(sql).fetchall())
