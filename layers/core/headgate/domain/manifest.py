"""A dataset version: a canonical-JSON manifest named by its digest.

It names its parents, what was done, the schema people see, the files, and the result of every check.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any, Literal, cast

from headgate.domain.canonical import canonical_json
from headgate.domain.errors import Corrupted
from headgate.domain.file_table import FileTable

MANIFEST_FORMAT = "headgate.dataset/2"

Operation = Literal["append", "overwrite", "delete", "rollback", "merge", "import"]


@dataclass(frozen=True)
class SchemaColumn:
    """A column as this version shows it; ``former_names`` are what older files call it."""

    name: str
    type: str
    required: bool
    classification: str
    former_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """A dataset version. ``ordinal`` starts at 1 and counts over all branches; ``parents`` are the digests of
    the versions before: none for the first, two for a merge (the branch merged into first).
    """

    product: str
    dataset: str
    ordinal: int
    parents: tuple[str, ...]
    operation: Operation
    contract_version: str
    schema: tuple[SchemaColumn, ...]
    table: FileTable
    checks: tuple[dict[str, Any], ...] = field(default=())
    """Result of every contract check over the rows this version adds: name, severity, passed, failing rows.
    """
    note: Mapping[str, Any] = field(default_factory=dict)
    """What the operation says of itself: the version rolled back to, the branch merged, the erasure's id."""

    @property
    def parent(self) -> str | None:
        return self.parents[0] if self.parents else None

    def to_document(self) -> dict[str, Any]:
        return {
            "format": MANIFEST_FORMAT,
            **{f.name: getattr(self, f.name) for f in fields(self)},
            "schema": [asdict(c) for c in self.schema],
            "table": self.table.to_document(),
            "note": dict(self.note),
        }

    @cached_property
    def body(self) -> bytes:
        """What is stored, and named by its digest."""
        return canonical_json(self.to_document())

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Manifest":
        """Raises Corrupted when the document is no manifest of a known format."""
        if document.get("format") != MANIFEST_FORMAT:
            raise Corrupted(f"expected a {MANIFEST_FORMAT} document, found {document.get('format')!r}")
        return cls(
            product=document["product"],
            dataset=document["dataset"],
            ordinal=document["ordinal"],
            parents=tuple(document["parents"]),
            operation=cast(Operation, document["operation"]),
            contract_version=document["contract_version"],
            schema=tuple(
                SchemaColumn(**{**c, "former_names": tuple(c["former_names"])}) for c in document["schema"]
            ),
            table=FileTable.from_document(document["table"]),
            checks=tuple(document["checks"]),
            note=dict(document["note"]),
        )
