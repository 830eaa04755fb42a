"""A recorded version with other bytes: the account's root may order it at the local S3, and nobody else."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from headgate_local.tamper import one_byte_changed, rewrite

from tests.integration.local.conftest import Clients, ClientsOf

pytestmark = pytest.mark.emulator
BUCKET, KEY = "tampered", "a folder/k.csv"


@pytest.fixture(scope="module")
def versions(account: Clients) -> tuple[str, str]:
    s3 = account("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    written = [s3.put_object(Bucket=BUCKET, Key=KEY, Body=body)["VersionId"] for body in (b"a,1\n", b"b,2\n")]
    return written[0], written[1]


def read(account: Clients, version: str) -> bytes:
    body: bytes = account("s3").get_object(Bucket=BUCKET, Key=KEY, VersionId=version)["Body"].read()
    return body


@pytest.mark.parametrize("which", [0, 1])
def test_a_version_has_one_other_byte_meanwhile(
    account: Clients, versions: tuple[str, str], which: int
) -> None:
    version, other = versions[which], versions[1 - which]
    before = read(account, version), read(account, other)

    with one_byte_changed(account("s3"), BUCKET, KEY, version) as place:
        found = read(account, version)
        assert [at for at, pair in enumerate(zip(found, before[0], strict=True)) if pair[0] != pair[1]] == [
            place
        ]
        assert read(account, other) == before[1]

    assert (read(account, version), read(account, other)) == before
    listed = account("s3").list_object_versions(Bucket=BUCKET, Prefix=KEY)["Versions"]
    assert {each["VersionId"] for each in listed} == set(versions)


def test_no_other_user_may_although_it_may_put(
    account: Clients, clients_of: ClientsOf, versions: tuple[str, str]
) -> None:
    iam = account("iam")
    iam.create_user(UserName="putter")
    everything = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
    )
    iam.put_user_policy(UserName="putter", PolicyName="all", PolicyDocument=everything)
    keys = iam.create_access_key(UserName="putter")["AccessKey"]
    putter = clients_of(keys["AccessKeyId"], keys["SecretAccessKey"])

    with pytest.raises(ClientError, match="AccessDenied"):
        rewrite(putter("s3"), BUCKET, KEY, versions[0], b"c,3\n")

    assert read(account, versions[0]) == b"a,1\n"


def test_a_version_that_there_is_not_cannot_be_changed(account: Clients, versions: tuple[str, str]) -> None:
    with pytest.raises(ClientError, match="NoSuchVersion"):
        rewrite(account("s3"), BUCKET, KEY, "no-version", b"c,3\n")
