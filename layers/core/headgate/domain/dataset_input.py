"""A dataset version as an engine reads it: the schema people see, and files that may know older ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headgate.domain.manifest import SchemaColumn


@dataclass(frozen=True)
class InputFile:
    """One Parquet file: a URI that the engine can read, and its own columns as (name, type) in its order."""

    uri: str
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class DatasetInput:
    """``schema`` is the one of the version that is read, whatever its files know."""

    schema: tuple[SchemaColumn, ...]
    files: tuple[InputFile, ...]

    @property
    def uris(self) -> tuple[str, ...]:
        return tuple(f.uri for f in self.files)


def columns_of(schema: Sequence[SchemaColumn], names: Sequence[str]) -> dict[str, str]:
    """Which of a file's columns each schema column is: schema name -> name in the file, absent where the file
    has none.

    A file without a column of the schema's name is older than the name: what it calls by a former name is
    meant. A former name that was given to another column since means the old column in such files.
    """
    present = set(names)
    found = {c.name: former for c in schema if (former := _former(c, present)) is not None}
    renamed = set(found.values())
    return found | {c.name: c.name for c in schema if c.name in present and c.name not in renamed}


def _former(column: SchemaColumn, present: set[str]) -> str | None:
    if column.name in present:
        return None
    return next((name for name in column.former_names if name in present), None)


def all_uris(inputs: Mapping[str, DatasetInput]) -> list[str]:
    """Every file of every dataset, for the list of what an engine may read."""
    return [uri for name in sorted(inputs) for uri in inputs[name].uris]
