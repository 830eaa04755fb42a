"""On-demand features of the rows of one call: the SQL text of offline, over a table made of the request."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from headgate.adapters.engines import feature_sql as sql
from headgate.adapters.engines.duckdb_session import identifier
from headgate.adapters.engines.plain_rows import dictionaries
from headgate.domain.errors import InvalidRequest
from headgate.domain.feature import FeatureView

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ROW = "__row"


def answer(
    connection: "DuckDBPyConnection",
    view: FeatureView,
    request: Sequence[Mapping[str, Any]],
    types: Mapping[str, str],
) -> list[dict[str, Any]]:
    """The view's columns for each row of ``request``, in order.

    Raises InvalidRequest when a value does not fit its type, the view fails, or its rows are not one each; of
    a view that the session's limit of time stops, the session makes OutOfTime.
    """
    import duckdb

    try:
        _load(connection, request, types)
    except duckdb.Error as error:
        named = _misfits(connection, request, types) or "one of them"
        raise InvalidRequest(f"the request rows do not fit their types: {named}") from error
    try:
        return [_one(connection, view)] if len(request) == 1 else _many(connection, view, types, len(request))
    except (duckdb.OutOfMemoryException, duckdb.InterruptException):
        raise
    except duckdb.Error as error:
        raise InvalidRequest(f"view {view.name}: {_first_line(error)}") from error


def _load(
    connection: "DuckDBPyConnection", request: Sequence[Mapping[str, Any]], types: Mapping[str, str]
) -> None:
    rows = [{ROW: i, **{c: row.get(c) for c in types}} for i, row in enumerate(request)]
    connection.execute(
        "CREATE TEMP TABLE __rows AS SELECT unnest(from_json_strict(?, ?), recursive := true)",
        [json.dumps(rows), json.dumps([{ROW: "BIGINT", **types}])],
    )
    connection.execute(f"CREATE TEMP VIEW request AS SELECT * EXCLUDE ({ROW}) FROM __rows")


def _misfits(
    connection: "DuckDBPyConnection", request: Sequence[Mapping[str, Any]], types: Mapping[str, str]
) -> str:
    """The columns that do not fit. The engine's own words quote what a caller sent; these do not."""
    import duckdb

    found = []
    for column, kind in types.items():
        values = [{column: row.get(column)} for row in request]
        try:
            connection.execute(
                "SELECT from_json_strict(?, ?)", [json.dumps(values), json.dumps([{column: kind}])]
            )
        except duckdb.Error:
            found.append(f"{column} is no {kind}")
    return ", ".join(found)


def _one(connection: "DuckDBPyConnection", view: FeatureView) -> dict[str, Any]:
    found = list(dictionaries(connection, view.sql))
    if len(found) != 1:
        raise InvalidRequest(
            f"view {view.name} made {len(found)} rows of one request row; exactly one is needed"
        )
    return found[0]


def _many(
    connection: "DuckDBPyConnection", view: FeatureView, types: Mapping[str, str], rows: int
) -> list[dict[str, Any]]:
    """Rows are matched back by entity, which must therefore be given and unique within one request."""
    entity = list(view.entity)
    missing = [c for c in entity if c not in types]
    if missing:
        raise InvalidRequest(f"several rows at once need the entity column(s) {', '.join(missing)}")
    equal = " AND ".join(f"v.{identifier(c)} IS NOT DISTINCT FROM r.{identifier(c)}" for c in entity)
    joined = f"SELECT v.*, r.{ROW} FROM {sql.rows_of(view)} v JOIN __rows r ON {equal}"
    found = list(dictionaries(connection, f"{joined} ORDER BY r.{ROW}, {sql.names(entity, 'v')}"))
    if len(found) != rows or len({row[ROW] for row in found}) != rows:
        raise InvalidRequest(f"the rows of one request need distinct values of {', '.join(entity)}")
    return [{k: v for k, v in row.items() if k != ROW} for row in found]


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
