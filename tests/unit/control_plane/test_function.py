"""The function itself, `app.handler`: wired by the composition root, against AWS in process."""

import importlib.util
import json
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
from headgate import entrypoint
from moto import mock_aws

from tests.unit.control_plane.conftest import API
from tests.unit.control_plane.http import CONTEXT, event

ENVIRONMENT = {
    "HEADGATE_ENVIRONMENT": "dev",
    "CATALOG_TABLE_NAME": "catalog",
    "LEDGER_TABLE_NAME": "ledger",
    "EVENT_BUS_NAME": "bus",
    "LAKE_BUCKET_NAME": "headgate-lake",
    "MODELS_BUCKET_NAME": "models",
    "SIGNING_KEY_ARN": "arn:aws:kms:eu-west-1:123456789012:key/1",
    "LANDING_BUCKET_NAME": "landing",
    "LOGS_BUCKET_NAME": "logs",
    "ONLINE_TABLE_NAME": "online",
    "LARGEST_BUILD_BYTES": "1000000",
    "POWERTOOLS_SERVICE_NAME": "api",
    "POWERTOOLS_METRICS_NAMESPACE": "Headgate",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}
Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """`app.py` in a process that has nothing but the function's environment, without the queue."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    for cached in (entrypoint.logger, entrypoint.metrics):
        cached.cache_clear()
    spec = importlib.util.spec_from_file_location("api_app", API / "app.py")
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    yield loaded
    for cached in (entrypoint.logger, entrypoint.metrics):
        cached.cache_clear()


def _answer(module: ModuleType, payload: dict[str, Any]) -> tuple[int, Any]:
    response = module.handler(payload, CONTEXT)
    return response["statusCode"], json.loads(response["body"])


def test_what_the_deployment_lacks_is_named(module: ModuleType) -> None:
    status, body = _answer(module, event("list-products"))

    assert (status, body["type"]) == (500, "ConfigurationError")
    assert "TRAIN_QUEUE_URL is missing" in body["error"]


def test_a_route_that_is_none_needs_no_deployment(module: ModuleType) -> None:
    assert _answer(module, event("unknown-route"))[0] == 404


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Empty tables, buckets, a bus and a queue."""
    with mock_aws():
        for table in ("catalog", "ledger"):
            boto3.client("dynamodb").create_table(
                TableName=table,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
                KeySchema=[
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
            )
        boto3.client("dynamodb").create_table(
            TableName="online",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )
        for bucket in ("headgate-lake",):
            boto3.client("s3").create_bucket(Bucket=bucket)
        boto3.client("events").create_event_bus(Name="bus")
        queue = boto3.client("sqs").create_queue(QueueName="train")["QueueUrl"]
        monkeypatch.setenv("TRAIN_QUEUE_URL", queue)
        ingest = boto3.client("sqs").create_queue(QueueName="ingest")["QueueUrl"]
        monkeypatch.setenv("INGEST_QUEUE_URL", ingest)
        publish = boto3.client("sqs").create_queue(QueueName="publish")["QueueUrl"]
        monkeypatch.setenv("PUBLISH_QUEUE_URL", publish)
        maintain = boto3.client("sqs").create_queue(QueueName="maintain")["QueueUrl"]
        monkeypatch.setenv("MAINTAIN_QUEUE_URL", maintain)
        features = boto3.client("sqs").create_queue(QueueName="features")["QueueUrl"]
        monkeypatch.setenv("FEATURE_QUEUE_URL", features)
        yield boto3.client("sqs"), queue


def test_a_product_is_applied_read_and_trained_through_the_adapters(
    module: ModuleType, deployed: Any
) -> None:
    # Given a deployment with nothing in it
    sqs, queue = deployed
    assert _answer(module, event("list-products")) == (200, {"products": []})

    # When a bundle is applied, twice
    first = _answer(module, event("apply-product"))
    again = _answer(module, event("apply-product"))

    # Then it is there, once
    assert (first[0], first[1]["created"], again[1]["changed"]) == (200, True, False)
    assert _answer(module, event("get-product"))[1]["bundle"]["name"] == "flights"
    assert [p["name"] for p in _answer(module, event("list-products"))[1]["products"]] == ["flights"]

    # And every other route answers for a product that has nothing yet
    for case, key in {
        "list-dataset-versions": "versions",
        "list-quarantine": "quarantine",
        "list-erasures": "erasures",
        "list-features": "features",
        "list-runs": "runs",
        "list-models": "models",
        "list-reports": "reports",
        "list-costs": "costs",
        "list-decisions": "decisions",
        "list-gates": "gates",
    }.items():
        status, body = _answer(module, event(case))
        assert (status, body[key]) == (200, []), case

    # And its gate is checked, honestly, and its evidence kept
    assert _answer(module, event("check-gate"))[1]["passed"] is False
    assert len(_answer(module, event("list-gates"))[1]["gates"]) == 1
    assert _answer(module, event("stage-without-evidence"))[0] == 409

    # And training is asked for in the queue
    assert _answer(module, event("start-run"))[0] == 202
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"])["reason"] == "manual"

    # And what does not exist is not found
    for case in ("get-run", "get-model", "promote-model", "trace-prediction", "get-dataset-version"):
        assert _answer(module, event(case))[0] == 404, case


def test_a_refusal_by_policy_is_counted(
    module: ModuleType, deployed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    _answer(module, event("apply-product"))

    status, body = _answer(module, event("stranger-reads"))

    assert (status, body["type"]) == (403, "AccessDenied")
    assert '"AccessRefused":[1.0]' in capsys.readouterr().out
