"""The ObjectStore port over one S3 bucket. An imported file is read by its absolute name, where it lies."""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from headgate.adapters.aws.errors import translated
from headgate.adapters.aws.session import AwsClients
from headgate.adapters.instants import iso
from headgate.domain.errors import InvalidRequest, NotFound
from headgate.domain.external_object import external_object
from headgate.ports import ObjectEntry

CHUNK_BYTES = 1 << 20
PART_BYTES = 16 << 20
PARTS_AT_ONCE = 4
UNVERSIONED = "null"
"""What S3 calls the version of an object that was written before its bucket kept versions."""
LINK_SECONDS = 3600
"""How long the address of an imported object is good: longer than any function runs."""


class S3ObjectStore:
    """``bucket``'s objects by decoded key. Every write carries a sha256 that S3 checks."""

    def __init__(self, clients: AwsClients, bucket: str) -> None:
        self.bucket = bucket
        self._clients = clients

    def get(self, key: str, version_id: str | None = None) -> bytes:
        with translated(f"reading {self._name(key)}", write=False):
            body: bytes = self._open(key, version_id).read()
        return body

    def put(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> None:
        checksum = b64encode(hashlib.sha256(body).digest()).decode("ascii")
        with translated(f"writing {self._name(key)}", write=True):
            self._client.put_object(
                Bucket=self.bucket, Key=key, Body=body, ContentType=content_type, ChecksumSHA256=checksum
            )

    def download(self, key: str, path: Path, version_id: str | None = None) -> str:
        hashed = hashlib.sha256()
        try:
            with translated(f"reading {self._name(key)}", write=False), path.open("wb") as target:
                for chunk in self._open(key, version_id).iter_chunks(CHUNK_BYTES):
                    hashed.update(chunk)
                    target.write(chunk)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return hashed.hexdigest()

    def upload(self, path: Path, key: str) -> None:
        # upload_file would wrap the ClientError whose code is needed; upload_fileobj does not.
        from boto3.s3.transfer import TransferConfig

        config = TransferConfig(
            multipart_threshold=4 * PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=PARTS_AT_ONCE
        )
        with translated(f"writing {self._name(key)}", write=True), path.open("rb") as source:
            self._client.upload_fileobj(
                source, self.bucket, key, ExtraArgs={"ChecksumAlgorithm": "SHA256"}, Config=config
            )

    def exists(self, key: str) -> bool:
        try:
            with translated(f"looking for {self._name(key)}", write=False):
                self._client.head_object(**self._at(key, None))
        except NotFound:
            return False
        return True

    def head(self, key: str, version_id: str | None = None) -> ObjectEntry:
        at = self._at(key, version_id)
        with translated(f"looking for {self._name(key)}", write=False):
            found = self._client.head_object(**at, ChecksumMode="ENABLED")
        return ObjectEntry(
            key=key,
            version_id=found.get("VersionId", UNVERSIONED),
            bytes=found["ContentLength"],
            last_modified=iso(found["LastModified"]),
            is_latest=None if "VersionId" in at else True,
            sha256=_whole(found.get("ChecksumSHA256")),
        )

    def entries(self, prefix: str) -> Iterator[ObjectEntry]:
        after: dict[str, str] = {}
        while True:
            with translated(f"listing {self._name(prefix)}", write=False):
                page = self._client.list_object_versions(Bucket=self.bucket, Prefix=prefix, **after)
            for found in page.get("Versions", ()):
                yield ObjectEntry(
                    key=found["Key"],
                    version_id=found["VersionId"],
                    bytes=found["Size"],
                    last_modified=iso(found["LastModified"]),
                    is_latest=found["IsLatest"],
                )
            if not page.get("IsTruncated"):
                return
            after = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}

    def delete(self, key: str, version_id: str) -> None:
        if not version_id:
            raise InvalidRequest(f"which version of {self._name(key)} is to be deleted?")
        try:
            with translated(f"deleting {self._name(key)} in version {version_id}", write=True):
                self._client.delete_object(Bucket=self.bucket, Key=key, VersionId=version_id)
        except NotFound:
            return

    def uri(self, key: str) -> str:
        """An imported object's is a signed address of that very version: engines know no VersionId."""
        if external_object(key) is None:
            return self._name(key)
        return self.signed(key, LINK_SECONDS)

    def signed(self, key: str, seconds: int) -> str:
        at = self._at(key, None)
        link: str = self._client.generate_presigned_url("get_object", Params=at, ExpiresIn=seconds)
        return link

    def _name(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}" if external_object(key) is None else key

    def _at(self, key: str, version_id: str | None) -> dict[str, str]:
        """Where ``key`` is: in this bucket, or for an absolute name where that says."""
        if (outside := external_object(key)) is not None:
            return {"Bucket": outside.bucket, "Key": outside.key, "VersionId": outside.version_id}
        return {"Bucket": self.bucket, "Key": key, **({"VersionId": version_id} if version_id else {})}

    @property
    def _client(self) -> Any:
        return self._clients.client("s3")

    def _open(self, key: str, version_id: str | None) -> Any:
        return self._client.get_object(**self._at(key, version_id))["Body"]


def _whole(checksum: str | None) -> str | None:
    """The hexadecimal sha256 of a whole object; None for that of a multipart upload, which is one of digests
    (``<base64>-<parts>``).
    """
    return None if checksum is None or "-" in checksum else b64decode(checksum).hex()
