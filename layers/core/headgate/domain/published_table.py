"""Versions as other engines see them: a table a dataset, a snapshot a version. Derived, never the truth."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from headgate.domain.dataset import DataFile
from headgate.domain.errors import InvalidRequest
from headgate.domain.external_object import external_object
from headgate.domain.manifest import Operation, SchemaColumn

ICEBERG = "iceberg"
KIND = "publish"


@dataclass(frozen=True)
class TableId:
    """The dataset a table shows."""

    product: str
    dataset: str

    @property
    def name(self) -> str:
        """What the table is called in the catalog: engines such as Athena know lower case alone."""
        return f"{self.product}__{self.dataset}".lower()

    @property
    def prefix(self) -> str:
        """Where in the lake the table's own files lie."""
        return f"{self.product}/iceberg/{self.dataset}"


@dataclass(frozen=True)
class TableFile:
    """A data file as a table names it; ``columns`` are the file's own (name, type). An imported file has the
    VersionId that was imported: a table names no versions, so that one must still be the newest.
    """

    uri: str
    rows: int
    bytes: int
    columns: tuple[tuple[str, str], ...]
    version_id: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)

    @classmethod
    def of(cls, file: DataFile, uri: str) -> "TableFile":
        """``uri`` is where the lake has it; of an imported file it is not used."""
        columns = tuple((c.name, c.type) for c in file.columns)
        if (outside := external_object(file.key)) is not None:
            place = f"s3://{outside.bucket}/{outside.key}"
            return cls(place, file.rows, file.bytes, columns, outside.version_id)
        return cls(uri, file.rows, file.bytes, columns)


@dataclass(frozen=True)
class TableVersion:
    """What a version changes in the table, and what is said of it there. With ``removed`` None, ``added`` is
    every file of the version, whatever the table holds; ``rows`` is what it must hold then.
    """

    ordinal: int
    digest: str
    operation: Operation
    committed_at: str
    rows: int
    schema: tuple[SchemaColumn, ...]
    added: tuple[TableFile, ...]
    removed: tuple[str, ...] | None


@dataclass(frozen=True)
class PublishRequest:
    """What is asked: everything up to the newest version. A ``generation`` asks for the table to be made
    anew, unless it was made for that one already.
    """

    product: str
    dataset: str
    generation: str = ""
    principal: str = ""

    def to_message(self) -> dict[str, Any]:
        return {"kind": KIND, **asdict(self)}


def publish_of(document: Mapping[str, Any]) -> PublishRequest | None:
    """The request in a message, None when it is of another kind. Raises InvalidRequest when it is broken."""
    if document.get("kind") != KIND:
        return None
    try:
        return PublishRequest(**{name: value for name, value in document.items() if name != "kind"})
    except TypeError as error:
        raise InvalidRequest(f"the message asks for no table: {error}") from error
