"""Where a value can still be read: every object version of every bucket, as the administrator sees them."""

from __future__ import annotations

import io

import pyarrow.parquet as pq
from botocore.exceptions import ClientError

from tests.e2e.stack import Stack


def holding(stack: Stack, product: str, value: str) -> list[str]:
    """``Bucket/key`` of every object version of a product in which ``value`` can be read."""
    s3, found = stack.administrator("s3"), []
    for bucket in ("Landing", "Lake", "Models", "Logs"):
        name = stack.outputs[f"{bucket}BucketName"]
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            for each in page.get("Versions", ()):
                if product not in each["Key"]:
                    continue
                try:
                    got = s3.get_object(Bucket=name, Key=each["Key"], VersionId=each["VersionId"])
                except ClientError as error:
                    if error.response["Error"]["Code"] == "NoSuchVersion":  # taken away since it was listed
                        continue
                    raise
                if value in _text(got["Body"].read()):
                    found.append(f"{bucket}/{each['Key']}")
    return sorted(found)


def _text(body: bytes) -> str:
    if body[:4] == b"PAR1":
        return str(pq.read_table(io.BytesIO(body)).to_pylist())
    return body.decode("utf-8", "replace")
