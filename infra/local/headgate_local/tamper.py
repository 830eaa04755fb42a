"""Gives a version of an object other bytes at the local S3, for demos and tests: on AWS it cannot be.

The order is an ordinary signed PutObject with a header that AWS does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

HEADER = "x-headgate-local-version"


def rewrite(s3: Any, bucket: str, key: str, version_id: str, body: bytes) -> None:
    """``s3`` is a boto3 client of the account's root. Raises ClientError for anyone else, and for a version
    that there is not.
    """

    def name_version(params: dict[str, Any], **_: Any) -> None:
        params["headers"][HEADER] = version_id

    events, event = s3.meta.events, "before-call.s3.PutObject"
    events.register(event, name_version)
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    finally:
        events.unregister(event, name_version)


@contextmanager
def one_byte_changed(s3: Any, bucket: str, key: str, version_id: str) -> Iterator[int]:
    """The last letter or digit of a text object is another digit meanwhile; its place, counted from 0."""
    before: bytes = s3.get_object(Bucket=bucket, Key=key, VersionId=version_id)["Body"].read()
    place = max(at for at, byte in enumerate(before) if chr(byte).isalnum())
    after = bytearray(before)
    after[place] = ord("1") if after[place] != ord("1") else ord("2")
    rewrite(s3, bucket, key, version_id, bytes(after))
    try:
        yield place
    finally:
        rewrite(s3, bucket, key, version_id, before)
