"""JSON values as the contract's types, as SQL: whether a value fits, and what it becomes.

The engine's own casts are kinder than a contract: 1.5 becomes 2, true becomes 1, and a wrong value within a
list or a struct becomes NULL. So each value is looked at before it is cast.
"""

from headgate.adapters.engines.duckdb_session import quoted
from headgate.adapters.engines.sources.text_values import parsed, tried
from headgate.domain.column_type import ColumnType
from headgate.domain.contract import Column

_WHOLE = "('BIGINT', 'UBIGINT')"
_NUMBER = "('BIGINT', 'UBIGINT', 'DOUBLE', 'VARCHAR')"
_EXACT_DIGITS = 15
"""Decimal digits that a JSON number keeps, for it is read as a DOUBLE."""


def json_path(path: str) -> str:
    """The JSONPath of dotted fields, as a SQL literal."""
    return quoted("$" + "".join(f'."{part}"' for part in path.split(".")))


def text(value: str) -> str:
    """A JSON scalar as its text, a JSON null as NULL."""
    return f"({value} ->> '$')"


def fits(value: str, column: Column, closed: bool) -> str:
    """SQL that is true when the JSON ``value`` is one of the column's type; ``closed``: fields that the type
    does not name are not allowed.
    """
    if column.format is not None:
        return f"(json_type({value}) = 'VARCHAR' AND {tried(text(value), column)} IS NOT NULL)"
    return _fits(value, column.kind, closed, 0)


def converted(value: str, column: Column) -> str:
    """SQL of a ``value`` that fits, as the column's type."""
    if column.format is not None:
        return parsed(text(value), column)
    if column.kind.nested:
        # A struct's absent field would fail a plain cast; all that is there is known to fit.
        return f"TRY_CAST({value} AS {column.type})"
    return f"CAST({text(value)} AS {column.type})"


def _fits(value: str, kind: ColumnType, closed: bool, depth: int) -> str:
    said = f"json_type({value})"
    if kind.item is not None:
        each = f"e{depth}"
        wrong = f"NOT ({each} IS NULL OR {_or_null(each, kind.item, closed, depth + 1)})"
        items = f"list_filter(CAST({value} AS JSON[]), lambda {each}: {wrong})"
        return f"CASE WHEN {said} = 'ARRAY' THEN len({items}) = 0 ELSE false END"
    if kind.kind == "STRUCT":
        return _struct_fits(value, kind, closed, depth)
    return _scalar_fits(value, kind, said)


def _or_null(value: str, kind: ColumnType, closed: bool, depth: int) -> str:
    return f"(json_type({value}) = 'NULL' OR {_fits(value, kind, closed, depth)})"


def _struct_fits(value: str, kind: ColumnType, closed: bool, depth: int) -> str:
    tests = []
    for name, inner in kind.fields:
        field = f"json_extract({value}, {json_path(name)})"
        tests.append(f"({field} IS NULL OR {_or_null(field, inner, closed, depth)})")
    if closed:
        names = ", ".join(quoted(name) for name, _ in kind.fields)
        tests.append(f"list_has_all([{names}], json_keys({value}))")
    return f"CASE WHEN json_type({value}) = 'OBJECT' THEN {' AND '.join(tests)} ELSE false END"


def _scalar_fits(value: str, kind: ColumnType, said: str) -> str:
    cast = f"TRY_CAST({text(value)} AS {kind})"
    number = f"TRY_CAST({text(value)} AS DOUBLE)"
    if kind.kind == "VARCHAR":
        return f"({said} <> 'NULL')"
    if kind.integer:
        whole = f"({said} IN {_NUMBER} AND {number} = round({number}))"
        return f"(({said} IN {_WHOLE} OR {whole}) AND {cast} IS NOT NULL)"
    if kind.kind == "DECIMAL":
        kept = f"{said} <> 'DOUBLE' OR abs({number}) < 1e{_EXACT_DIGITS - kind.scale}"
        whole = f"OR regexp_full_match({text(value)}, '-?[0-9]+')"
        return f"({said} IN {_NUMBER} AND {cast} IS NOT NULL AND ({kept} {whole}))"
    if kind.numeric:
        return f"({said} IN {_NUMBER} AND {cast} IS NOT NULL)"
    if kind.kind == "BOOLEAN":
        return f"({said} IN ('BOOLEAN', 'VARCHAR') AND {cast} IS NOT NULL)"
    return f"({said} = 'VARCHAR' AND {cast} IS NOT NULL)"
