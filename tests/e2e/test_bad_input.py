"""Bad files and good ones in one burst: each is refused with rule, rows and reason, or ends in a version."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from headgate.cli.drop import Dropped
from headgate.domain import events

from tests.e2e import intake
from tests.e2e.event_tap import EventTap
from tests.e2e.intake import BAD, GOOD, Bad, Good
from tests.e2e.stack import Stack
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.emulator


@dataclass(frozen=True)
class Burst:
    """What was dropped, by key, and what the catalog says of the refused ones."""

    drops: dict[str, Dropped]
    refused: dict[str, dict[str, Any]]
    accepted: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def burst(stack: Stack, tap: EventTap) -> Burst:
    """Every case dropped one right after the other, good among bad, and every one decided."""
    stack.api("alice").apply_product(intake.PRODUCT, intake.bundle())
    spread = len(BAD) // len(GOOD)
    files: list[Bad | Good] = []
    for position, bad in enumerate(BAD):
        files.append(bad)
        if position % spread == 0 and position // spread < len(GOOD):
            files.append(GOOD[position // spread])
    assert len(files) == len(BAD) + len(GOOD)
    drops = {file.key: stack.drop(file.key, file.body) for file in files}

    def decided() -> Burst | None:
        refused = {r["key"]: r for p in (intake.PRODUCT, intake.UNROUTED) for r in _refused(stack, p)}
        accepted = {s["key"]: s for d in intake.bundle()["datasets"] for s in _sources(stack, d)}
        return Burst(drops, refused, accepted) if drops.keys() <= refused.keys() | accepted.keys() else None

    return eventually("every drop of the burst refused or accepted", decided)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_bad_file_is_refused_with_rule_rows_and_reason(burst: Burst, stack: Stack, bad: Bad) -> None:
    found = burst.refused[bad.key]

    assert (found["rule"], found["rows"]) == (bad.rule, bad.rows), found["reason"]
    assert bad.said in found["reason"]
    assert (found["product"], found["version_id"]) == (bad.product, burst.drops[bad.key].version_id)
    if bad.rows:
        assert stack.api("alice").quarantined(bad.product, found["dataset"], found["id"])["sample"]
    assert bad.key not in burst.accepted
    report = stack.administrator("s3").get_object(
        Bucket=stack.outputs["LakeBucketName"],
        Key=f"{bad.product}/quarantine/{found['dataset']}/{found['id']}.json",
    )
    assert json.loads(report["Body"].read())["reason"] == found["reason"]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_refusal_is_an_event(burst: Burst, tap: EventTap, bad: Bad) -> None:
    heard = tap.wait(events.DROP_QUARANTINED, bad.product, seconds=20, key=bad.key)

    assert {event.detail["rule"] for event in heard} == {bad.rule}
    assert {event.detail["version_id"] for event in heard} == {burst.drops[bad.key].version_id}
    assert {event.detail["quarantine_id"] for event in heard} == {burst.refused[bad.key]["id"]}


def test_people_of_the_product_see_what_was_refused(burst: Burst, stack: Stack) -> None:
    listed = stack.api("alice").quarantine(intake.PRODUCT)["quarantine"]

    assert {found["key"] for found in listed} >= {bad.key for bad in BAD if bad.product == intake.PRODUCT}


@pytest.mark.parametrize("good", GOOD, ids=lambda good: good.key)
def test_a_good_file_of_the_same_burst_goes_through(burst: Burst, good: Good) -> None:
    assert good.key not in burst.refused
    source, drop = burst.accepted[good.key], burst.drops[good.key]
    assert (source["version_id"], source["sha256"]) == (drop.version_id, drop.sha256)


def test_versions_hold_the_good_files_and_nothing_else(burst: Burst, stack: Stack) -> None:
    for dataset in ("orders", "readings", "clicks", "tills", "baskets"):
        newest = stack.api("alice").dataset_versions(intake.PRODUCT, dataset)["versions"][0]
        mine = [good for good in GOOD if good.key.startswith(f"{intake.PRODUCT}/{dataset}/")]
        assert (newest["rows"], newest["files"]) == (sum(good.rows for good in mine), len(mine))


@pytest.mark.parametrize("case", [*BAD, *GOOD], ids=lambda case: case.key)
def test_the_dropped_object_is_left_as_it_was(burst: Burst, stack: Stack, case: Bad | Good) -> None:
    s3, drop = stack.administrator("s3"), burst.drops[case.key]

    listed = s3.list_object_versions(Bucket=drop.bucket, Prefix=case.key)
    kept = s3.get_object(Bucket=drop.bucket, Key=case.key, VersionId=drop.version_id)["Body"].read()

    assert [v["VersionId"] for v in listed["Versions"] if v["Key"] == case.key] == [drop.version_id]
    assert not [m for m in listed.get("DeleteMarkers", ()) if m["Key"] == case.key]
    assert kept == case.body


def test_no_message_is_left_or_given_up(burst: Burst, stack: Stack) -> None:
    stack.drained()

    assert stack.given_up() == {}
    assert not [line.message for line in stack.log("ingest") if line.failed]


def _refused(stack: Stack, product: str) -> list[dict[str, Any]]:
    """Refusals as the product's people see them; those of no product as the catalog has them."""
    if product == intake.PRODUCT:
        return list(stack.api("alice").quarantine(product)["quarantine"])
    items = stack.administrator("dynamodb").query(
        TableName=stack.outputs["CatalogTableName"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"QUARANTINE#{product}"}},
    )["Items"]
    return [json.loads(item["document"]["S"]) for item in items]


def _sources(stack: Stack, dataset: str) -> list[dict[str, Any]]:
    versions = stack.api("alice").dataset_versions(intake.PRODUCT, dataset)["versions"]
    return [source for version in versions for source in version["sources"]]
