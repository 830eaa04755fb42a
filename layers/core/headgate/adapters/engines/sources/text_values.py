"""Text that means dates and times in a declared format, as SQL."""

from headgate.adapters.engines.duckdb_session import quoted
from headgate.domain.contract import Column


def parsed(text: str, column: Column) -> str:
    """SQL of ``text`` as the column's type, by its format. Fails on text of another form."""
    return f"CAST(strptime({text}, {quoted(column.format or '')}) AS {column.type})"


def tried(text: str, column: Column) -> str:
    """The same, NULL for text of another form."""
    return f"TRY_CAST(try_strptime({text}, {quoted(column.format or '')}) AS {column.type})"
