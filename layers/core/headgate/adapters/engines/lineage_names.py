"""Names in a parsed SELECT: which are those of values, and method calls as the calls that they are.

``c.upper()`` and ``(a + b).abs()`` call a function with what stands before the dot as its first argument.
sqlglot keeps them as a path of bare names, in which no column is a column.
"""

from collections.abc import Iterator

from sqlglot import exp

from headgate.adapters.engines.lineage_clauses import unknown

_NAMERS = (exp.Column, exp.TableColumn, exp.Table, exp.TableAlias, exp.CTE, exp.DataType, exp.ColumnDef)
"""Nodes in which a name is never a value."""
_NAMES: tuple[tuple[type[exp.Expr], tuple[str, ...]], ...] = (
    (exp.Alias, ("alias",)),
    (exp.Aliases, ("expressions",)),
    (exp.Dot, ("expression",)),
    (exp.Lambda, ("expressions",)),
    (exp.Comprehension, ("expression", "position")),
    (exp.PropertyEQ, ("this",)),
    (exp.Kwarg, ("this",)),
    (exp.Window, ("this", "alias")),
    (exp.Join, ("using",)),
)
"""Arguments of other nodes that are names."""


def with_calls(tree: exp.Expr) -> exp.Expr:
    """``tree`` with every method call as a call. Raises LineageUnknown for one that cannot be read so."""
    if any(not isinstance(c.this, exp.Identifier | exp.Star) for c in tree.find_all(exp.Column)):
        raise unknown("it calls a method in a way that is not understood")
    calls = [dot for dot in tree.find_all(exp.Dot) if isinstance(dot.expression, exp.Func)]
    for name in [name for dot in calls for name in dot.this.find_all(exp.Identifier) if is_value(name)]:
        _to_column(name)
    for dot in reversed(calls):  # the innermost first
        call = dot.expression
        if not isinstance(call, exp.Anonymous):
            raise unknown(f"it calls {call.sql_name()} like a method")
        dot.replace(exp.Anonymous(this=call.name, expressions=[dot.this, *call.expressions]))
    return tree


def with_renamed(tree: exp.Expr) -> exp.Expr:
    """``tree`` with ``t AS x(p, q)`` as a subquery of that name, whose columns sqlglot renames."""
    for table in [*tree.find_all(exp.Table)]:
        if table.alias_column_names and isinstance(table.this, exp.Identifier):
            alias, joins = table.args["alias"], table.args.get("joins")
            plain = table.copy()
            plain.set("alias", None)
            plain.set("joins", None)
            renamed = exp.Subquery(this=exp.select("*").from_(plain), alias=alias.copy())
            renamed.set("joins", joins)
            table.replace(renamed)
    return tree


def is_value(name: exp.Expr) -> bool:
    """Whether a bare name stands where a value does, and no lambda or list comprehension gives it."""
    parent = name.parent
    if not isinstance(name, exp.Identifier) or parent is None or isinstance(parent, _NAMERS):
        return False
    if any(isinstance(parent, kind) and name.arg_key in keys for kind, keys in _NAMES):
        return False
    return name.name.lower() not in {each.name.lower() for each in _parameters(name)}


def _parameters(node: exp.Expr) -> Iterator[exp.Expr]:
    """What the lambdas and list comprehensions around a node give."""
    outer = node.find_ancestor(exp.Lambda, exp.Comprehension)
    while outer is not None:
        yield from outer.expressions
        yield from (outer.args[key] for key in ("expression", "position") if outer.args.get(key) is not None)
        outer = outer.find_ancestor(exp.Lambda, exp.Comprehension)


def _to_column(name: exp.Expr) -> None:
    """Replaces a bare name, and the path that begins with it, by a column."""
    if name.parent is None:
        return
    path, parts = name, [name]
    while (
        isinstance(up := path.parent, exp.Dot)
        and up.this is path
        and isinstance(up.expression, exp.Identifier)
    ):
        path, parts = up, [*parts, up.expression]
    if len(parts) > 4:
        raise unknown(f"{path.sql('duckdb')} has too many parts")
    names = dict(zip(("this", "table", "db", "catalog"), reversed(parts), strict=False))
    path.replace(exp.Column(**{key: part.copy() for key, part in names.items()}))
