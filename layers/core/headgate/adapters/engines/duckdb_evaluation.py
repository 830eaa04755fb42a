"""EvaluationEngine on DuckDB: windows of feature partitions in batches, baseline means, and histograms
against stored edges.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate.adapters.engines.duckdb_session import Limits, identifier, open_session, quoted
from headgate.domain.errors import Corrupted, InvalidRequest
from headgate.ports import RowWindow, S3AccessProvider

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

BATCH_ROWS = 16_384


@dataclass(frozen=True)
class DuckDbEvaluationEngine:
    """``scratch`` is where spills go. Raises Corrupted for files that are no Parquet or lack a column."""

    limits: Limits
    scratch: Path
    s3: S3AccessProvider | None = None
    httpfs: Path | None = None

    def rows(self, window: RowWindow, columns: Sequence[str]) -> Iterator[Mapping[str, Sequence[Any]]]:
        """See `headgate.ports.EvaluationEngine`; batches have at most 16,384 rows."""
        if not window.uris:
            return
        selected = ", ".join(identifier(c) for c in columns)
        with self._open(window.uris) as connection:
            cursor = connection.execute(f"SELECT {selected} FROM {_table(window)} ORDER BY {_order(window)}")
            while batch := cursor.fetchmany(BATCH_ROWS):
                yield dict(zip(columns, zip(*batch, strict=True), strict=True))

    def group_means(
        self, train: RowWindow, window: RowWindow, label: str, mean_by: Sequence[str]
    ) -> Sequence[float]:
        """Groups without a training row get the label's mean over all training rows.

        Raises InvalidRequest when no training row has a label.
        """
        return self._means(train, window, label, [identifier(name) for name in mean_by])

    def seasonal_means(self, train: RowWindow, window: RowWindow, label: str) -> Sequence[float]:
        """As `group_means`, by weekday and hour of the event time."""
        return self._means(train, window, label, _season(train.event_time))

    def label_mean(self, window: RowWindow, label: str) -> float | None:
        """See `headgate.ports.EvaluationEngine`."""
        if not window.uris:
            return None
        mean = f"SELECT avg(CAST({identifier(label)} AS DOUBLE)) FROM {_table(window)}"
        with self._open(window.uris) as connection:
            found = connection.execute(mean).fetchone()
        return None if found is None or found[0] is None else float(found[0])

    def _means(self, train: RowWindow, window: RowWindow, label: str, keys: Sequence[str]) -> Sequence[float]:
        if not train.uris:
            raise InvalidRequest(
                f"there is no row from {train.start} to {train.end} to learn a baseline from"
            )
        if not window.uris:
            return []
        with self._open((*train.uris, *window.uris)) as connection:
            found = connection.execute(_group_means(train, window, label, keys)).fetchall()
        if any(row[0] is None for row in found):
            raise InvalidRequest(f"no row from {train.start} to {train.end} has a {label}")
        return [float(row[0]) for row in found]

    def histograms(
        self, window: RowWindow, features: Mapping[str, Mapping[str, Any]]
    ) -> Mapping[str, Sequence[int]]:
        """One grouping a feature: measured faster than one pass over all of them."""
        with self._open(window.uris) as connection:
            return {
                name: _histogram(connection, window, name, reference) for name, reference in features.items()
            }

    @contextmanager
    def _open(self, uris: Sequence[str]) -> Iterator["DuckDBPyConnection"]:
        import duckdb

        with open_session(
            self.limits, self.scratch, readable=sorted(set(uris)), s3=self.s3, httpfs=self.httpfs
        ) as connection:
            try:
                yield connection
            except (duckdb.ProgrammingError, duckdb.DataError) as error:
                raise Corrupted(f"feature rows cannot be read: {str(error).splitlines()[0]}") from error


def _table(window: RowWindow) -> str:
    files = ", ".join(quoted(u) for u in window.uris)
    time = identifier(window.event_time)
    between = f"{time} >= TIMESTAMP {quoted(window.start)} AND {time} < TIMESTAMP {quoted(window.end)}"
    return f"(SELECT * FROM read_parquet([{files}]) WHERE {between})"


def _order(window: RowWindow, prefix: str = "") -> str:
    return ", ".join(prefix + identifier(c) for c in (window.event_time, *window.entity))


def _key(position: int) -> str:
    """No column of a feature version begins so."""
    return f"__key_{position}"


def _season(event_time: str) -> list[str]:
    """ISO weekday and hour in UTC, from the seconds since 1970-01-01, a Thursday: no calendar of a time zone
    has a say in it.
    """
    hours = f"CAST(floor(epoch({identifier(event_time)}) / 3600) AS BIGINT)"
    days = f"CAST(floor(epoch({identifier(event_time)}) / 86400) AS BIGINT)"
    return [f"((({days} + 3) % 7) + 7) % 7 + 1", f"(({hours} % 24) + 24) % 24"]


def _group_means(train: RowWindow, window: RowWindow, label: str, keys: Sequence[str]) -> str:
    """``keys`` are expressions over a row."""
    mean = f"avg(CAST({identifier(label)} AS DOUBLE)) AS mean"
    named = ", ".join(f"{expression} AS {_key(n)}" for n, expression in enumerate(keys))
    each = ", ".join(_key(n) for n in range(len(keys)))
    equal = " AND ".join(f"w.{_key(n)} IS NOT DISTINCT FROM m.{_key(n)}" for n in range(len(keys)))
    by_group = f"SELECT {named}, {mean} FROM {_table(train)} GROUP BY {each}" if keys else None
    rows = f"(SELECT *, {named} FROM {_table(window)})" if keys else _table(window)
    return (
        f"WITH overall AS (SELECT {mean} FROM {_table(train)})"
        + (
            f", m AS ({by_group}) SELECT coalesce(m.mean, overall.mean)"
            if by_group
            else " SELECT overall.mean"
        )
        + f" FROM {rows} w CROSS JOIN overall"
        + (f" LEFT JOIN m ON {equal}" if by_group else "")
        + f" ORDER BY {_order(window, 'w.')}"
    )


def _histogram(
    connection: "DuckDBPyConnection", window: RowWindow, feature: str, reference: Mapping[str, Any]
) -> list[int]:
    if reference["kind"] == "numeric":
        return _numeric(connection, window, feature, reference["edges"])
    # The empty text stands for null, as it does where references are made and where models are fed.
    found = _counts(connection, window, f"nullif(CAST({identifier(feature)} AS VARCHAR), '')")
    nulls = found.pop(None, 0)
    known = [found.pop(category, 0) for category in reference["categories"]]
    return [*known, sum(found.values()), nulls]


def _numeric(
    connection: "DuckDBPyConnection", window: RowWindow, feature: str, edges: Sequence[float]
) -> list[int]:
    """Counts of the bins edge[i-1] < value <= edge[i], then of null and NaN.

    Edges are values that occur, so they must compare exactly: as a bare literal, which is a decimal, 2.5% of
    random doubles came out as another double.
    """
    value = f"CAST({identifier(feature)} AS DOUBLE)"
    above = [f"CAST({value} > CAST({quoted(repr(float(e)))} AS DOUBLE) AS INTEGER)" for e in edges]
    missing = f"{identifier(feature)} IS NULL OR isnan({value})"
    found = _counts(connection, window, f"CASE WHEN {missing} THEN -1 ELSE {' + '.join(above) or '0'} END")
    return [*(found.get(i, 0) for i in range(len(edges) + 1)), found.get(-1, 0)]


def _counts(connection: "DuckDBPyConnection", window: RowWindow, expression: str) -> dict[Any, int]:
    rows = connection.execute(
        f"SELECT {expression} AS bin, count(*) FROM {_table(window)} GROUP BY bin"
    ).fetchall()
    return {row[0]: int(row[1]) for row in rows}
