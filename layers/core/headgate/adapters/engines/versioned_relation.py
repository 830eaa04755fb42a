"""One relation over files of several schemas: what a version's readers see, whatever its files were written
as. Pure text, no connection.

Columns that a file does not know are NULL, renamed ones are found by their former names, and types that were
widened since are cast. A value that the newer type cannot hold is an error of the query, never a NULL.
"""

from collections.abc import Sequence

from headgate.adapters.engines.duckdb_session import identifier, quoted
from headgate.domain.dataset_input import DatasetInput, InputFile, columns_of
from headgate.domain.manifest import SchemaColumn

_Columns = tuple[tuple[str, str], ...]


def relation_sql(files: Sequence[InputFile], schema: Sequence[SchemaColumn]) -> str:
    """A SELECT that yields the columns of ``schema``, in its order, of all rows of ``files``.

    Files with the same columns are read together, so a dataset that never changed is one scan.
    """
    groups: dict[_Columns, list[str]] = {}
    for file in files:
        groups.setdefault(tuple(sorted(file.columns)), []).append(file.uri)
    if not groups:
        nothing = ", ".join(f"CAST(NULL AS {c.type}) AS {identifier(c.name)}" for c in schema)
        return f"SELECT {nothing} WHERE false"
    return " UNION ALL ".join(_group(columns, uris, schema) for columns, uris in groups.items())


def relation_view(name: str, given: DatasetInput) -> str:
    """The statement that makes a dataset readable by its name."""
    return f"CREATE VIEW {identifier(name)} AS {relation_sql(given.files, given.schema)}"


def _group(columns: _Columns, uris: Sequence[str], schema: Sequence[SchemaColumn]) -> str:
    found, types = columns_of(schema, [name for name, _ in columns]), dict(columns)
    selected = []
    for column in schema:
        name = found.get(column.name)
        if name is None:
            value = f"CAST(NULL AS {column.type})"
        elif types[name] == column.type:
            value = identifier(name)
        else:
            value = f"CAST({identifier(name)} AS {column.type})"
        selected.append(
            value if value == identifier(column.name) else f"{value} AS {identifier(column.name)}"
        )
    paths = ", ".join(quoted(uri) for uri in uris)
    return f"SELECT {', '.join(selected)} FROM read_parquet([{paths}], hive_partitioning=false)"
