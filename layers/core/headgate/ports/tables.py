"""Tables that other engines read."""

from collections.abc import Sequence
from typing import Protocol

from headgate.domain.manifest import SchemaColumn
from headgate.domain.published_table import TableId, TableVersion


class PublishedTable(Protocol):
    """One table of another engine's catalog, as it was when it was opened."""

    @property
    def generation(self) -> str:
        """What it was made for: empty, or the rebuild that made it."""
        ...

    @property
    def ordinal(self) -> int:
        """The newest version that it shows, 0 for none."""
        ...

    @property
    def digest(self) -> str:
        """The digest of that version; empty when there is none, or when the table was changed by others."""
        ...

    def publish(self, version: TableVersion) -> None:
        """Add the version as one snapshot, in one step: readers see all of it or nothing.

        Raises Conflict when another worker came first: open the table again. Raises Corrupted when the change
        does not lead to the version's rows, PreconditionFailed when the table cannot become what the version
        is.
        """
        ...


class TableCatalog(Protocol):
    """Tables that other engines read. Raises Throttled, StateUnknown, PermissionMissing."""

    def find(self, table: TableId) -> PublishedTable | None:
        """The table as it is now. Raises InvalidRequest when its name is another dataset's."""
        ...

    def create(self, table: TableId, schema: Sequence[SchemaColumn], generation: str) -> PublishedTable:
        """An empty table. One of another generation goes, for good, with all files of its own; one of this
        generation stays as it is.
        """
        ...
