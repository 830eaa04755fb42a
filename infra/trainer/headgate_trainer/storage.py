"""Reading and writing by URI: ``s3://bucket/key`` and, for tests and laptops, ``file:///path``.

Owns the translation of storage trouble into exit codes. Knows nothing of what the bytes mean.
"""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from headgate_trainer.errors import Absent, BadSpec, TryAgain

CHUNK = 1 << 20
_GONE = frozenset({"NoSuchKey", "NoSuchBucket", "404", "NotFound"})
_FORBIDDEN = frozenset({"AccessDenied", "403", "Forbidden", "AllAccessDisabled", "InvalidAccessKeyId"})


class Storage(Protocol):
    """Raises BadSpec where a retry meets the same (forbidden, or `Absent`), TryAgain otherwise."""

    def read(self, uri: str) -> bytes: ...

    def download(self, uri: str, path: Path) -> str:
        """Writes the object to ``path`` and returns the sha256 of what was written."""
        ...

    def write(self, uri: str, path: Path) -> None:
        """The object is whole or, where this fails, what it was."""
        ...

    def delete(self, uri: str) -> None:
        """What is not there is gone already."""
        ...


class FileStorage:
    def read(self, uri: str) -> bytes:
        try:
            return _local(uri).read_bytes()
        except FileNotFoundError as error:
            raise Absent(f"{uri} cannot be read: {error.strerror}") from error
        except (IsADirectoryError, PermissionError) as error:
            raise BadSpec(f"{uri} cannot be read: {error.strerror}") from error

    def download(self, uri: str, path: Path) -> str:
        content = self.read(uri)
        path.write_bytes(content)
        return hashlib.sha256(content).hexdigest()

    def write(self, uri: str, path: Path) -> None:
        target = _local(uri)
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f"{target.name}.part")
        shutil.copyfile(path, beside)
        beside.replace(target)

    def delete(self, uri: str) -> None:
        _local(uri).unlink(missing_ok=True)


@dataclass(frozen=True)
class S3Storage:
    """``client`` is a boto3 S3 client; endpoint, region and credentials are the environment's business."""

    client: Any

    def read(self, uri: str) -> bytes:
        return b"".join(self._chunks(uri))

    def download(self, uri: str, path: Path) -> str:
        found = hashlib.sha256()
        with path.open("wb") as target:
            for chunk in self._chunks(uri):
                found.update(chunk)
                target.write(chunk)
        return found.hexdigest()

    def write(self, uri: str, path: Path) -> None:
        bucket, key = _bucket_and_key(uri)
        try:
            self.client.upload_file(str(path), bucket, key)
        except Exception as error:
            raise _trouble(uri, "written", error) from error

    def delete(self, uri: str) -> None:
        bucket, key = _bucket_and_key(uri)
        try:
            self.client.delete_object(Bucket=bucket, Key=key)
        except Exception as error:
            raise _trouble(uri, "deleted", error) from error

    def _chunks(self, uri: str) -> Iterator[bytes]:
        bucket, key = _bucket_and_key(uri)
        try:
            yield from self.client.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(CHUNK)
        except Exception as error:
            raise _trouble(uri, "read", error) from error


def storage_for(uri: str) -> Storage:
    """The storage of ``uri``'s scheme; boto3 is imported only where S3 is meant."""
    scheme = urlsplit(uri).scheme
    if scheme == "file":
        return FileStorage()
    if scheme != "s3":
        raise BadSpec(f"{uri!r}: s3://bucket/key or file:///path is needed")
    import boto3
    from botocore.config import Config

    return S3Storage(boto3.client("s3", config=Config(retries={"max_attempts": 5, "mode": "standard"})))


@dataclass(frozen=True)
class AnyStorage:
    """Picks by scheme, so that a spec may name partitions elsewhere than itself."""

    found: dict[str, Storage]

    def read(self, uri: str) -> bytes:
        return self._of(uri).read(uri)

    def download(self, uri: str, path: Path) -> str:
        return self._of(uri).download(uri, path)

    def write(self, uri: str, path: Path) -> None:
        self._of(uri).write(uri, path)

    def delete(self, uri: str) -> None:
        self._of(uri).delete(uri)

    def _of(self, uri: str) -> Storage:
        scheme = urlsplit(uri).scheme
        if scheme not in self.found:
            self.found[scheme] = storage_for(uri)
        return self.found[scheme]


def _local(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))


def _bucket_and_key(uri: str) -> tuple[str, str]:
    """The key is taken as it stands: the platform's keys are digests and plain names, never URL-encoded."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not bucket or not key:
        raise BadSpec(f"{uri!r} names no object")
    return bucket, key


def _trouble(uri: str, done: str, error: Exception) -> Exception:
    """botocore's errors by code; boto3 wraps them on upload, so the chain is walked."""
    if isinstance(error, BadSpec | TryAgain):
        return error
    code = _code(error) or _code(error.__context__)
    if code in _GONE:
        return Absent(f"{uri} does not exist")
    if code in _FORBIDDEN:
        return BadSpec(f"{uri} may not be {done} by this job's role ({code})")
    return TryAgain(f"{uri} cannot be {done} now: {type(error).__name__} {code or error}")


def _code(error: BaseException | None) -> str | None:
    response = getattr(error, "response", None)
    return response.get("Error", {}).get("Code") if isinstance(response, dict) else None
