"""Datasets: the objects that are dropped, the immutable files made of them, and drops that were refused.

How files make versions is in `headgate.domain.manifest`, how versions make history in
`headgate.domain.version`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headgate.domain.canonical import digest


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

    @property
    def identity(self) -> str:
        """Digest of bucket, key and VersionId: one object version is taken in once, however often it is told
        of.
        """
        return object_identity(self.bucket, self.key, self.version_id)


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

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "DataFile":
        start, stop = document["source_rows"]
        return cls(
            key=document["key"],
            bytes=document["bytes"],
            sha256=document["sha256"],
            rows=document["rows"],
            columns=tuple(ColumnStats(**c) for c in document["columns"]),
            source=SourceRef(**document["source"]),
            source_rows=(start, stop),
        )


@dataclass(frozen=True)
class Drop:
    """One delivery of one landed object; the key is decoded, ``size`` in bytes as the notification said."""

    bucket: str
    key: str
    version_id: str
    size: int
    message_id: str
    quarantine_id: str = ""
    """The refused drop this delivery is to make good, when someone asked for a replay."""
    requested_by: str = ""
    """Who asked for the replay."""

    @property
    def identity(self) -> str:
        """As `SourceRef.identity`."""
        return object_identity(self.bucket, self.key, self.version_id)


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
    state: str = "open"
    """open, replayed or discarded."""
    closed_by: str = ""
    closed_at: str = ""
    closed_because: str = ""
    """The reason of a discard, or the version a replay made (``v12``)."""
    bytes: int = 0
    """Size of the object, as its notification said."""


def split_key(key: str) -> tuple[str, str] | None:
    """(product, dataset) of a decoded landing key ``<product>/<dataset>/<anything>``, or None when it has no
    such prefix.
    """
    parts = key.split("/", 2)
    if len(parts) < 3 or not all(parts):
        return None
    return parts[0], parts[1]


def object_identity(bucket: str, key: str, version_id: str) -> str:
    return digest({"bucket": bucket, "key": key, "version_id": version_id})


def quarantine_name(identity: str) -> str:
    """The id of the refused drop of an object version: one object version has one."""
    return identity[:24]


def object_node(bucket: str, key: str, version_id: str) -> str:
    return f"object/{bucket}/{key}?versionId={version_id}"


def dataset_node(product: str, dataset: str, version: str) -> str:
    return f"dataset/{product}/{dataset}/{version}"
