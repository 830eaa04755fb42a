"""The IAM users a platform's people get: one that may drop files, one that may look.

Owns their names, policies and keys. Works as the account's administrator, as whoever deploys does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from headgate.cli.state import Keys

if TYPE_CHECKING:
    from mypy_boto3_iam.client import IAMClient

DROPPER = "dropper"
OPERATOR = "operator"


def ensure_user(iam: IAMClient, name: str, policy_arn: str, kept: Keys | None) -> Keys:
    """The user with this policy attached; the keys that are kept if they are still known, else new ones."""
    try:
        iam.create_user(UserName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "EntityAlreadyExists":
            raise
    iam.attach_user_policy(UserName=name, PolicyArn=policy_arn)
    known = [key["AccessKeyId"] for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]]
    if kept is not None and kept.access_key_id in known:
        return kept
    for old in known:  # a user holds two at most, and nobody has the secret of these any more
        iam.delete_access_key(UserName=name, AccessKeyId=old)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return Keys(made["AccessKeyId"], made["SecretAccessKey"])
