"""Objects that come under versioning where they lie, outside the lake: named by bucket, key and VersionId.

A data file in the lake has a key; an imported one has an absolute name in its place, which says all that is
needed to read exactly those bytes. Object stores understand both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from headgate.domain.dataset import SourceRef
from headgate.domain.errors import InvalidRequest

_SCHEME = "s3://"
_VERSION = "?versionId="
KIND = "import"


@dataclass(frozen=True)
class ExternalObject:
    """One version of an object of any bucket; the key is decoded, the size in bytes."""

    bucket: str
    key: str
    version_id: str
    bytes: int = 0

    @property
    def name(self) -> str:
        """The absolute name: it stands where a data file of the lake has its key."""
        return f"{_SCHEME}{self.bucket}/{self.key}{_VERSION}{self.version_id}"

    def source(self, sha256: str = "") -> SourceRef:
        return SourceRef(self.bucket, self.key, self.version_id, sha256, self.bytes)


def external_object(key: str) -> ExternalObject | None:
    """The object that an absolute name means; None for the key of a file in the lake."""
    if not key.startswith(_SCHEME):
        return None
    place, found, version_id = key.removeprefix(_SCHEME).rpartition(_VERSION)
    bucket, slash, name = place.partition("/")
    if not (found and bucket and slash and name and version_id):
        raise ValueError(f"{key!r} names no version of an object")
    return ExternalObject(bucket, name, version_id)


@dataclass(frozen=True)
class ImportRequest:
    """What was asked for: the objects below ``prefix`` of ``bucket`` as files of a dataset. Without
    ``objects`` they are still to be listed. ``message_id`` is the delivery's, ``principal`` who asked.
    """

    product: str
    dataset: str
    bucket: str
    prefix: str
    principal: str
    objects: tuple[ExternalObject, ...] = ()
    message_id: str = ""

    def to_message(self) -> dict[str, Any]:
        document = {"kind": KIND, **asdict(self)}
        del document["message_id"]
        return document


def place_of(uri: str) -> tuple[str, str]:
    """(bucket, prefix) of ``s3://bucket/prefix``. Raises InvalidRequest; the prefix may be empty."""
    bucket, _, prefix = uri.removeprefix(_SCHEME).partition("/")
    if not uri.startswith(_SCHEME) or not bucket or any(c in uri for c in "?#*"):
        raise InvalidRequest(f"{uri!r} is no place: s3://<bucket>/<prefix> is needed")
    return bucket, prefix


def import_of(message_id: str, document: Mapping[str, Any]) -> ImportRequest | None:
    """The import in a message, None when it is of another kind. Raises InvalidRequest when it is broken."""
    if document.get("kind") != KIND:
        return None
    try:
        objects: Sequence[Mapping[str, Any]] = document["objects"]
        return ImportRequest(
            product=document["product"],
            dataset=document["dataset"],
            bucket=document["bucket"],
            prefix=document["prefix"],
            principal=document["principal"],
            objects=tuple(ExternalObject(**each) for each in objects),
            message_id=message_id,
        )
    except (KeyError, TypeError) as error:
        raise InvalidRequest(f"the message is no import: {error}") from error
