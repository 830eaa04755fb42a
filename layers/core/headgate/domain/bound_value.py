"""Whether what a contract compares a column with is a value of the column's type.

A bound that the type would round, or cannot hold, is another bound than the one declared.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation

from headgate.domain.column_type import ColumnType

_BITS = {"TINYINT": 7, "SMALLINT": 15, "INTEGER": 31, "BIGINT": 63}
_ISO: Mapping[str, tuple[re.Pattern[str], Callable[[str], object]]] = {
    "DATE": (re.compile(r"\d{4}-\d\d-\d\d"), date.fromisoformat),
    "TIMESTAMP": (re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d.*)?"), datetime.fromisoformat),
    "TIMESTAMPTZ": (re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d.*)?"), datetime.fromisoformat),
    "TIME": (re.compile(r"\d\d:\d\d:\d\d.*"), time.fromisoformat),
}


def is_value_of(kind: ColumnType, value: float | str) -> bool:
    """Numbers exactly, dates and times as ISO-8601 text. Any text is one of a VARCHAR."""
    try:
        if isinstance(value, str):
            return _is_moment(kind, value)
        exact = Decimal(str(value))
        if kind.integer:
            return (
                exact == exact.to_integral_value()
                and -(2 ** _BITS[kind.kind]) <= exact < 2 ** _BITS[kind.kind]
            )
        if kind.kind == "DECIMAL":
            scaled = exact.scaleb(kind.scale)
            return scaled == scaled.to_integral_value() and abs(scaled) < Decimal(10) ** kind.precision
        return exact.is_finite()
    except (ValueError, InvalidOperation):
        return False


def _is_moment(kind: ColumnType, text: str) -> bool:
    if kind.kind not in _ISO:
        return not kind.numeric
    form, read = _ISO[kind.kind]
    return form.fullmatch(text) is not None and read(text) is not None
