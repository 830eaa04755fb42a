"""The bucket that CloudFormation reads code and templates from.

Owns what is in that bucket: objects named by their content, sent once. Must not know what they are for.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from headgate_local.artifacts import Artifact

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

NOT_THERE = frozenset({"404", "NoSuchBucket", "NoSuchKey", "NotFound"})
SENDERS = 4


@dataclass(frozen=True)
class ArtifactBucket:
    """One bucket, seen through `s3`."""

    s3: S3Client
    name: str

    def make(self) -> None:
        """Create the bucket unless it is there.

        Raises ClientError, for instance when it is someone else's.
        """
        region = self.s3.meta.region_name
        try:
            self.s3.head_bucket(Bucket=self.name)
        except ClientError as error:
            if error_code(error) not in NOT_THERE:
                raise
            place: Any = (
                {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            )
            self.s3.create_bucket(Bucket=self.name, **place)

    def send_missing(self, artifacts: Iterable[Artifact]) -> list[Artifact]:
        """Upload those `artifacts` that are not there yet, and return them."""
        with ThreadPoolExecutor(max_workers=SENDERS) as pool:
            artifacts = list(artifacts)
            sent = pool.map(self._send, artifacts)
            return [artifact for artifact, was_sent in zip(artifacts, sent, strict=True) if was_sent]

    def url_of(self, artifact: Artifact) -> str:
        """The https (or, on an emulator, http) address of an object."""
        # Without its query a presigned URL is the plain one, right for every endpoint and addressing style.
        where = {"Bucket": self.name, "Key": artifact.key}
        return self.s3.generate_presigned_url("get_object", Params=where).partition("?")[0]

    def _send(self, artifact: Artifact) -> bool:
        try:
            self.s3.head_object(Bucket=self.name, Key=artifact.key)
        except ClientError as error:
            if error_code(error) not in NOT_THERE:
                raise
            self.s3.upload_file(str(artifact.path), self.name, artifact.key)
            return True
        return False


def error_code(error: ClientError) -> str:
    """The code by which AWS names an error."""
    return str(error.response.get("Error", {}).get("Code", ""))
