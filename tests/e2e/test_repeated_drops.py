"""At-least-once is the normal case: the same bytes, or the same notification, twice make one version."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

import pytest
from headgate.cli.drop import Dropped
from headgate.domain import events

from tests.e2e import intake
from tests.e2e.event_tap import EventTap
from tests.e2e.stack import Stack
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.emulator
DATASET = "repeats"
BURST = 30
KEY = f"{intake.PRODUCT}/{DATASET}/twice {intake.ODD}.csv"
BODY = intake.orders(intake.order("t1"), intake.order("t2"))


@pytest.fixture(scope="module")
def first(stack: Stack, tap: EventTap) -> Dropped:
    """One drop, committed."""
    stack.api("alice").apply_product(intake.PRODUCT, intake.bundle())
    drop = stack.drop(KEY, BODY)
    tap.wait(events.DATASET_VERSION_COMMITTED, intake.PRODUCT, dataset=DATASET)
    return drop


def test_the_same_bytes_under_the_same_key_make_one_version(
    first: Dropped, stack: Stack, tap: EventTap
) -> None:
    told = _told(tap)
    again = stack.drop(KEY, BODY)

    assert again.version_id != first.version_id
    _assert_recognised(first, stack, tap, told)


def test_the_same_bytes_under_another_key_make_one_version(
    first: Dropped, stack: Stack, tap: EventTap
) -> None:
    told = _told(tap)
    stack.drop(f"{intake.PRODUCT}/{DATASET}/renamed.csv", BODY)

    _assert_recognised(first, stack, tap, told)


def test_the_same_notification_again_makes_one_version(first: Dropped, stack: Stack, tap: EventTap) -> None:
    told = _told(tap)
    stack.administrator("sqs").send_message(
        QueueUrl=stack.outputs["IngestQueueUrl"], MessageBody=json.dumps(_notification(first))
    )

    _assert_recognised(first, stack, tap, told)


def test_other_bytes_under_the_same_key_are_the_next_version(first: Dropped, stack: Stack) -> None:
    other = stack.drop(KEY, intake.orders(intake.order("t3")))

    newest = eventually("a second version", lambda: next(iter(_versions(stack)[:-1]), None))
    assert (newest["ordinal"], newest["rows"], newest["added_rows"]) == (2, 3, 1)
    assert [source["version_id"] for source in newest["sources"]] == [other.version_id]


def test_a_burst_is_folded_into_few_versions_and_loses_nothing(first: Dropped, stack: Stack) -> None:
    prefix = f"{intake.PRODUCT}/bursts"
    drops = [stack.drop(f"{prefix}/{n}.csv", intake.orders(intake.order(f"o{n}"))) for n in range(BURST)]

    def whole() -> list[dict[str, Any]] | None:
        found = stack.api("alice").dataset_versions(intake.PRODUCT, "bursts")["versions"]
        return found if found and found[0]["rows"] >= BURST else None

    versions = eventually("all rows of the burst", whole)
    stack.drained("Ingest")
    assert (versions[0]["rows"], versions[0]["files"]) == (BURST, BURST)
    sources = [source["version_id"] for version in versions for source in version["sources"]]
    assert sorted(sources) == sorted(drop.version_id for drop in drops)
    assert len(versions) < BURST / 2
    parents = {version["digest"]: version["parent"] for version in versions}
    assert [parents[version["digest"]] for version in versions[:-1]] == [v["digest"] for v in versions[1:]]


def _told(tap: EventTap) -> int:
    """How often a version of the dataset was told of."""
    return len([e for e in tap.heard(events.DATASET_VERSION_COMMITTED) if e.detail["dataset"] == DATASET])


def _assert_recognised(first: Dropped, stack: Stack, tap: EventTap, told: int) -> None:
    """A delivery that finds its bytes in a version tells of that version again: so it has been dealt with."""
    again = tap.wait(events.DATASET_VERSION_COMMITTED, intake.PRODUCT, least=told + 1, dataset=DATASET)
    stack.drained("Ingest")
    (version,) = _versions(stack)
    assert {event.id for event in again} == {version["digest"]}
    assert (version["ordinal"], version["rows"], version["files"]) == (1, 2, 1)
    assert [(s["key"], s["version_id"]) for s in version["sources"]] == [(first.key, first.version_id)]
    assert stack.given_up() == {}


def _versions(stack: Stack) -> list[dict[str, Any]]:
    """Newest first."""
    return list(stack.api("alice").dataset_versions(intake.PRODUCT, DATASET)["versions"])


def _notification(drop: Dropped) -> dict[str, Any]:
    """What S3 sends, with the key encoded as S3 encodes it."""
    stored = {"key": quote_plus(drop.key), "versionId": drop.version_id, "size": drop.bytes, "eTag": ""}
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": drop.bucket}, "object": stored},
    }
    return {"Records": [record]}
