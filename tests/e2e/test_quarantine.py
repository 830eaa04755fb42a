"""A refused drop: seen with its rows, replayed under a fixed contract or with a fixed file, or discarded."""

from __future__ import annotations

from typing import Any

import pytest
from headgate.cli.failures import ApiRefused

from tests.e2e.stack import Stack
from tests.e2e.waiting import eventually
from tests.support.data_product import data_product

PRODUCT = "returns"
HEADER = "id,shop,amount\n"


def bundle(*shops: str) -> dict[str, Any]:
    columns = [
        {"name": "id", "type": "VARCHAR", "required": True, "primary_key": True},
        {"name": "shop", "type": "VARCHAR", "required": True, "allowed": list(shops)},
        {"name": "amount", "type": "INTEGER", "minimum": 0},
    ]
    return data_product(PRODUCT, {"goods": {"columns": columns}})


@pytest.fixture(scope="module")
def refused(stack: Stack) -> dict[str, str]:
    """Four drops of a shop that the contract does not know, and what is left open in quarantine, by key."""
    stack.api("alice").apply_product(PRODUCT, bundle("north", "south"))
    keys = {f"{PRODUCT}/goods/{name}.csv": name for name in ("one é+", "two", "three", "four")}
    for key, name in keys.items():
        stack.drop(key, f"{HEADER}{name},west,1\n".encode())
    return eventually("four refusals", lambda: _open(stack) if len(_open(stack)) == 4 else None)


def _open(stack: Stack) -> dict[str, str]:
    listed = stack.api("alice").quarantine(PRODUCT, state="open")["quarantine"]
    return {found["key"].rpartition("/")[2]: found["id"] for found in listed}


def _closed(stack: Stack, name: str) -> dict[str, Any] | None:
    found = stack.api("alice").quarantined(PRODUCT, "goods", name)
    return found if found["state"] != "open" else None


def test_a_refusal_shows_its_rows_to_those_who_may_see_them(stack: Stack, refused: dict[str, str]) -> None:
    found = stack.api("alice").quarantined(PRODUCT, "goods", refused["two.csv"])

    assert found["sample"]
    with pytest.raises(ApiRefused, match="headgate:ReadQuarantine"):
        stack.api("bob").quarantined(PRODUCT, "goods", refused["two.csv"])


def test_a_drop_is_discarded_with_a_reason(stack: Stack, refused: dict[str, str]) -> None:
    alice = stack.api("alice")

    closed = alice.discard(PRODUCT, "goods", refused["four.csv"], "a test file")

    assert (closed["state"], closed["closed_by"]) == ("discarded", "user/alice")
    with pytest.raises(ApiRefused, match="discarded"):
        alice.replay(PRODUCT, "goods", refused["four.csv"])


def test_a_fixed_file_stands_for_the_refused_one(stack: Stack, refused: dict[str, str]) -> None:
    alice = stack.api("alice")
    fixed = stack.drop(f"{PRODUCT}/goods/three fixed.csv", f"{HEADER}three,north,1\n".encode())

    document = {"key": fixed.key, "version_id": fixed.version_id, "bytes": fixed.bytes}
    alice.replay(PRODUCT, "goods", refused["three.csv"], document)

    closed = eventually("the record closed", lambda: _closed(stack, refused["three.csv"]))
    versions = alice.dataset_versions(PRODUCT, "goods")["versions"]
    held = {f"v{v['ordinal']}" for v in versions if any(s["key"] == fixed.key for s in v["sources"])}
    assert held == {closed["closed_because"]}


def test_a_rule_is_replayed_under_the_fixed_contract(stack: Stack, refused: dict[str, str]) -> None:
    # Given a contract that knows the shop now
    alice = stack.api("alice")
    rule = alice.quarantined(PRODUCT, "goods", refused["two.csv"])["rule"]
    alice.apply_product(PRODUCT, bundle("north", "south", "west"))
    waiting = [refused["one é+.csv"], refused["two.csv"]]

    # When everything refused for that rule is replayed
    asked = alice.replay_rule(PRODUCT, rule)

    # Then both are in a version, and the audit log says who asked
    assert set(asked["quarantine"]) >= set(waiting)
    closed = [eventually(f"{name} closed", lambda n=name: _closed(stack, n)) for name in waiting]  # type: ignore[misc]
    assert {(c["state"], c["closed_by"]) for c in closed} == {("replayed", "user/alice")}
    newest = alice.dataset_versions(PRODUCT, "goods")["versions"][0]
    assert newest["rows"] == 3
    stack.drained("Ingest", "Record")
    entries = alice.decisions(PRODUCT)["decisions"]
    assert {e["quarantine_id"] for e in entries if e["type"] == "DropReplayed"} >= set(waiting)
    assert stack.given_up() == {}
