"""Least privilege as it runs: every function and job in its own role, and people open one door each."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from headgate.cli.logs import FUNCTIONS
from headgate.cli.state import Keys

from tests.e2e import shops
from tests.e2e.credentials import CredentialWatch, Held
from tests.e2e.stack import Stack
from tests.e2e.story import Story

pytestmark = pytest.mark.emulator
KEY = "shops/visits/visits 2024-01.csv"


@pytest.fixture(scope="module")
def held(monitored: Story, watched: tuple[Stack, CredentialWatch]) -> list[Held]:
    """The credentials of every function and job, after all nine functions and the trainer ran."""
    stack, watch = watched
    if not watch.available:
        pytest.skip("this system has no /proc: the environment of other processes cannot be read")
    stack.api("alice").get("/v2")
    return [
        each for each in watch.held if each.name.startswith(f"{stack.state.stack}-") or each.name == "job"
    ]


def test_every_function_and_job_acts_in_its_own_role(held: list[Held], stack: Stack) -> None:
    roles = _physical_ids(stack)
    expected = {
        **{f"{stack.state.stack}-{name}": roles[f"{_pascal(name)}Role"] for name in FUNCTIONS},
        "job": roles["TrainerJobRole"],
    }

    found = {each.name: _who(stack, each) for each in held}

    assert {name: arn.split(":assumed-role/")[1].split("/")[0] for name, arn in found.items()} == expected
    assert len(set(expected.values())) == len(FUNCTIONS) + 1


def test_no_function_and_no_job_ever_holds_the_root_keys(
    held: list[Held], watched: tuple[Stack, CredentialWatch]
) -> None:
    stack, watch = watched
    root = stack.emulator.root_credentials

    assert all(each.access_key_id.startswith("ASIA") and each.session_token for each in held)
    for each in watch.held:  # whatever else the emulator started, too
        for value in (root.access_key_id, root.secret_access_key):
            assert not [entry for entry in each.environment if value in entry], each.name


def test_what_is_kept_for_people_does_not_hold_the_root_keys(stack: Stack) -> None:
    kept = json.dumps(stack.state.to_document())

    assert stack.state.dropper.secret_access_key in kept
    assert stack.emulator.root_credentials.secret_access_key not in kept
    assert stack.emulator.root_credentials.access_key_id not in kept


def test_a_functions_keys_do_not_open_what_its_role_does_not_name(held: list[Held], stack: Stack) -> None:
    ingest = next(each for each in held if each.name.endswith("-ingest"))
    keys = Keys(ingest.access_key_id, ingest.secret_access_key)
    s3 = stack.client("s3", keys, ingest.session_token)

    # It may read what was dropped: the keys are good ones.
    s3.get_object(Bucket=stack.outputs["LandingBucketName"], Key=KEY)["Body"].read()
    _assert_denied(lambda: s3.put_object(Bucket=stack.outputs["LandingBucketName"], Key=KEY, Body=b""))
    _assert_denied(
        lambda: s3.get_object(Bucket=stack.outputs["ModelsBucketName"], Key="shops/runs/x/spec.json")
    )
    dynamodb = stack.client("dynamodb", keys, ingest.session_token)
    _assert_denied(lambda: dynamodb.scan(TableName=stack.outputs["LedgerTableName"]))


def test_a_dropper_may_put_into_landing_and_do_nothing_else(trained: Story, stack: Stack) -> None:
    dropper = stack.client("s3", stack.state.dropper)
    landing, lake = stack.outputs["LandingBucketName"], stack.outputs["LakeBucketName"]
    stored = stack.administrator("s3").list_objects_v2(Bucket=lake, Prefix="shops/")["Contents"][0]["Key"]

    # That it may put, every other test shows. What is there is there, and it is refused all the same:
    _assert_denied(lambda: dropper.get_object(Bucket=lake, Key=stored))
    _assert_denied(lambda: dropper.list_objects_v2(Bucket=lake))
    _assert_denied(lambda: dropper.put_object(Bucket=lake, Key=stored, Body=b"forged"))
    _assert_denied(lambda: dropper.get_object(Bucket=landing, Key=KEY))
    _assert_denied(lambda: dropper.delete_object(Bucket=landing, Key=KEY))
    sqs = stack.client("sqs", stack.state.dropper)
    _assert_denied(lambda: sqs.send_message(QueueUrl=stack.outputs["TrainQueueUrl"], MessageBody="{}"))


def test_an_operator_reads_no_data(trained: Story, stack: Stack) -> None:
    s3 = stack.client("s3", stack.state.operator)

    _assert_denied(lambda: s3.get_object(Bucket=stack.outputs["LandingBucketName"], Key=KEY))
    _assert_denied(lambda: s3.list_objects_v2(Bucket=stack.outputs["LakeBucketName"]))


def test_wrong_secrets_and_no_keys_at_all_open_nothing(trained: Story, stack: Stack) -> None:
    landing = stack.outputs["LandingBucketName"]
    forged = stack.client("s3", Keys(stack.emulator.root_credentials.access_key_id + "X", "x" * 40))
    with pytest.raises(ClientError):
        forged.get_object(Bucket=landing, Key=KEY)
    session: Any = boto3.Session(region_name=stack.state.region)
    anonymous = session.client(
        "s3", endpoint_url=stack.state.endpoint, config=Config(signature_version=UNSIGNED)
    )
    _assert_denied(lambda: anonymous.get_object(Bucket=landing, Key=KEY))
    _assert_denied(
        lambda: anonymous.put_object(Bucket=landing, Key=f"{shops.PRODUCT}/visits/x.csv", Body=b"")
    )


def _assert_denied(act: Callable[[], Any]) -> None:
    with pytest.raises(ClientError) as refused:
        act()
    assert refused.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")


def _who(stack: Stack, held: Held) -> str:
    """Whom the platform takes the holder of these keys for."""
    keys = Keys(held.access_key_id, held.secret_access_key)
    return str(stack.client("sts", keys, held.session_token).get_caller_identity()["Arn"])


def _physical_ids(stack: Stack) -> dict[str, str]:
    pages = (
        stack.client("cloudformation", stack.state.operator)
        .get_paginator("list_stack_resources")
        .paginate(StackName=stack.state.stack)
    )
    return {
        one["LogicalResourceId"]: one["PhysicalResourceId"]
        for page in pages
        for one in page["StackResourceSummaries"]
    }


def _pascal(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))
