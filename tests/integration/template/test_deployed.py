"""The template deploys under IAM enforcement, its parts reach each other, and nobody reaches further."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from headgate_local.reclaim import reclaim

from tests.integration.template.conftest import STACK, Platform

pytestmark = pytest.mark.emulator
PIPES = ("Ingest", "Feature", "Train", "Register", "Monitor", "Prediction", "Record", "Publish", "Maintain")
BUCKETS = ("Landing", "Lake", "Models", "Logs")
KEY = "flights/flights/2013 01+a%b é.csv"


def test_every_queue_feeds_its_function_in_partial_batches(platform: Platform) -> None:
    mappings = platform.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    fed = {mapping["EventSourceArn"].rsplit(":", 1)[-1]: mapping for mapping in mappings}

    assert set(fed) == {platform.outputs[f"{pipe}QueueUrl"].rsplit("/", 1)[-1] for pipe in PIPES}
    for mapping in mappings:
        assert mapping["State"] == "Enabled"
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["ScalingConfig"]["MaximumConcurrency"] >= 2


def test_every_dead_letter_queue_has_an_alarm(platform: Platform) -> None:
    alarms = platform.client("cloudwatch").describe_alarms()["MetricAlarms"]
    watched = {alarm["Dimensions"][0]["Value"] for alarm in alarms}

    assert watched == {platform.outputs[f"{pipe}DlqUrl"].rsplit("/", 1)[-1] for pipe in PIPES}


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_is_closed_to_the_public(platform: Platform, bucket: str) -> None:
    s3, name = platform.client("s3"), platform.outputs[f"{bucket}BucketName"]

    blocked = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]

    assert all(blocked.values())
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"


def test_a_dropper_may_drop_and_do_nothing_else(platform: Platform, person: Callable[..., Any]) -> None:
    landing, lake = platform.outputs["LandingBucketName"], platform.outputs["LakeBucketName"]
    dropper = person(platform.outputs["DropPolicyArn"], "s3")

    dropper.put_object(Bucket=landing, Key=KEY, Body=b"a,b\n")

    for refused in (
        lambda: dropper.get_object(Bucket=landing, Key=KEY),
        lambda: dropper.delete_object(Bucket=landing, Key=KEY),
        lambda: dropper.put_object(Bucket=lake, Key=KEY, Body=b""),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            refused()


def test_a_drop_reaches_ingest(platform: Platform) -> None:
    platform.client("s3").put_object(
        Bucket=platform.outputs["LandingBucketName"], Key="flights/flights/reached.csv", Body=b"a,b\n"
    )

    assert "reached.csv" in _log_when(platform, "ingest", "reached.csv")


@pytest.mark.parametrize(
    ("event", "functions"),
    [
        ("DatasetVersionCommitted", ["build-features", "publish", "record"]),
        ("FeatureVersionBuilt", ["train", "monitor", "record"]),
        ("AliasMoved", ["monitor", "record"]),
        ("DriftDetected", ["train", "record"]),
        ("ExperimentSubmitted", ["register", "record"]),
        ("DropQuarantined", ["record"]),
    ],
)
def test_an_event_reaches_those_who_care(platform: Platform, event: str, functions: list[str]) -> None:
    mark = f"mark-{event}-{time.time_ns()}"

    platform.client("events").put_events(
        Entries=[
            {
                "EventBusName": platform.outputs["EventBusName"],
                "Source": "headgate",
                "DetailType": event,
                "Detail": json.dumps({"product": "flights", "id": mark}),
            }
        ]
    )

    for function in functions:
        assert mark in _log_when(platform, function, mark)


@pytest.mark.parametrize(
    ("function", "service", "to", "answer"),
    [
        ("ingest", "s3", "LAKE_BUCKET_NAME", "NoSuchKey"),
        ("ingest", "dynamodb", "CATALOG_TABLE_NAME", "allowed"),
        ("ingest", "dynamodb", "LEDGER_TABLE_NAME", "AccessDenied"),
        ("ingest", "events", "EVENT_BUS_NAME", "allowed"),
        ("record", "events", "EVENT_BUS_NAME", "AccessDenied"),
        ("authorize", "s3", "LAKE_BUCKET_NAME", "AccessDenied"),
        ("authorize", "dynamodb", "CATALOG_TABLE_NAME", "AccessDenied"),
        ("infer", "sqs", "PREDICTION_QUEUE_URL", "allowed"),
        ("api", "sqs", "TRAIN_QUEUE_URL", "allowed"),
        ("train", "batch", "BATCH_QUEUES", "allowed"),
        ("train", "sqs", "TRAIN_QUEUE_URL", "allowed"),
        ("publish", "glue", "GLUE_DATABASE_NAME", "EntityNotFoundException"),
        ("publish", "glue", "another_database", "AccessDenied"),
        ("publish", "sqs", "PUBLISH_QUEUE_URL", "allowed"),
        ("ingest", "glue", "headgate_test", "AccessDenied"),
        ("register", "kms:sign", "SIGNING_KEY_ARN", "allowed"),
        ("register", "kms:verify", "SIGNING_KEY_ARN", "AccessDenied"),
        ("api", "kms:verify", "SIGNING_KEY_ARN", "KMSInvalidSignatureException"),
        ("api", "kms:sign", "SIGNING_KEY_ARN", "AccessDenied"),
    ],
)
def test_a_role_allows_what_its_function_does(
    platform: Platform, function: str, service: str, to: str, answer: str
) -> None:
    assert _tried(platform, function, service, to) == answer


def test_a_function_that_registers_nothing_signs_nothing(platform: Platform) -> None:
    key = platform.resources()["SigningKey"]
    keys = platform.client("kms").describe_key(KeyId=key)["KeyMetadata"]

    assert (keys["KeySpec"], keys["KeyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")
    for function in ("infer", "monitor", "record"):
        assert _tried(platform, function, "kms:sign", keys["Arn"]) == "AccessDenied"


def test_a_function_may_not_send_to_a_queue_of_others(platform: Platform) -> None:
    assert _tried(platform, "infer", "sqs", platform.outputs["TrainQueueUrl"]) == "AccessDenied"


def test_the_api_asks_for_a_token_everywhere_but_for_health(platform: Platform) -> None:
    assert _call(platform, "/v2/health/live") == (200, {"function": "infer", "resource": "/v2/health/live"})
    assert _call(platform, "/v2")[0] == 401
    assert _call(platform, "/products")[0] == 401
    assert _call(platform, "/v2", "alice") == (200, {"function": "infer", "resource": "/v2"})
    assert _call(platform, "/products/flights/runs", "alice") == (
        200,
        {"function": "api", "resource": "/products/{product}/runs"},
    )


def test_the_gateway_says_what_is_wrong_in_one_sentence(platform: Platform) -> None:
    assert _call(platform, "/v2")[1] == {
        "error": "a valid bearer token is needed, as in Authorization: Bearer TOKEN"
    }
    assert _call(platform, "/nowhere", "alice") == (
        404,
        {"error": "there is no such path, or it does not know this method"},
    )


def test_an_operator_may_look_and_change_nothing(platform: Platform, person: Callable[..., Any]) -> None:
    policy, outputs = platform.outputs["OperatorPolicyArn"], platform.outputs
    queues = person(policy, "sqs")

    depth = queues.get_queue_attributes(QueueUrl=outputs["IngestDlqUrl"], AttributeNames=["All"])

    assert depth["Attributes"]["ApproximateNumberOfMessages"] == "0"
    person(policy, "logs").filter_log_events(logGroupName=f"/aws/lambda/{STACK}-ingest")
    person(policy, "cloudwatch").describe_alarms()
    person(policy, "cloudformation").describe_stacks(StackName=STACK)
    with pytest.raises(ClientError, match="AccessDenied"):
        queues.receive_message(QueueUrl=outputs["IngestDlqUrl"])
    with pytest.raises(ClientError, match="AccessDenied"):
        person(policy, "s3").get_object(Bucket=outputs["LakeBucketName"], Key="x")


def test_a_bucket_is_imported_from_only_when_the_deployment_names_it(platform: Platform) -> None:
    for bucket in ("archive", "archive-of-others"):
        platform.client("s3").create_bucket(Bucket=bucket)
        platform.client("s3").put_object(Bucket=bucket, Key="a/spec/b", Body=b"rows")
    before = [_tried(platform, name, "s3", "archive") for name in ("ingest", "build-features", "publish")]

    arns = "arn:aws:s3:::archive,arn:aws:s3:::archive-too"
    platform.deployer.deploy(platform.template, STACK, {"ImportBucketArns": arns})
    named = [_tried(platform, name, "s3", "archive") for name in ("ingest", "build-features", "publish")]
    unnamed = _tried(platform, "ingest", "s3", "archive-of-others")
    others = _tried(platform, "record", "s3", "archive")
    platform.deployer.deploy(platform.template, STACK, {"ImportBucketArns": ""})

    assert before == ["AccessDenied"] * 3
    assert named == ["allowed"] * 3
    assert (unnamed, others) == ("AccessDenied", "AccessDenied")


TRAINER_TRIES = """
import json, os
import boto3
from botocore.exceptions import ClientError

s3, bucket = boto3.client("s3"), os.environ["MODELS_BUCKET_NAME"]


def tried(action, key, **more):
    try:
        getattr(s3, action)(Bucket=bucket, Key=key, **more)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "allowed"


run, found = "shop/runs/r", {}
for name in ("out/model.onnx", "checkpoints/fit.0", "spec.json"):
    found[name] = [
        tried("put_object", f"{run}/{name}", Body=b"x"),
        tried("get_object", f"{run}/{name}"),
        tried("delete_object", f"{run}/{name}"),
    ]
for name in ("trials.json", "report.json"):
    found[name] = tried("get_object", f"shop/experiments/e/{name}")
print(json.dumps(found))
"""


def test_a_trainer_keeps_checkpoints_and_deletes_nothing_else(platform: Platform) -> None:
    batch, outputs = platform.client("batch"), platform.outputs
    job_id = batch.submit_job(
        jobName="tries",
        jobQueue=outputs["CpuJobQueueArn"],
        jobDefinition=outputs["CpuJobDefinitionArn"],
        containerOverrides={"command": ["python", "-c", TRAINER_TRIES]},
    )["jobId"]

    job = _when(batch, job_id, "SUCCEEDED", "FAILED")

    stream = job["container"]["logStreamName"]
    logs = platform.client("logs").get_log_events(logGroupName="/aws/batch/job", logStreamName=stream)
    assert job["status"] == "SUCCEEDED", logs["events"]
    assert json.loads(logs["events"][-1]["message"]) == {
        "out/model.onnx": ["allowed", "allowed", "AccessDenied"],
        "checkpoints/fit.0": ["allowed", "allowed", "allowed"],
        "spec.json": ["AccessDenied", "NoSuchKey", "AccessDenied"],
        "trials.json": "NoSuchKey",
        "report.json": "AccessDenied",
    }


WAITS_ONCE = """
import os, sys, time
sys.exit(0) if os.environ["AWS_BATCH_JOB_ATTEMPT"] == "2" else time.sleep(60)
"""


def test_a_training_job_whose_host_is_reclaimed_is_retried(platform: Platform) -> None:
    batch, outputs = platform.client("batch"), platform.outputs
    job_id = batch.submit_job(
        jobName="reclaimed",
        jobQueue=outputs["CpuJobQueueArn"],
        jobDefinition=outputs["CpuJobDefinitionArn"],
        containerOverrides={"command": ["python", "-c", WAITS_ONCE]},
    )["jobId"]
    _when(batch, job_id, "RUNNING")

    reclaim(batch, job_id, grace_seconds=5)

    job = _when(batch, job_id, "SUCCEEDED")
    first, second = job["attempts"]
    assert first["statusReason"] == "Your Spot Task was interrupted."
    assert second["container"]["exitCode"] == 0


def _when(batch: Any, job_id: str, *states: str, seconds: float = 60.0) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while True:
        job: dict[str, Any] = batch.describe_jobs(jobs=[job_id])["jobs"][0]
        if job["status"] in states:
            return job
        assert time.monotonic() < deadline, job["status"]
        time.sleep(0.1)


def test_gpu_comes_and_goes_with_its_parameter(platform: Platform) -> None:
    before = platform.resources()

    with_gpu = platform.deployer.deploy(platform.template, STACK, {"EnableGpu": "true"})
    added = platform.resources().keys() - before.keys()
    without = platform.deployer.deploy(platform.template, STACK, {"EnableGpu": "false"})

    assert "GpuJobQueueArn" in with_gpu
    assert added == {
        "GpuComputeEnvironment", "GpuJobQueue", "GpuJobDefinition", "GpuInstanceRole", "GpuInstanceProfile",
        "MultiNodeComputeEnvironment", "MultiNodeJobQueue", "MultiNodeJobDefinition",
        "MultiNodeSecurityGroup",
    }  # fmt: skip
    assert "GpuJobQueueArn" not in without
    assert platform.resources().keys() == before.keys()


def test_training_moves_to_spot_and_back(platform: Platform) -> None:
    before = platform.resources()

    on_spot = platform.deployer.deploy(platform.template, STACK, {"TrainOnSpot": "true"})
    added = platform.resources().keys() - before.keys()
    asked = _tried(platform, "train", "batch", "BATCH_QUEUES")
    back = platform.deployer.deploy(platform.template, STACK, {"TrainOnSpot": "false"})

    assert added == {"SpotComputeEnvironment", "SpotJobQueue"}
    assert asked == "allowed"
    assert "SpotJobQueueArn" in on_spot
    assert "SpotJobQueueArn" not in back


def _log_when(platform: Platform, function: str, text: str, seconds: float = 20.0) -> str:
    """The function's log once it holds `text`, or what it holds when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        found = _log(platform, function)
        if text in found or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def _log(platform: Platform, function: str) -> str:
    logs = platform.client("logs")
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{STACK}-{function}")
    return "\n".join(event["message"] for page in pages for event in page["events"])


def _tried(platform: Platform, function: str, service: str, to: str) -> str:
    """What a call inside a function comes to: allowed, AccessDenied, or another error's code."""
    answer = platform.client("lambda").invoke(
        FunctionName=f"{STACK}-{function}", Payload=json.dumps({"try": [service, to]})
    )
    return str(json.load(answer["Payload"]))


def _call(platform: Platform, path: str, token: str | None = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(platform.api + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
