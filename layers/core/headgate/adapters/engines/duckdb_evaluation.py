"""EvaluationEngine on DuckDB: windows of feature partitions in batches, baseline means, and histograms
against stored edges.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate.adapters.engines.duckdb_session import Limits, identifier, open_session, quoted
from headgate.ports import RowWindow, S3AccessProvider

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

BATCH_ROWS = 16_384


@dataclass(frozen=True)
class DuckDbEvaluationEngine:
    """``scratch`` is where spills go."""

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
        """Groups without a training row get the label's mean over all training rows."""
        keys = ", ".join(identifier(c) for c in mean_by)
        equal = " AND ".join(f"w.{identifier(c)} IS NOT DISTINCT FROM m.{identifier(c)}" for c in mean_by)
        target = identifier(label)
        query = (
            f"WITH m AS (SELECT {keys}, avg({target}) AS mean FROM {_table(train)} GROUP BY {keys}), "
            f"overall AS (SELECT avg({target}) AS mean FROM {_table(train)}) "
            f"SELECT coalesce(m.mean, overall.mean) FROM {_table(window)} w LEFT JOIN m ON {equal} CROSS JOIN overall "
            f"ORDER BY {_order(window, 'w.')}"
        )
        with self._open((*train.uris, *window.uris)) as connection:
            return [float(row[0]) for row in connection.execute(query).fetchall()]

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
        with open_session(
            self.limits, self.scratch, readable=sorted(set(uris)), s3=self.s3, httpfs=self.httpfs
        ) as connection:
            yield connection


def _table(window: RowWindow) -> str:
    files = ", ".join(quoted(u) for u in window.uris)
    time = identifier(window.event_time)
    between = f"{time} >= TIMESTAMP {quoted(window.start)} AND {time} < TIMESTAMP {quoted(window.end)}"
    return f"(SELECT * FROM read_parquet([{files}]) WHERE {between})"


def _order(window: RowWindow, prefix: str = "") -> str:
    return ", ".join(prefix + identifier(c) for c in (window.event_time, *window.entity))


def _histogram(
    connection: "DuckDBPyConnection", window: RowWindow, feature: str, reference: Mapping[str, Any]
) -> list[int]:
    column = identifier(feature)
    if reference["kind"] == "numeric":
        edges = list(reference["edges"])
        # A bin holds edge[i-1] < value <= edge[i].
        bins = " + ".join(f"CAST(CAST({column} AS DOUBLE) > {float(e)!r} AS INTEGER)" for e in edges) or "0"
        found = _counts(
            connection,
            window,
            f"CASE WHEN {column} IS NULL OR isnan(CAST({column} AS DOUBLE)) THEN -1 ELSE {bins} END",
        )
        return [*(found.get(i, 0) for i in range(len(edges) + 1)), found.get(-1, 0)]
    found = _counts(connection, window, f"CAST({column} AS VARCHAR)")
    nulls = found.pop(None, 0)
    known = [found.pop(category, 0) for category in reference["categories"]]
    return [*known, sum(found.values()), nulls]


def _counts(connection: "DuckDBPyConnection", window: RowWindow, expression: str) -> dict[Any, int]:
    rows = connection.execute(
        f"SELECT {expression} AS bin, count(*) FROM {_table(window)} GROUP BY bin"
    ).fetchall()
    return {row[0]: int(row[1]) for row in rows}
