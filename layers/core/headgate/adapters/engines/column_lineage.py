"""Column lineage of one SELECT in DuckDB's dialect, read from its text with sqlglot.

Owns what can be told and what cannot. Nothing runs, and no table is needed, only the names of its columns.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from headgate.domain.column_lineage import ColumnLineage
from headgate.domain.errors import LineageUnknown

if TYPE_CHECKING:
    from sqlglot import exp

_MADE_UP = re.compile(r"_col_\d+")
"""What sqlglot calls an expression without an alias."""
_UNREADABLE = "Pivot", "Columns", "PositionalColumn", "MatchRecognize"


def column_lineage(
    sql: str, tables: Mapping[str, Sequence[str]], columns: Sequence[str] = ()
) -> ColumnLineage:
    """Sources of every column that ``sql`` yields, in order. ``tables`` are the columns of what it may read,
    by the names it uses; ``columns`` are the names that the engine gives the output, which settle those of
    expressions without an alias.

    What is told is never too little: a column that is not named does not change a value, chance and the order
    that rows happen to have aside. It may be too much. A text that cannot be told (it does not parse, reads
    something that is not in ``tables``, recurses, pivots, picks columns by a pattern) raises LineageUnknown,
    and nothing is guessed.
    """
    from sqlglot.errors import SqlglotError

    from headgate.adapters.engines.lineage_scopes import Scopes

    try:
        scopes = Scopes.of(_qualified(sql, tables), tables)
        found = scopes.lineage()
    except (SqlglotError, RecursionError) as error:
        raise LineageUnknown(f"the columns of this SELECT cannot be traced: {_first_line(error)}") from error
    names = list(columns) or [name for name, _ in found]
    _require(not any(map(_MADE_UP.fullmatch, names)), "a column has no name; the engine's names are needed")
    if len(names) != len(found):
        raise LineageUnknown(f"{len(found)} columns were traced where the engine makes {len(names)}")
    if len({name.lower() for name in names}) != len(names):
        raise LineageUnknown("two columns of this SELECT have one name")
    return {name: tuple(sorted(sources)) for name, (_, sources) in zip(names, found, strict=True)}


def _qualified(sql: str, tables: Mapping[str, Sequence[str]]) -> "exp.Expr":
    """The tree with every star expanded and every column under its table."""
    from sqlglot import exp, parse
    from sqlglot.optimizer.qualify import qualify

    from headgate.adapters.engines.lineage_names import with_calls, with_renamed

    statements = [tree for tree in parse(sql, dialect="duckdb") if tree is not None]
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise LineageUnknown("the columns of this text cannot be traced: it is not one SELECT")
    tree = statements[0]
    _require(not _named(tree, _UNREADABLE), "it pivots or picks columns by a pattern")
    _require(
        not any(_picks(star) for star in tree.find_all(exp.Star)), "it pivots or picks columns by a pattern"
    )
    _require(not any(w.args.get("recursive") for w in tree.find_all(exp.With)), "it recurses")
    schema: dict[str, object] = {name: dict.fromkeys(columns, "UNKNOWN") for name, columns in tables.items()}
    return qualify(
        with_renamed(with_calls(tree)),
        dialect="duckdb",
        schema=schema,
        validate_qualify_columns=False,
        quote_identifiers=False,
    )


def _picks(star: "exp.Expr") -> bool:
    """Whether a star stands for some columns only, by a pattern of their names."""
    from sqlglot import exp

    place = star.parent if isinstance(star.parent, exp.Column) else star
    return bool(star.args.get("ilike")) or not isinstance(place.parent, exp.Select | exp.Count | exp.Subquery)


def _named(tree: "exp.Expr", kinds: Iterable[str]) -> bool:
    return any(type(node).__name__ in kinds for node in tree.walk())


def _require(held: bool, otherwise: str) -> None:
    if not held:
        raise LineageUnknown(f"the columns of this SELECT cannot be traced: {otherwise}")


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
