"""What the other patches change: queues, rules, buckets and APIs that behave as on AWS."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError
from headgate_local.launch import Emulator

from tests.integration.local import stack
from tests.integration.local.conftest import Clients
from tests.integration.local.stack import Document, allow, arn, eventually, policy

pytestmark = pytest.mark.emulator


def tls_only(actions: str, *resources: Any) -> Document:
    """The statement production templates carry."""
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": actions,
        "Resource": list(resources),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def test_tls_only_policies_let_local_requests_and_deliveries_through(account: Clients) -> None:
    bucket = "arn:aws:s3:::guarded"
    sends = allow("sqs:SendMessage", arn("Q"), Principal={"Service": "s3.amazonaws.com"})
    notify = {"QueueConfigurations": [{"Event": "s3:ObjectCreated:*", "Queue": arn("Q")}]}
    document = {
        "Resources": {
            "Q": {"Type": "AWS::SQS::Queue"},
            "QP": {
                "Type": "AWS::SQS::QueuePolicy",
                "Properties": {
                    "Queues": [{"Ref": "Q"}],
                    "PolicyDocument": policy(tls_only("sqs:*", arn("Q")), sends),
                },
            },
            "B": {
                "Type": "AWS::S3::Bucket",
                "DependsOn": "QP",
                "Properties": {"BucketName": "guarded", "NotificationConfiguration": notify},
            },
            "BP": {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {
                    "Bucket": {"Ref": "B"},
                    "PolicyDocument": policy(tls_only("s3:*", bucket, f"{bucket}/*")),
                },
            },
        },
        "Outputs": {"Q": {"Value": {"Ref": "Q"}}},
    }
    url = stack.deploy(account("cloudformation"), "guarded", document)["Q"]

    account("s3").put_object(Bucket="guarded", Key="a b.csv", Body=b"x")

    def keys() -> list[str] | None:
        received = account("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        bodies = [json.loads(message["Body"]) for message in received]
        return [record["s3"]["object"]["key"] for body in bodies for record in body.get("Records", [])]

    assert eventually(keys) == ["a+b.csv"]


def test_range_of_an_older_version_is_that_range(account: Clients) -> None:
    s3 = account("s3")
    s3.create_bucket(Bucket="versions")
    s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket="versions", Key="k", Body=b"0123456789")["VersionId"]
    s3.put_object(Bucket="versions", Key="k", Body=b"new")

    part = s3.get_object(Bucket="versions", Key="k", VersionId=old, Range="bytes=2-4")

    assert (part["ResponseMetadata"]["HTTPStatusCode"], part["Body"].read()) == (206, b"234")
    with pytest.raises(ClientError, match="InvalidRange|416"):
        s3.get_object(Bucket="versions", Key="k", VersionId=old, Range="bytes=20-30")


def test_batch_is_given_time_to_fill(account: Clients, shop: dict[str, str]) -> None:
    source = {
        "Queue": arn("Q"),
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 1,
    }
    document = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {
            "Q": {"Type": "AWS::SQS::Queue"},
            "F": stack.function(Events={"E": {"Type": "SQS", "Properties": source}}),
        },
        "Outputs": {name: {"Value": {"Ref": name}} for name in ("Q", "F")},
    }
    outputs = stack.deploy(account("cloudformation"), "batches", document)
    for _ in range(3):
        entries = [{"Id": str(number), "MessageBody": "m"} for number in range(8)]
        account("sqs").send_message_batch(QueueUrl=outputs["Q"], Entries=entries)

    def sizes() -> list[str]:
        logs, group = account("logs"), f"/aws/lambda/{outputs['F']}"
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            return []
        found = [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]
        return [line for line in found if line.startswith("BATCH")]

    assert eventually(sizes) == ["BATCH 24"]


def test_function_cannot_be_fed_from_a_queue_its_role_may_not_read(
    account: Clients, shop: dict[str, str]
) -> None:
    sqs = account("sqs")
    url = sqs.create_queue(QueueName="unread")["QueueUrl"]
    source = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    with pytest.raises(ClientError, match="does not have permissions to call ReceiveMessage on SQS"):
        account("lambda").create_event_source_mapping(FunctionName=shop["Plain"], EventSourceArn=source)

    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    half = {
        "PolicyName": "half",
        "PolicyDocument": policy(allow(["sqs:ReceiveMessage", "sqs:GetQueueAttributes"], source)),
    }
    mapping = {"FunctionName": {"Ref": "F"}, "EventSourceArn": source}
    document = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {
            "R": {
                "Type": "AWS::IAM::Role",
                "Properties": {"AssumeRolePolicyDocument": policy(trust), "Policies": [half]},
            },
            "F": stack.function(Role=arn("R")),
            "M": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping},
        },
    }
    status, reasons, _ = stack.try_deploy(account("cloudformation"), "half-fed", document)
    assert status == "ROLLBACK_COMPLETE"
    assert "DeleteMessage" in reasons["M"]


def test_event_that_cannot_be_delivered_is_kept_with_the_reason(
    account: Clients, shop: dict[str, str]
) -> None:
    sqs, events = account("sqs"), account("events")
    arns, urls = {}, {}
    for name in ("closed", "letters"):
        urls[name] = sqs.create_queue(QueueName=name)["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=urls[name], AttributeNames=["QueueArn"])["Attributes"]
        arns[name] = attributes["QueueArn"]
    sends = allow("sqs:SendMessage", arns["letters"], Principal={"Service": "events.amazonaws.com"})
    sqs.set_queue_attributes(QueueUrl=urls["letters"], Attributes={"Policy": json.dumps(policy(sends))})
    events.put_rule(Name="lost", EventPattern=json.dumps({"source": ["lost"]}))
    targets = {
        "closed": arns["closed"],
        "gone": "arn:aws:sqs:us-east-1:000000000000:gone",
        "job": "arn:aws:batch:us-east-1:000000000000:job-queue/gone",
        "unasked": account("lambda").get_function(FunctionName=shop["Plain"])["Configuration"]["FunctionArn"],
    }
    letters = {"DeadLetterConfig": {"Arn": arns["letters"]}}
    job = {"BatchParameters": {"JobDefinition": "gone", "JobName": "j"}}
    events.put_targets(
        Rule="lost",
        Targets=[
            {"Id": name, "Arn": target, **letters, **(job if name == "job" else {})}
            for name, target in targets.items()
        ],
    )

    events.put_events(Entries=[{"Source": "lost", "DetailType": "T", "Detail": '{"n": 1}'}])

    kept = sqs.receive_message(
        QueueUrl=urls["letters"], MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    )
    codes = {
        message["MessageAttributes"]["TARGET_ARN"]["StringValue"]: message["MessageAttributes"]["ERROR_CODE"][
            "StringValue"
        ]
        for message in kept["Messages"]
    }
    assert codes == {
        targets["closed"]: "NO_PERMISSIONS",
        targets["gone"]: "NO_RESOURCE",
        targets["job"]: "INVALID_PARAMETER",
        targets["unasked"]: "NO_PERMISSIONS",
    }
    assert all(json.loads(message["Body"])["detail"] == {"n": 1} for message in kept["Messages"])
    assert "Messages" not in sqs.receive_message(QueueUrl=urls["closed"])


def integrated(name: str) -> Document:
    """An operation that a function of the stack answers."""
    uri = f"arn:aws:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/functions/${{{name}.Arn}}/invocations"
    integration = {"type": "aws_proxy", "httpMethod": "POST", "uri": {"Fn::Sub": uri}}
    return {"get": {"responses": {}, "x-amazon-apigateway-integration": integration}}


def fetch(url: str) -> tuple[int, Any]:
    """Status and body of a GET."""
    try:
        with urllib.request.urlopen(url) as found:
            return found.status, json.loads(found.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_api_answers_errors_in_its_own_words_and_needs_permission_to_invoke(
    account: Clients, emulator: Emulator, shop: dict[str, str]
) -> None:
    responses = {
        "MISSING_AUTHENTICATION_TOKEN": {
            "statusCode": 404,
            "responseTemplates": {"application/json": '{"error": "no such path"}'},
        }
    }
    body = {
        "openapi": "3.0.1",
        "info": {"title": "t", "version": "1"},
        "x-amazon-apigateway-gateway-responses": responses,
        "paths": {"/open": integrated("Open"), "/closed": integrated("Closed")},
    }
    permission = {
        "FunctionName": {"Ref": "Open"},
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
        "SourceArn": {"Fn::Sub": "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/v1/GET/open"},
    }
    document = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {
            "Open": stack.function(),
            "Closed": stack.function(),
            "May": {"Type": "AWS::Lambda::Permission", "Properties": permission},
            "Api": {
                "Type": "AWS::Serverless::Api",
                "Properties": {"StageName": "v1", "DefinitionBody": body},
            },
        },
        "Outputs": {"Api": {"Value": {"Ref": "Api"}}},
    }
    api = stack.deploy(account("cloudformation"), "api", document)["Api"]
    base = f"{emulator.endpoint}/_aws/execute-api/{api}/v1"

    assert fetch(f"{base}/open") == (200, {})
    assert fetch(f"{base}/nowhere") == (404, {"error": "no such path"})
    assert fetch(f"{base}/closed")[0] == 500
