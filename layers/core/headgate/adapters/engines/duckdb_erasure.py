"""ErasureEngine on DuckDB: which Parquet files hold a subject's rows, and files without them.

Values are compared in the type a column has, so that row groups whose statistics exclude them are not read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headgate.adapters.engines.duckdb_session import Limits, identifier, open_session, quoted
from headgate.domain.dataset import ColumnStats
from headgate.ports import KeyColumns, Rest, S3AccessProvider

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FILES_AT_ONCE = 500
"""Files of one query: their footers are read together, and a query costs about 10 ms of its own."""
FILE = "headgate_file"


@dataclass(frozen=True)
class DuckDbErasureEngine:
    """``scratch`` takes what spills; ``s3`` and ``httpfs`` are needed only where URIs are remote."""

    limits: Limits
    scratch: Path
    s3: S3AccessProvider | None = None
    httpfs: Path | None = None

    def holding(
        self, uris: Sequence[str], keys: KeyColumns, values: Sequence[Sequence[str]]
    ) -> Mapping[str, int]:
        self.scratch.mkdir(parents=True, exist_ok=True)
        found: dict[str, int] = {}
        for chunk in _chunks(uris):
            with open_session(
                self.limits, self.scratch, readable=chunk, s3=self.s3, httpfs=self.httpfs
            ) as connection:
                found |= _holding(connection, chunk, keys, values)
        return found

    def without(
        self,
        source: Path,
        keys: KeyColumns,
        values: Sequence[Sequence[str]],
        target: Path,
        columns: Sequence[tuple[str, str]] = (),
        label: str = "",
    ) -> Rest:
        with open_session(self.limits, target.parent, readable=[str(source)]) as connection:
            relation = f"read_parquet({quoted(str(source))})"
            condition = _condition(_types(connection, relation), keys, values) or "false"
            connection.execute(
                f"COPY (SELECT * FROM {relation} WHERE ({condition}) IS NOT TRUE) "
                f"TO {quoted(str(target))} (FORMAT parquet, COMPRESSION zstd)"
            )
            return _rest(connection, f"read_parquet({quoted(str(target))})", columns, label)


def _chunks(uris: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(uris), FILES_AT_ONCE):
        yield list(uris[start : start + FILES_AT_ONCE])


def _holding(
    connection: "DuckDBPyConnection", uris: Sequence[str], keys: KeyColumns, values: Sequence[Sequence[str]]
) -> dict[str, int]:
    listed = ", ".join(quoted(uri) for uri in uris)
    relation = f"read_parquet([{listed}], union_by_name = true, filename = {quoted(FILE)})"
    condition = _condition(_types(connection, relation), keys, values)
    if condition is None:
        return {}
    rows = connection.execute(
        f"SELECT {FILE}, count(*) FROM {relation} WHERE {condition} GROUP BY {FILE}"
    ).fetchall()
    return {str(uri): int(count) for uri, count in rows}


def _types(connection: "DuckDBPyConnection", relation: str) -> dict[str, str]:
    described = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    return {str(row[0]): str(row[1]) for row in described}


def _condition(types: Mapping[str, str], keys: KeyColumns, values: Sequence[Sequence[str]]) -> str | None:
    """A row is the subject's when every key column has its value under one of the column's names; None where
    a key column is missing altogether.
    """
    present = [[name for name in names if name in types] for names in keys]
    if not all(present):
        return None
    subjects = []
    for value in values:
        parts = [
            "(" + " OR ".join(_equal(name, types[name], text) for name in names) + ")"
            for names, text in zip(present, value, strict=True)
        ]
        subjects.append(f"({' AND '.join(parts)})")
    return " OR ".join(subjects)


def _equal(name: str, kind: str, text: str) -> str:
    return f"{identifier(name)} = TRY_CAST({quoted(text)} AS {kind})"


def _rest(
    connection: "DuckDBPyConnection", relation: str, columns: Sequence[tuple[str, str]], label: str
) -> Rest:
    parts = ["count(*)", f"count(*) FILTER (CAST({identifier(label)} AS INTEGER) = 1)" if label else "0"]
    for name, _ in columns:
        column = identifier(name)
        parts += [f"count({column})", f"CAST(min({column}) AS VARCHAR)", f"CAST(max({column}) AS VARCHAR)"]
    rows, positives, *found = (
        connection.execute(f"SELECT {', '.join(parts)} FROM {relation}").fetchone() or ()
    )
    stats = tuple(
        ColumnStats(name, kind, rows - found[3 * i], found[3 * i + 1], found[3 * i + 2])
        for i, (name, kind) in enumerate(columns)
    )
    return Rest(int(rows), stats, int(positives))
