"""Putting files: whole where they are small, in parts where they are not, and nothing left of a failure."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from headgate.cli.drop import PART_BYTES, drop_file
from headgate.cli.failures import CommandFailed


@dataclass
class Bucket:
    """S3 as far as a dropper uses it; ``fails_at`` is a part that is refused."""

    fails_at: int = 0
    parts: list[bytes] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)
    aborted: list[str] = field(default_factory=list)

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> dict[str, Any]:  # noqa: N803 - named as boto3 names them
        self.objects[f"{Bucket}/{Key}"] = Body
        return {"VersionId": "whole"}

    def create_multipart_upload(self, **_target: str) -> dict[str, Any]:
        return {"UploadId": "u1"}

    def upload_part(self, *, PartNumber: int, Body: bytes, **_target: str) -> dict[str, Any]:  # noqa: N803 - named as boto3 names them
        if PartNumber == self.fails_at:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "UploadPart")
        self.parts.append(Body)
        return {"ETag": f"e{PartNumber}"}

    def complete_multipart_upload(
        self,
        *,
        Bucket: str,  # noqa: N803 - named as boto3 names them
        Key: str,  # noqa: N803 - named as boto3 names them
        MultipartUpload: dict[str, Any],  # noqa: N803 - named as boto3 names them
        **_target: str,
    ) -> dict[str, Any]:
        assert [p["PartNumber"] for p in MultipartUpload["Parts"]] == list(range(1, len(self.parts) + 1))
        self.objects[f"{Bucket}/{Key}"] = b"".join(self.parts)
        return {"VersionId": "parts"}

    def abort_multipart_upload(self, *, UploadId: str, **_target: str) -> None:  # noqa: N803 - named as boto3 names them
        self.aborted.append(UploadId)


@pytest.mark.parametrize(
    ("size", "version", "parts"), [(10, "whole", 0), (PART_BYTES, "whole", 0), (PART_BYTES + 1, "parts", 2)]
)
def test_a_file_arrives_as_it_is(tmp_path: Path, size: int, version: str, parts: int) -> None:
    file, s3 = tmp_path / "a b.csv", Bucket()
    file.write_bytes(b"x" * size)

    dropped = drop_file(s3, "landing", "shop", "orders", file)

    assert s3.objects["landing/shop/orders/a b.csv"] == file.read_bytes()
    assert (dropped.version_id, dropped.bytes, len(s3.parts)) == (version, size, parts)
    assert dropped.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_an_upload_that_fails_leaves_nothing(tmp_path: Path) -> None:
    file, s3 = tmp_path / "big.csv", Bucket(fails_at=2)
    file.write_bytes(b"x" * (PART_BYTES + 1))

    with pytest.raises(CommandFailed, match="not dropped at s3://landing/shop/orders/big.csv"):
        drop_file(s3, "landing", "shop", "orders", file)

    assert (s3.aborted, s3.objects) == (["u1"], {})
