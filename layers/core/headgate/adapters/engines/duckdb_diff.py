"""DiffEngine on DuckDB: rows of two versions compared with bounded memory; what does not fit is spilled.

Each side is read once for its keys, once for what is compared, and once for the rows that are shown. Of files
that both versions share only the keys are read, and only where one that differs may be among them.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate.adapters.engines.diff_sql import DiffSql
from headgate.adapters.engines.duckdb_session import Limits, open_session
from headgate.domain.errors import Corrupted, InvalidRequest, OutOfTime, PreconditionFailed, Retryable
from headgate.domain.row_diff import (
    ChangedRow,
    DuplicateKey,
    RowComparison,
    RowDiff,
    SampleRow,
    Samples,
    Values,
)
from headgate.ports import S3AccessProvider

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

LONGEST_VALUE = 200
"""Characters of a value that are shown."""


@dataclass(frozen=True)
class DuckDbDiffEngine:
    """``scratch`` takes what spills; ``s3`` and ``httpfs`` are needed only where URIs are remote."""

    limits: Limits
    scratch: Path
    s3: S3AccessProvider | None = None
    httpfs: Path | None = None

    def compare(self, asked: RowComparison, seconds: float) -> RowDiff:
        """See `headgate.ports.DiffEngine`."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        uris = [f.uri for f in (*asked.before.files, *asked.after.files, *asked.shared)]
        with (
            _told(seconds),
            open_session(
                replace(self.limits, seconds=seconds),
                self.scratch,
                readable=sorted(set(uris)),
                s3=self.s3,
                httpfs=self.httpfs,
                prepare=_any_order,
            ) as connection,
        ):
            sql = DiffSql(asked)
            for statement in sql.views():
                connection.execute(statement)
            return _keyed(connection, sql) if asked.key else _whole(connection, sql)


def _any_order(connection: "DuckDBPyConnection") -> None:
    """Keeping the order of rows that are put in a table holds batches of them in memory."""
    connection.execute("SET preserve_insertion_order = false")


def _keyed(connection: "DuckDBPyConnection", sql: DiffSql) -> RowDiff:
    for statement in (sql.repeated(), sql.differing(), sql.doubled()):
        connection.execute(statement)
    if sql.asked.shared:
        bounds = connection.execute(sql.bounds()).fetchone()
        connection.execute(sql.met(bounds if bounds and bounds[0] is not None else None))
        for statement in sql.met_again():
            connection.execute(statement)
    counted = {row[0]: row[1:] for row in connection.execute(sql.counts()).fetchall()}
    rows = {kind: int(counted[kind][0]) if kind in counted else 0 for kind in ("added", "removed", "changed")}
    by_column = counted["changed"][1:] if rows["changed"] else ()
    columns = {c.after: int(n) for c, n in zip(sql.asked.compared, by_column, strict=False) if n}
    keys, olds, news = connection.execute(sql.duplicate_counts()).fetchone() or (0, 0, 0)
    return RowDiff(
        **rows,
        columns=columns,
        duplicate_keys=int(keys),
        duplicate_before=int(olds),
        duplicate_after=int(news),
        samples=_samples(connection, sql),
    )


def _samples(connection: "DuckDBPyConnection", sql: DiffSql) -> Samples:
    connection.execute(sql.picked())
    key = [c.after for c in sql.asked.keys]
    return Samples(
        added=tuple(_rows(connection, sql.rows_of("after", "added"), _names(sql, "after"))),
        removed=tuple(_rows(connection, sql.rows_of("before", "removed"), _names(sql, "before"))),
        changed=tuple(_changed(connection, sql)),
        duplicates=tuple(
            DuplicateKey(_values(key, row), int(row[-2]), int(row[-1]))
            for row in connection.execute(sql.duplicates()).fetchall()
        ),
    )


def _changed(connection: "DuckDBPyConnection", sql: DiffSql) -> Iterator[ChangedRow]:
    key, others = [c.after for c in sql.asked.keys], [c.after for c in sql.asked.compared]
    olds = connection.execute(sql.changed("before")).fetchall()
    news = connection.execute(sql.changed("after")).fetchall()
    end = len(key) + len(others)
    for old, new in zip(olds, news, strict=True):
        differs = [name for name, flag in zip(others, new[end:], strict=True) if flag]
        before, after = _values(others, old[len(key) : end]), _values(others, new[len(key) : end])
        yield ChangedRow(_values(key, new), {n: before[n] for n in differs}, {n: after[n] for n in differs})


def _whole(connection: "DuckDBPyConnection", sql: DiffSql) -> RowDiff:
    connection.execute(sql.unequal())
    added, removed = connection.execute(sql.surplus()).fetchone() or (0, 0)
    names = [c.after for c in sql.asked.compared]

    def some(sign: str) -> tuple[SampleRow, ...]:
        found = connection.execute(sql.unequal_rows(sign)).fetchall()
        return tuple(SampleRow(_values(names, row), int(row[-1])) for row in found)

    return RowDiff(added=int(added), removed=int(removed), samples=Samples(some(">"), some("<")))


def _rows(connection: "DuckDBPyConnection", query: str, names: Sequence[str]) -> Iterator[SampleRow]:
    for row in connection.execute(query).fetchall():
        yield SampleRow(_values(names, row))


def _names(sql: DiffSql, side: str) -> list[str]:
    given = sql.asked.after if side == "after" else sql.asked.before
    return [c.name for c in given.schema]


def _values(names: Sequence[str], row: Sequence[Any]) -> Values:
    return {name: shown(value) for name, value in zip(names, row, strict=False)}


def shown(value: Any) -> Any:
    """A value as JSON takes it exactly; a long text is cut, and says so."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str) and len(value) > LONGEST_VALUE:
        return f"{value[:LONGEST_VALUE]}… ({len(value):,} characters)"
    return value


@contextmanager
def _told(seconds: float) -> Iterator[None]:
    """Errors of the engine as the platform's. What DuckDB says may hold values or signed addresses, so it is
    not repeated.
    """
    import duckdb

    try:
        yield
    except OutOfTime:
        raise PreconditionFailed(
            f"comparing the rows takes longer than the {seconds:.0f} s there are; versions that are closer "
            "share more files, and those are not read"
        ) from None
    except duckdb.OutOfMemoryException:
        raise PreconditionFailed(
            "comparing the rows needs more memory and scratch disk than the function has; versions that are "
            "closer share more files, and those are not read"
        ) from None
    except (duckdb.ConversionException, duckdb.OutOfRangeException):
        raise InvalidRequest(
            "a value of an older file does not fit the type that its column has in one of the versions"
        ) from None
    except (duckdb.HTTPException, duckdb.IOException) as error:
        raise Retryable(f"a file of the versions cannot be read now ({type(error).__name__})") from None
    except duckdb.Error as error:
        raise Corrupted(
            f"the files of the versions cannot be compared: DuckDB ended with {type(error).__name__}"
        ) from None
