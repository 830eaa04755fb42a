"""Datasets: sources, immutable files, and the manifests that are their versions.

A dataset version is a canonical-JSON manifest named by its digest. A manifest lists segments; a segment lists
files. A commit writes one segment for what it adds and refers to the unchanged ones by digest.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast

from headgate.domain.canonical import digest
from headgate.domain.errors import Corrupted

MANIFEST_FORMAT = "headgate.dataset/1"
SEGMENT_FORMAT = "headgate.segment/1"

MAX_SOURCES = 90
"""Most sources one commit may add: the record, the head and the sources move in one transaction of at most
100 items.
"""

Operation = Literal["append", "overwrite", "delete", "rollback"]


@dataclass(frozen=True)
class SourceRef:
    """The exact object a file was made from; the key is decoded, the size in bytes."""

    bucket: str
    key: str
    version_id: str
    sha256: str
    bytes: int

    @property
    def node(self) -> str:
        """This source as a lineage node."""
        return object_node(self.bucket, self.key, self.version_id)


@dataclass(frozen=True)
class ColumnStats:
    """Statistics of one column of one file. ``minimum`` and ``maximum`` are text as DuckDB prints them."""

    name: str
    type: str
    nulls: int
    minimum: str | None
    maximum: str | None


@dataclass(frozen=True)
class DataFile:
    """One immutable Parquet file: key in the lake, size in bytes, sha256, rows, and what it was made from."""

    key: str
    bytes: int
    sha256: str
    rows: int
    columns: tuple[ColumnStats, ...]
    source: SourceRef
    source_rows: tuple[int, int]
    """Half-open range of 0-based data rows of the source that are in this file."""


@dataclass(frozen=True)
class SegmentRef:
    """A pointer to a segment with its totals, so that counting needs no further read."""

    digest: str
    files: int
    rows: int
    bytes: int


@dataclass(frozen=True)
class Manifest:
    """A dataset version. ``ordinal`` starts at 1; ``parent`` is the digest of the version before, or None."""

    product: str
    dataset: str
    ordinal: int
    parent: str | None
    operation: Operation
    contract_version: str
    segments: tuple[SegmentRef, ...]
    checks: tuple[dict[str, Any], ...] = field(default=())
    """Result of every contract check over the rows this version adds: name, passed, failing rows."""

    @property
    def rows(self) -> int:
        return sum(s.rows for s in self.segments)

    @property
    def files(self) -> int:
        return sum(s.files for s in self.segments)

    @property
    def bytes(self) -> int:
        return sum(s.bytes for s in self.segments)

    def to_document(self) -> dict[str, Any]:
        return {"format": MANIFEST_FORMAT, **asdict(self)}

    @property
    def digest(self) -> str:
        return digest(self.to_document())

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Manifest":
        """Raises Corrupted when the document is no manifest of a known format."""
        if document.get("format") != MANIFEST_FORMAT:
            raise Corrupted(f"expected a {MANIFEST_FORMAT} document, found {document.get('format')!r}")
        return cls(
            product=document["product"],
            dataset=document["dataset"],
            ordinal=document["ordinal"],
            parent=document["parent"],
            operation=cast(Operation, document["operation"]),
            contract_version=document["contract_version"],
            segments=tuple(SegmentRef(**s) for s in document["segments"]),
            checks=tuple(document["checks"]),
        )


def segment_document(files: Iterable[DataFile]) -> dict[str, Any]:
    """The JSON document of a segment; files are sorted by key so that equal content has one digest."""
    return {"format": SEGMENT_FORMAT, "files": [asdict(f) for f in sorted(files, key=lambda f: f.key)]}


def segment_files(document: Mapping[str, Any]) -> tuple[DataFile, ...]:
    """The files of a segment document. Raises Corrupted on another format."""
    if document.get("format") != SEGMENT_FORMAT:
        raise Corrupted(f"expected a {SEGMENT_FORMAT} document, found {document.get('format')!r}")
    return tuple(_data_file(f) for f in document["files"])


def _data_file(document: Mapping[str, Any]) -> DataFile:
    start, stop = document["source_rows"]
    return DataFile(
        key=document["key"],
        bytes=document["bytes"],
        sha256=document["sha256"],
        rows=document["rows"],
        columns=tuple(ColumnStats(**c) for c in document["columns"]),
        source=SourceRef(**document["source"]),
        source_rows=(start, stop),
    )


def next_manifest(
    head: Manifest | None,
    *,
    product: str,
    dataset: str,
    operation: Operation,
    contract_version: str,
    added: SegmentRef,
    checks: tuple[dict[str, Any], ...],
) -> Manifest:
    """The manifest that follows ``head`` when ``added`` is appended to it or overwrites it."""
    kept = head.segments if head is not None and operation == "append" else ()
    return Manifest(
        product=product,
        dataset=dataset,
        ordinal=1 if head is None else head.ordinal + 1,
        parent=None if head is None else head.digest,
        operation=operation,
        contract_version=contract_version,
        segments=(*kept, added),
        checks=checks,
    )


@dataclass(frozen=True)
class VersionRecord:
    """What the catalog keeps of a version: enough to list history without reading manifests. Times are
    ISO-8601 UTC.
    """

    product: str
    dataset: str
    ordinal: int
    digest: str
    parent: str | None
    operation: Operation
    rows: int
    files: int
    bytes: int
    added_rows: int
    created_at: str
    sources: tuple[SourceRef, ...]
    ingest_seconds: float
    ingest_bytes: int

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "VersionRecord":
        fields = dict(document)
        fields["sources"] = tuple(SourceRef(**s) for s in document["sources"])
        return cls(**fields)


@dataclass(frozen=True)
class Drop:
    """One delivery of one landed object; the key is decoded, ``size`` in bytes as the notification said."""

    bucket: str
    key: str
    version_id: str
    size: int
    message_id: str


@dataclass(frozen=True)
class QuarantineRecord:
    """Why a drop was refused. The bytes stay in the landing bucket, named by VersionId."""

    id: str
    product: str
    dataset: str
    bucket: str
    key: str
    version_id: str
    rule: str
    reason: str
    rows: int | None
    sample: tuple[dict[str, Any], ...]
    created_at: str


def split_key(key: str) -> tuple[str, str] | None:
    """(product, dataset) of a decoded landing key ``<product>/<dataset>/<anything>``, or None when it has no
    such prefix.
    """
    parts = key.split("/", 2)
    if len(parts) < 3 or not all(parts):
        return None
    return parts[0], parts[1]


def object_node(bucket: str, key: str, version_id: str) -> str:
    return f"object/{bucket}/{key}?versionId={version_id}"


def dataset_node(product: str, dataset: str, version: str) -> str:
    return f"dataset/{product}/{dataset}/{version}"
