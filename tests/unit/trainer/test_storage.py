"""Storage trouble as exit codes, and bytes as they were written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from headgate_trainer.errors import Absent, BadSpec, TryAgain
from headgate_trainer.storage import AnyStorage, S3Storage, Storage, storage_for
from moto import mock_aws

CONTENT = bytes(range(256)) * 5000


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Storage]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="models")
        yield S3Storage(client)


@pytest.mark.parametrize("name", ["plain.json", "with space + plus %25 é.json"])
def test_s3_gives_back_what_was_written(s3: S3Storage, tmp_path: Path, name: str) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(CONTENT)
    uri = f"s3://models/flights/{name}"

    s3.write(uri, source)

    assert s3.read(uri) == CONTENT
    assert s3.download(uri, target) == hashlib.sha256(CONTENT).hexdigest()
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("uri", ["s3://models/absent", "s3://no-such-bucket/key"])
def test_an_absent_object_is_no_reason_to_try_again(s3: S3Storage, tmp_path: Path, uri: str) -> None:
    with pytest.raises(Absent, match="does not exist"):
        s3.read(uri)
    with pytest.raises(Absent, match="does not exist"):
        s3.download(uri, tmp_path / "x")


def test_what_is_deleted_is_absent_and_may_be_deleted_again(s3: S3Storage, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    for storage, uri in (
        (AnyStorage({"s3": s3}), "s3://models/a"),
        (AnyStorage({}), (tmp_path / "b").as_uri()),
    ):
        storage.write(uri, source)

        storage.delete(uri)
        storage.delete(uri)

        with pytest.raises(Absent):
            storage.read(uri)


class FailingClient:
    """An S3 client on which every call ends in the same error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def get_object(self, **_: Any) -> Any:
        raise self.error

    def upload_file(self, *_: Any) -> None:
        raise self.error

    def delete_object(self, **_: Any) -> None:
        raise self.error


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no matter what"}}, "GetObject")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (client_error("AccessDenied"), BadSpec),
        (client_error("NoSuchKey"), BadSpec),
        (client_error("SlowDown"), TryAgain),
        (client_error("InternalError"), TryAgain),
        (client_error("ExpiredToken"), TryAgain),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), TryAgain),
    ],
)
def test_trouble_is_told_by_its_code(error: Exception, kind: type[Exception], tmp_path: Path) -> None:
    storage = S3Storage(FailingClient(error))
    (tmp_path / "f").write_bytes(b"")

    with pytest.raises(kind):
        storage.read("s3://models/key")
    with pytest.raises(kind):
        storage.write("s3://models/key", tmp_path / "f")
    with pytest.raises(kind):
        storage.delete("s3://models/key")


@pytest.mark.parametrize("uri", ["https://models/key", "models/key", "s3://models", "s3:///key"])
def test_a_uri_that_names_no_object_is_refused(uri: str) -> None:
    storage: Storage = S3Storage(FailingClient(AssertionError())) if uri.startswith("s3") else AnyStorage({})

    with pytest.raises(BadSpec):
        storage.read(uri)


def test_files_are_read_without_boto3(tmp_path: Path) -> None:
    path = tmp_path / "a b é.json"
    path.write_bytes(CONTENT)

    assert storage_for(path.as_uri()).read(path.as_uri()) == CONTENT
    with pytest.raises(BadSpec, match="cannot be read"):
        storage_for("file:///").read("file:///no/such/file")
