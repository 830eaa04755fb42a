"""Parquet files of a test as the dataset version an engine reads: one schema, the files' own."""

from pathlib import Path

import duckdb
from headgate.domain.dataset_input import DatasetInput, InputFile
from headgate.domain.manifest import SchemaColumn


def parquet_input(*paths: Path | str) -> DatasetInput:
    """A version of these files, which are all alike."""
    columns = parquet_columns(paths[0])
    schema = tuple(SchemaColumn(name, kind, False, "internal") for name, kind in columns)
    return DatasetInput(schema, tuple(InputFile(str(path), columns) for path in paths))


def parquet_columns(path: Path | str) -> tuple[tuple[str, str], ...]:
    """Names and types, as DuckDB calls them."""
    with duckdb.connect(":memory:") as connection:
        rows = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    return tuple((row[0], row[1]) for row in rows)
