"""Buckets: the platform's own, and those of others."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from headgate.domain.external_object import ExternalObject


@dataclass(frozen=True)
class ObjectEntry:
    """One version of an object; the size in bytes, ``last_modified`` ISO-8601 UTC with milliseconds.

    ``is_latest`` is None where the store was not asked (`ObjectStore.head` of a named version); the version
    under a delete marker is not the latest. ``sha256`` is hexadecimal, None where the store keeps none of the
    whole object or was not asked (`ObjectStore.entries`).
    """

    key: str
    version_id: str
    bytes: int
    last_modified: str
    is_latest: bool | None
    sha256: str | None = None


class ObjectStore(Protocol):
    """One bucket. Raises NotFound for a missing key or version, PermissionMissing, Throttled."""

    bucket: str

    def get(self, key: str, version_id: str | None = None) -> bytes: ...

    def put(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> None: ...

    def download(self, key: str, path: Path, version_id: str | None = None) -> str:
        """Write the object to ``path`` without holding it in memory; returns the sha256 of what was read."""
        ...

    def upload(self, path: Path, key: str) -> None: ...

    def exists(self, key: str) -> bool: ...

    def head(self, key: str, version_id: str | None = None) -> ObjectEntry:
        """What is known of an object without reading it; its newest version unless one is named."""
        ...

    def entries(self, prefix: str) -> Iterator[ObjectEntry]:
        """Every version of every object whose key starts with ``prefix``, delete markers left out: by key, of
        one key the newest first. What is written meanwhile may be among them or not.
        """
        ...

    def delete(self, key: str, version_id: str) -> None:
        """Remove exactly this version, for good: if it was the newest, the one before it is seen again.
        Removing what is not there does nothing. Raises InvalidRequest without a version, which would only
        hide the object.
        """
        ...

    def uri(self, key: str) -> str:
        """A URI the SQL engine can read: ``s3://…``, or a local path for the in-memory store."""
        ...

    def signed(self, key: str, seconds: int) -> str:
        """An address from which anybody can read the object for so long, without asking; of a missing key one
        that answers nothing.
        """
        ...


class ExternalObjects(Protocol):
    """Buckets that are not the platform's. Raises NotFound, PermissionMissing, Throttled."""

    def is_versioned(self, bucket: str) -> bool:
        """Whether each write makes a version of its own, so that what was imported stays readable."""
        ...

    def objects(self, bucket: str, prefix: str) -> Iterator[ExternalObject]:
        """The newest version of every object below ``prefix``, by key."""
        ...

    def sha256(self, found: ExternalObject) -> str:
        """Digest of the bytes of this very version, read once and kept nowhere."""
        ...
