"""Query results as rows of plain JSON values. Owns how a value of the SQL engine looks outside of it."""

import math
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FETCH_ROWS = 2048


def dictionaries(connection: "DuckDBPyConnection", query: str) -> Iterator[dict[str, Any]]:
    """The rows of ``query``, fetched as they are asked for."""
    for row in raw_rows(connection, query):
        yield {name: plain(value) for name, value in row.items()}


def raw_rows(connection: "DuckDBPyConnection", query: str) -> Iterator[dict[str, Any]]:
    """As `dictionaries`, with the values as the engine has them."""
    cursor = connection.execute(query)
    columns = [d[0] for d in cursor.description]
    while rows := cursor.fetchmany(FETCH_ROWS):
        for row in rows:
            yield dict(zip(columns, row, strict=True))


def plain(value: Any) -> Any:
    """A value as JSON takes it: what is no finite number is missing, what JSON has no kind for is text."""
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    return value.hex() if isinstance(value, bytes) else str(value)
