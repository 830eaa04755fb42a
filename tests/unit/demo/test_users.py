"""The platform's IAM users, against moto in process."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from headgate_local.platform_users import ensure_user
from moto import mock_aws

POLICY = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}]}'
)


@pytest.fixture
def iam() -> Iterator[Any]:
    with mock_aws():
        yield boto3.Session("testing", "testing", region_name="us-east-1").client("iam")


def policy(iam: Any) -> str:
    return str(iam.create_policy(PolicyName="drop", PolicyDocument=POLICY)["Policy"]["Arn"])


def test_new_user_gets_the_policy_and_a_key(iam: Any) -> None:
    arn = policy(iam)
    keys = ensure_user(iam, "dropper", arn, None)
    attached = iam.list_attached_user_policies(UserName="dropper")["AttachedPolicies"]
    assert [entry["PolicyArn"] for entry in attached] == [arn]
    assert keys.access_key_id and keys.secret_access_key


def test_deploying_again_keeps_keys_that_are_still_known(iam: Any) -> None:
    arn = policy(iam)
    first = ensure_user(iam, "dropper", arn, None)
    assert ensure_user(iam, "dropper", arn, first) == first


def test_keys_whose_secret_was_lost_are_replaced(iam: Any) -> None:
    arn = policy(iam)
    lost = ensure_user(iam, "dropper", arn, None)
    fresh = ensure_user(iam, "dropper", arn, None)
    known = [key["AccessKeyId"] for key in iam.list_access_keys(UserName="dropper")["AccessKeyMetadata"]]
    assert known == [fresh.access_key_id] != [lost.access_key_id]
