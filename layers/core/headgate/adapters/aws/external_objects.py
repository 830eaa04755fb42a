"""The ExternalObjects port over S3: buckets that the deployment was given to import from."""

import hashlib
from collections.abc import Iterator
from typing import Any

from headgate.adapters.aws.errors import translated
from headgate.adapters.aws.session import AwsClients
from headgate.domain.external_object import ExternalObject

CHUNK_BYTES = 1 << 20


class S3ExternalObjects:
    """Reads only, and only by VersionId once an object was listed."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients

    def is_versioned(self, bucket: str) -> bool:
        with translated(f"asking whether s3://{bucket} keeps versions", write=False):
            answer = self._client.get_bucket_versioning(Bucket=bucket)
        return bool(answer.get("Status") == "Enabled")

    def objects(self, bucket: str, prefix: str) -> Iterator[ExternalObject]:
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        with translated(f"listing s3://{bucket}/{prefix}", write=False):
            for page in pages:
                for each in page.get("Versions", ()):
                    if each["IsLatest"]:
                        yield ExternalObject(bucket, each["Key"], each["VersionId"], each["Size"])

    def sha256(self, found: ExternalObject) -> str:
        hashed = hashlib.sha256()
        with translated(f"reading {found.name}", write=False):
            answer = self._client.get_object(Bucket=found.bucket, Key=found.key, VersionId=found.version_id)
            for chunk in answer["Body"].iter_chunks(CHUNK_BYTES):
                hashed.update(chunk)
        return hashed.hexdigest()

    @property
    def _client(self) -> Any:
        return self._clients.client("s3")
