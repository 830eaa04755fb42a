"""Questions to the file of a reader's labels, in SQL. What says no zone is UTC."""

from pathlib import Path
from typing import Any

from headgate.adapters.engines.duckdb_session import identifier, quoted
from headgate.cli.failures import CommandFailed

Columns = tuple[tuple[str, str], ...]
"""(name, type) of each."""
_STAMP = quoted("%Y-%m-%dT%H:%M:%S.%fZ")


def moments(start: str | None, end: str | None) -> None:
    """Raises CommandFailed unless both are dates or instants, and ``start`` comes before ``end``."""
    for text in (start, end):
        if text is not None:
            first_row(f"SELECT {moment(text)}", f"{text!r} is no date or instant: 2013-10-01 is needed")
    if (
        start is not None
        and end is not None
        and not first_row(f"SELECT {moment(start)} < {moment(end)}", "")[0]
    ):
        raise CommandFailed(f"no time is from {start} on and before {end}")


def limits_of(labels: Path, event_time: str, start: str | None, end: str | None) -> tuple[str, str]:
    """The first event time from ``start`` on, and an instant after the last before ``end``. Raises
    CommandFailed when a row has none, or no row is of that time.
    """
    if event_time.lower() not in {name.lower() for name in described(labels)}:
        raise CommandFailed(f"the labels have no column {event_time}, which says what was known by then")
    query = (
        f"SELECT count(*) - count(t), strftime(min(t) FILTER (meant), {_STAMP}), "
        f"strftime(max(t) FILTER (meant) + INTERVAL 1 SECOND, {_STAMP}) "
        f"FROM (SELECT *, {within('t', start, end)} AS meant FROM "
        f"(SELECT {utc(event_time)} AS t FROM {parquet(labels)}))"
    )
    row = first_row(query, f"the column {event_time} of the labels")
    if row[0]:
        raise CommandFailed(f"{row[0]:,} of the labels have no {event_time}: nothing was known at no time")
    if row[1] is None:
        raise CommandFailed("there is no row among the labels that is asked for")
    return str(row[1]), str(row[2])


def parquet(path: Path, *options: str) -> str:
    """The relation of a Parquet file, and of nothing else that its path might say."""
    return f"read_parquet({', '.join([quoted(str(path)), 'hive_partitioning=false', *options])})"


def described(path: Path) -> dict[str, str]:
    """The type of each column of a Parquet file. Raises CommandFailed."""
    return dict(columns_of(f"FROM {parquet(path)}"))


def columns_of(query: str) -> Columns:
    """What a SELECT yields. Raises CommandFailed."""
    import duckdb

    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            found = connection.execute(f"DESCRIBE {query}").fetchall()
        except duckdb.Error as error:
            raise CommandFailed(f"the labels: {str(error).splitlines()[0]}") from error
    return tuple((row[0], row[1]) for row in found)


def first_row(query: str, what: str) -> tuple[Any, ...]:
    """Empty without one. Raises CommandFailed, which begins with ``what``."""
    import duckdb

    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            return connection.execute(query).fetchone() or ()
        except duckdb.Error as error:
            raise CommandFailed(f"{what}: {str(error).splitlines()[0]}") from error


def utc(column: str, type_: str = "") -> str:
    """Instants as UTC TIMESTAMPs; what says no zone is UTC."""
    if type_ == "TIMESTAMP":
        return identifier(column)
    return f"CAST(CAST({identifier(column)} AS TIMESTAMPTZ) AS TIMESTAMP)"


def moment(text: str) -> str:
    """A date or an instant as a UTC TIMESTAMP; what says no zone is UTC."""
    return f"CAST(CAST({quoted(text)} AS TIMESTAMPTZ) AS TIMESTAMP)"


def within(column: str, start: str | None, end: str | None) -> str:
    """The SQL condition that a UTC TIMESTAMP is from ``start`` on and before ``end``."""
    limits = [(start, ">="), (end, "<")]
    asked = [f"{identifier(column)} {sign} {moment(bound)}" for bound, sign in limits if bound is not None]
    return " AND ".join(asked) or "true"
