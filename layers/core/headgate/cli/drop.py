"""The S3 door: put files where the platform looks, and find out what became of them.

Owns the landing key's form and the wait. Uses nothing but PutObject: a dropper may do no more.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from headgate.cli.client import ApiClient
from headgate.cli.failures import CommandFailed

PART_BYTES = 64 << 20
"""Larger files are put in parts of this size: at most 10,000, so 640 GB."""


@dataclass(frozen=True)
class Dropped:
    """One object as it was put; ``sha256`` is of the bytes that were sent."""

    product: str
    dataset: str
    bucket: str
    key: str
    version_id: str
    sha256: str
    bytes: int

    def to_document(self) -> dict[str, Any]:
        return asdict(self)


def drop_file(s3: Any, bucket: str, product: str, dataset: str, file: Path) -> Dropped:
    """Puts one file. ``s3`` is a boto3 client; its errors come through as CommandFailed."""
    from botocore.exceptions import BotoCoreError, ClientError

    key, size = f"{product}/{dataset}/{file.name}", file.stat().st_size
    try:
        with file.open("rb") as stream:
            put = _put_whole if size <= PART_BYTES else _put_in_parts
            version_id, digest = put(s3, bucket, key, stream)
    except (BotoCoreError, ClientError) as error:
        raise CommandFailed(f"{file}: not dropped at s3://{bucket}/{key}: {error}") from error
    return Dropped(product, dataset, bucket, key, version_id, digest, size)


def _put_whole(s3: Any, bucket: str, key: str, stream: BinaryIO) -> tuple[str, str]:
    body = stream.read()
    answer = s3.put_object(Bucket=bucket, Key=key, Body=body)
    return answer.get("VersionId", "null"), hashlib.sha256(body).hexdigest()


def _put_in_parts(s3: Any, bucket: str, key: str, stream: BinaryIO) -> tuple[str, str]:
    """A part in memory at a time; an upload that fails leaves nothing behind."""
    target = {"Bucket": bucket, "Key": key}
    upload = s3.create_multipart_upload(**target)["UploadId"]
    digest = hashlib.sha256()
    parts: list[dict[str, Any]] = []
    try:
        while body := stream.read(PART_BYTES):
            digest.update(body)
            number = len(parts) + 1
            sent = s3.upload_part(**target, UploadId=upload, PartNumber=number, Body=body)
            parts.append({"ETag": sent["ETag"], "PartNumber": number})
        answer = s3.complete_multipart_upload(**target, UploadId=upload, MultipartUpload={"Parts": parts})
    except BaseException:
        s3.abort_multipart_upload(**target, UploadId=upload)
        raise
    return answer.get("VersionId", "null"), digest.hexdigest()


def wait_for(
    client: ApiClient,
    dropped: Dropped,
    timeout: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """What became of it: ``{"outcome": "committed" | "quarantined", …}``. CommandFailed at the deadline."""
    deadline = clock() + timeout
    while True:
        found = outcome_of(client, dropped)
        if found is not None:
            return found
        if clock() >= deadline:
            raise CommandFailed(
                f"{dropped.key}: no version and no refusal after {timeout:.0f} s; see `headgate logs ingest`"
            )
        sleep(0.5)


def outcome_of(client: ApiClient, dropped: Dropped) -> dict[str, Any] | None:
    """The version or the refusal of this object, or None while there is neither."""
    for version in client.dataset_versions(dropped.product, dropped.dataset)["versions"]:
        # The same bytes make one version, whatever the object was called.
        if any(source["sha256"] == dropped.sha256 for source in version["sources"]):
            return {"outcome": "committed", "ordinal": version["ordinal"], "digest": version["digest"]}
    for refused in client.quarantine(dropped.product)["quarantine"]:
        if (refused.get("key"), refused.get("version_id")) == (dropped.key, dropped.version_id):
            return {"outcome": "quarantined", "rule": refused["rule"], "reason": refused["reason"]}
    return None
