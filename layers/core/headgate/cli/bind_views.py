"""Whether the SQL of a product's views can run: the engine binds each to empty tables of its declared inputs.

Owns what a view yields. No row is looked at. What feature sets need of views is in
`headgate.cli.bind_sets`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from headgate.adapters.engines.duckdb_session import identifier
from headgate.adapters.engines.sql_guard import (
    Problem,
    expression_query,
    input_problems,
    require_expression,
    select_problems,
)
from headgate.adapters.engines.sql_literals import wrong_literals
from headgate.adapters.engines.sql_repeatable import require_repeatable, unrepeatable
from headgate.adapters.engines.sql_row_alone import row_alone_problems
from headgate.adapters.engines.sql_text import first_line, tables_read
from headgate.cli.bind_checks import is_instant, told
from headgate.cli.compile_view import ViewSource, sql_line
from headgate.domain.contract import Contract
from headgate.domain.errors import InvalidRequest
from headgate.domain.feature import PLATFORM_PREFIX, WATERMARK_COLUMN, WATERMARK_TABLE, FeatureView
from headgate.domain.feature_set import in_order

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Columns = Mapping[str, str]
"""Column name -> engine type, in order."""


def bind_views(
    views: Mapping[str, ViewSource], datasets: Mapping[str, Contract | None]
) -> dict[str, Columns]:
    """What each stored view yields, by its name; what cannot run is noted in the view's source.

    A view that reads something with a problem of its own is left out: that one is told.
    """
    tables: dict[str, Columns] = {WATERMARK_TABLE: {WATERMARK_COLUMN: "TIMESTAMP"}}
    tables |= {n: {c.name: c.type for c in contract.columns} for n, contract in datasets.items() if contract}
    times = {name: contract.event_time if contract else "?" for name, contract in datasets.items()}
    times |= {name: source.view.event_time for name, source in views.items()}
    bound: dict[str, Columns] = {}
    for view in _stored({name: source.view for name, source in views.items()}):
        source = views[view.name]
        _check_windows(source, times)
        inputs = {name: tables[name] for name in view.inputs if name in tables}
        if len(inputs) < len(view.inputs):
            continue
        columns = bind_view(source, inputs)
        if columns is not None:
            bound[view.name] = columns
            tables[view.name] = {c: "TIMESTAMP" if c in view.times else t for c, t in columns.items()}
    return bound


def bind_view(source: ViewSource, inputs: Mapping[str, Columns]) -> Columns | None:
    """What the view yields; None when it cannot run, or not be trusted, over tables of ``inputs``."""
    sql = str(source.document["sql"])
    if any(problem.field in (None, "inputs") for problem in source.problems):
        return None
    refused = [*select_problems(sql)] or [*input_problems(sql, inputs)]
    for line, message in refused or _unlike(source, sql):
        _note(source, line, message)
    if refused:
        return None
    _check_read(source, sql)
    columns = _yielded(source, sql, inputs)
    if columns is not None:
        _check_columns(source, columns)
        for number, test in enumerate(source.document["tests"]):
            if (problem := _test_problem(test, columns)) is not None:
                source.problem("test", problem, number)
    return columns


def _check_read(source: ViewSource, sql: str) -> None:
    read = {name.lower() for _, name in tables_read(sql)}
    for name in source.view.inputs:
        if name.lower() not in read:
            source.problem("inputs", f"{name} is not read by the SQL: its versions would build for nothing")


def _unlike(source: ViewSource, sql: str) -> Iterator[Problem]:
    """Where the view fails on its first row, or may be another one in another run or among other rows."""
    yield from wrong_literals(sql)
    yield from unrepeatable(sql)
    if source.document["kind"] == "on_demand":
        yield from row_alone_problems(sql)


def _note(source: ViewSource, line: int | None, message: str) -> None:
    """At its line; at that where the SQL begins when the engine tells none."""
    source.problem_at(line or first_line(str(source.document["sql"])), None, message)


def _stored(views: Mapping[str, FeatureView]) -> Iterator[FeatureView]:
    """Each after what it reads, those in a circle left out."""
    done: set[str] = set()
    for wanted in views.values():
        try:
            ordered = in_order([wanted], views)
        except InvalidRequest:
            continue
        for view in ordered:
            if view.kind != "on_demand" and view.name not in done:
                done.add(view.name)
                yield view


def _check_windows(source: ViewSource, times: Mapping[str, str | None]) -> None:
    for number, window in enumerate(source.view.windows):
        if window.input in times and times[window.input] is None:
            source.problem(
                "window",
                f"{window.input} has no event time to count from; give its contract headgateEventTime, or "
                "the view an event_time",
                number,
            )


def _yielded(source: ViewSource, sql: str, inputs: Mapping[str, Columns]) -> Columns | None:
    import duckdb

    with empty_tables(inputs) as connection:
        try:
            found = connection.execute(f"DESCRIBE {sql}").fetchall()
        except duckdb.Error as error:
            _note(source, sql_line(str(error)), told(error))
            return None
    columns: dict[str, str] = {}
    for name, kind, *_ in found:
        if name.lower() in {known.lower() for known in columns}:
            _note(source, None, f"yields two columns called {name}")
            return None
        if name.startswith(PLATFORM_PREFIX):
            _note(source, None, f"yields a column {name}; only the platform's names begin with __")
        columns[name] = kind
    return columns


@contextmanager
def empty_tables(tables: Mapping[str, Columns]) -> Iterator["DuckDBPyConnection"]:
    """A connection with these tables, ``seed()`` and nothing else in reach."""
    import duckdb

    with duckdb.connect(config={"enable_external_access": False}) as connection:
        connection.execute("CREATE MACRO seed() AS CAST(0 AS BIGINT)")
        for name, columns in tables.items():
            declared = ", ".join(f"{identifier(c)} {kind}" for c, kind in columns.items())
            connection.execute(f"CREATE TABLE {identifier(name)} ({declared})")
        yield connection


def _check_columns(source: ViewSource, columns: Columns) -> None:
    view = source.view
    for key, names in (
        ("entity", view.entity),
        ("event_time", [view.event_time]),
        ("known_at", [view.known_at]),
    ):
        for name in names:
            if name is None:
                continue
            if name not in columns:
                source.problem(key, f"the SQL yields no column {name!r}; it yields {', '.join(columns)}")
            elif key != "entity" and not is_instant(columns[name]):
                source.problem(key, f"{name} is {columns[name]}; a DATE or TIMESTAMP is needed")


def _test_problem(test: str, columns: Columns) -> str | None:
    import duckdb

    query = expression_query(test)
    try:
        require_expression(test, "the test")
        require_repeatable(query, "the test")
        with empty_tables({"this": columns}) as connection:
            # beside the row itself, so that an aggregate finds no group
            connection.execute(f"DESCRIBE SELECT *, ({test}\n) FROM this")
            kind = connection.execute(f"DESCRIBE {query}").fetchall()[0][1]
    except InvalidRequest as refused:
        return str(refused)
    except duckdb.Error as error:
        return told(error)
    return None if kind == "BOOLEAN" else f"is {kind}; a condition, which is BOOLEAN, is needed"
