"""What a registered version carries, and what of it was live: over HTTP, signed by the key service."""

from __future__ import annotations

import json

import pytest
from headgate.cli.client import ApiRefused
from headgate.domain import events

from tests.e2e import shops
from tests.e2e.event_tap import EventTap
from tests.e2e.stack import Stack
from tests.e2e.story import Story

VERSION = f"/products/{shops.PRODUCT}/models/1"


def test_a_version_verifies_byte_by_byte(trained: Story, stack: Stack) -> None:
    found = stack.api("alice").get(f"{VERSION}/verify")

    assert found["valid"], found["checks"]
    assert found["signature"]["algorithm"] == "ECDSA_SHA_256"
    assert found["signature"]["key"].startswith("arn:aws:kms:")
    assert [check["name"] for check in found["checks"]] == [
        *("signature", "record", "card.json", "card.md", "bom.json", "artifact")
    ]


def test_the_card_is_made_of_what_registration_measured(trained: Story, stack: Stack) -> None:
    found = stack.api("alice").get(f"{VERSION}/card")

    card, measured = found["card"], found["card"]["measured"]
    assert measured["auc"] == trained.model["metrics"]["auc"]
    assert set(measured["baselines"]) == {"constant", "naive", "seasonal", "by_shop"}
    assert measured["latency_ms_p95"] > 0
    assert card["artifact"]["sha256"] == trained.model["artifact_sha256"]
    assert set(card["closure"]["datasets"]) == {"visits", "sensor"}
    assert found["markdown"].startswith(f"# {shops.MODEL} version 1")


def test_the_bill_of_materials_names_what_it_was_trained_with(trained: Story, stack: Stack) -> None:
    bom = stack.api("alice").get(f"{VERSION}/bom")

    libraries = {each["name"] for each in bom["components"] if each["type"] == "library"}
    assert {"lightgbm", "onnx"} <= libraries
    model = bom["metadata"]["component"]
    assert model["hashes"][0]["content"] == trained.model["artifact_sha256"]


def test_a_changed_card_is_found(trained: Story, stack: Stack) -> None:
    s3, bucket = stack.administrator("s3"), stack.outputs["ModelsBucketName"]
    key = f"{shops.PRODUCT}/models/{shops.MODEL}/1/card.json"
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    changed = json.loads(body)
    changed["measured"]["auc"] = 0.9999
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(changed).encode())

    found = stack.api("alice").get(f"{VERSION}/verify")
    s3.put_object(Bucket=bucket, Key=key, Body=body)

    assert not found["valid"]
    assert [check["name"] for check in found["checks"] if not check["passed"]] == ["card.json"]
    assert stack.api("alice").get(f"{VERSION}/verify")["valid"]


def test_the_first_champion_is_the_first_release(trained: Story, stack: Stack, tap: EventTap) -> None:
    alice = stack.api("alice")
    (release,) = alice.get(f"/products/{shops.PRODUCT}/releases")["releases"]

    assert (release["number"], release["kind"], release["principal"]) == (1, "promote", "service/register")
    assert release["closure"]["artifact_sha256"] == trained.model["artifact_sha256"]
    assert release["closure"]["run"] == trained.run["digest"]
    live = f"/products/{shops.PRODUCT}/live"
    assert alice.get(live)["live"] == release
    assert alice.get(live, at="2020-01-01")["live"] is None
    heard = tap.wait(events.RELEASE_MOVED, shops.PRODUCT, seconds=15)
    assert heard[0].detail["closure"] == release["closure"]


def test_there_is_no_way_back_from_the_first_release(trained: Story, stack: Stack) -> None:
    with pytest.raises(ApiRefused) as refused:
        stack.api("alice").call("POST", f"/products/{shops.PRODUCT}/releases/rollback", {})

    assert (refused.value.code, refused.value.kind) == (409, "PreconditionFailed")
