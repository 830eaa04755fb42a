"""Erasure on the deployed platform, with the role that may delete and the ones that may not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from headgate.cli.failures import ApiRefused
from headgate.domain import events

from tests.e2e import traces
from tests.e2e.command_line import CommandLine
from tests.e2e.event_tap import EventTap
from tests.e2e.stack import Stack
from tests.e2e.waiting import eventually
from tests.support import small_product

PRODUCT = "guests"
GONE, STAYS = "v1-5-1", "v1-5-2"
SECONDS = 120.0


def bundle() -> dict[str, Any]:
    """The small product under a name of its own, with features and without a model."""
    whole = small_product.bundle(name=PRODUCT, training=None)
    return dict(json.loads(json.dumps(whole).replace("hrn:shops:", f"hrn:{PRODUCT}:")))


@pytest.fixture(scope="module")
def guests(stack: Stack, tap: EventTap) -> Stack:
    """January is taken in and built; the same bytes were dropped a second time, and a broken file."""
    stack.api("alice").apply_product(PRODUCT, bundle())
    stack.drop(f"{PRODUCT}/visits/1.csv", small_product.visits_csv(1))
    stack.drop(f"{PRODUCT}/sensor/1.csv", small_product.sensor_csv(1))
    tap.wait(events.FEATURE_VERSION_BUILT, PRODUCT, seconds=SECONDS)
    stack.drop(f"{PRODUCT}/visits/again.csv", small_product.visits_csv(1))
    broken = f"visit_id,visited_at,shop,size,bought\n{GONE},2024-01-05 10:30:00,west,1,true\n"
    stack.drop(f"{PRODUCT}/visits/broken.csv", broken.encode())
    tap.wait(events.DROP_QUARANTINED, PRODUCT, seconds=SECONDS)
    stack.drained("Ingest", "Feature")
    return stack


def holding(stack: Stack, value: str) -> list[str]:
    return traces.holding(stack, PRODUCT, value)


def finished(stack: Stack, asked: dict[str, Any]) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = stack.api("alice").erasure(PRODUCT, asked["id"])
        return found if found["state"] not in ("asked", "running") else None

    return eventually("the erasure done", look, SECONDS)


def test_a_dry_run_finds_what_holds_a_subject_and_touches_nothing(guests: Stack) -> None:
    before = holding(guests, GONE)
    asked = guests.api("alice").erase(PRODUCT, "visits", ["visit_id"], [[GONE]], "", dry_run=True)

    record = finished(guests, asked)

    assert (record["state"], record["problem"]) == ("found", "")
    found = record["findings"]
    assert (found["rows"], found["versions"], len(found["sources"])) == (1, [1], 3)
    assert found["feature_versions"]
    assert holding(guests, GONE) == before
    assert len(before) >= 5


def test_who_may_not_erase_is_refused(guests: Stack) -> None:
    with pytest.raises(ApiRefused, match="headgate:EraseSubject"):
        guests.api("bob").erase(PRODUCT, "visits", ["visit_id"], [[GONE]], "because", dry_run=False)


def test_an_erased_subject_is_gone_from_every_object(guests: Stack, tap: EventTap) -> None:
    alice = guests.api("alice")
    asked = alice.erase(PRODUCT, "visits", ["visit_id"], [[GONE]], "asked by the guest", dry_run=False)

    record = finished(guests, asked)

    assert (record["state"], record["problem"]) == ("erased", "")
    assert holding(guests, GONE) == []
    assert holding(guests, STAYS)
    (told,) = tap.wait(events.SUBJECT_ERASED, PRODUCT, seconds=20)
    assert (told.detail["principal"], told.detail["rows"]) == ("user/alice", 1)
    newest = alice.dataset_versions(PRODUCT, "visits")["versions"][0]
    assert (newest["operation"], newest["rows"]) == ("delete", 28 * 4 - 1)
    (refused,) = alice.quarantine(PRODUCT)["quarantine"]
    assert (refused["state"], refused["reason"]) == ("discarded", "(erased)")


def test_the_features_are_built_again_without_it(guests: Stack, tap: EventTap) -> None:
    def rebuilt() -> bool:
        newest = guests.api("alice").features(PRODUCT)["features"][0]
        return bool(newest["rows"] == 28 * 4 - 1)

    assert eventually("features without the subject", rebuilt, SECONDS)
    assert holding(guests, GONE) == []


def test_dropping_the_erased_bytes_again_is_refused(guests: Stack) -> None:
    drop = guests.drop(f"{PRODUCT}/visits/once more.csv", small_product.visits_csv(1))

    def refused() -> list[str]:
        listed = guests.api("alice").quarantine(PRODUCT)["quarantine"]
        return [found["rule"] for found in listed if found["key"] == drop.key]

    assert eventually("the refusal", refused, SECONDS) == ["erased"]


def test_the_audit_log_keeps_it_and_nothing_was_given_up(guests: Stack) -> None:
    guests.drained()
    entries = guests.api("alice").decisions(PRODUCT)["decisions"]

    assert [e["reason"] for e in entries if e["type"] == "SubjectErased"] == ["asked by the guest"]
    assert guests.given_up() == {}
    assert not [line.message for line in guests.log("maintain") if line.failed]


def test_the_command_finds_and_lists(guests: Stack, tmp_path: Path) -> None:
    headgate = CommandLine(guests, "alice", tmp_path, PRODUCT)

    found = headgate("data", "erase", "visits", "--key", f"visit_id={STAYS}", "--dry-run")

    assert (found["state"], found["findings"]["rows"]) == ("found", 1)
    listed = headgate("data", "erasures")["erasures"]
    assert [each["dry_run"] for each in listed[:1]] == [True]
    assert headgate("data", "erasures", found["id"])["subjects"] == 1
