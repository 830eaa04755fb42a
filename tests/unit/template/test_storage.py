"""Buckets and tables are hardened, and outlive the stack where they hold what cannot be made again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.template.reading import of_type, statements

BUCKETS = ("LandingBucket", "LakeBucket", "ModelsBucket", "LogsBucket")
TABLES = ("CatalogTable", "LedgerTable", "OnlineTable", "IdempotencyTable")


def test_there_are_no_other_buckets_or_tables(resources: dict[str, Any]) -> None:
    assert set(of_type(resources, "AWS::S3::Bucket")) == set(BUCKETS)
    assert set(of_type(resources, "AWS::DynamoDB::Table")) == set(TABLES)


@pytest.mark.parametrize("name", BUCKETS)
def test_a_bucket_is_versioned_encrypted_and_closed_to_the_public(
    resources: dict[str, Any], name: str
) -> None:
    bucket = resources[name]["Properties"]

    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    encryption = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption[0]["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    rules = bucket["LifecycleConfiguration"]["Rules"]
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)


@pytest.mark.parametrize("name", BUCKETS)
def test_a_bucket_is_reached_over_tls_alone(resources: dict[str, Any], name: str) -> None:
    policy = resources[f"{name}Policy"]["Properties"]
    arn = {"Fn::GetAtt": [name, "Arn"]}

    (refusal,) = statements(policy)

    assert policy["Bucket"] == {"Ref": name}
    assert (refusal["Effect"], refusal["Principal"], refusal["Action"]) == ("Deny", "*", "s3:*")
    assert refusal["Resource"] == [arn, {"Fn::Sub": f"${{{name}.Arn}}/*"}]
    assert refusal["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_no_version_of_a_drop_ever_expires(resources: dict[str, Any]) -> None:
    # A trace ends at the S3 VersionId of a dropped file.
    rules = resources["LandingBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]

    assert not [rule for rule in rules if "Expiration" in " ".join(rule)]


@pytest.mark.parametrize("name", [*BUCKETS, "CatalogTable", "LedgerTable"])
def test_what_cannot_be_made_again_outlives_the_stack(resources: dict[str, Any], name: str) -> None:
    assert resources[name]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resources[name]["UpdateReplacePolicy"] == "Retain"


def test_a_drop_is_announced_once_the_queue_lets_the_bucket_in(resources: dict[str, Any]) -> None:
    landing = resources["LandingBucket"]
    (notification,) = landing["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    allowed = next(
        statement
        for statement in statements(resources["IngestQueuePolicy"]["Properties"])
        if statement["Principal"] == {"Service": "s3.amazonaws.com"}
    )

    assert landing["DependsOn"] == "IngestQueuePolicy"
    assert notification == {"Event": "s3:ObjectCreated:*", "Queue": {"Fn::GetAtt": ["IngestQueue", "Arn"]}}
    # The policy cannot refer to the bucket (a cycle): it must spell the same name.
    name = landing["Properties"]["BucketName"]["Fn::Sub"]
    source = allowed["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::Sub"]
    assert source == f"arn:${{AWS::Partition}}:s3:::{name}"
    assert allowed["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_can_be_restored_and_is_protected_in_production(resources: dict[str, Any], name: str) -> None:
    table = resources[name]["Properties"]

    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert table["DeletionProtectionEnabled"] == {"Fn::If": ["IsProd", True, False]}


def test_keys_and_expiry_are_those_of_the_storage_layout(resources: dict[str, Any]) -> None:
    def keys(name: str) -> list[str]:
        return [key["AttributeName"] for key in resources[name]["Properties"]["KeySchema"]]

    def expiry(name: str) -> str | None:
        found = resources[name]["Properties"].get("TimeToLiveSpecification", {})
        return found.get("AttributeName") if found.get("Enabled") else None

    assert [keys(name) for name in TABLES] == [["pk", "sk"], ["pk", "sk"], ["pk"], ["id"]]
    assert [expiry(name) for name in TABLES] == [None, None, "expires_at", "expiration"]
