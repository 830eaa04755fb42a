"""Two datasets, one of which refers to the other: a drop waits in quarantine for what it refers to."""

from __future__ import annotations

from typing import Any

from tests.e2e.stack import Stack
from tests.e2e.waiting import eventually
from tests.support.data_product import data_product

PRODUCT = "routes"


def bundle() -> dict[str, Any]:
    carriers = {"columns": [{"name": "code", "type": "VARCHAR", "required": True, "primary_key": True}]}
    flights = {
        "columns": [
            {"name": "id", "type": "VARCHAR", "required": True, "primary_key": True},
            {"name": "carrier", "type": "VARCHAR", "required": True},
            {"name": "minutes", "type": "INTEGER", "maximum": 900, "warn": ["maximum"]},
        ],
        "references": [{"columns": ["carrier"], "dataset": "carriers", "key": ["code"]}],
    }
    return data_product(PRODUCT, {"carriers": carriers, "flights": flights})


def _newest(stack: Stack, dataset: str) -> dict[str, Any] | None:
    versions = stack.api("alice").dataset_versions(PRODUCT, dataset)["versions"]
    return versions[0] if versions else None


def _open(stack: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.api("alice").quarantine(PRODUCT, state="open")["quarantine"]
    return found


def test_a_drop_is_taken_in_once_what_it_refers_to_is_there(stack: Stack) -> None:
    # Given a flight of a carrier that nobody dropped, longer than flights usually are
    alice = stack.api("alice")
    alice.apply_product(PRODUCT, bundle())
    stack.drop(f"{PRODUCT}/flights/1.csv", b"id,carrier,minutes\n1,UA,1000\n")
    (refused,) = eventually("the refusal", lambda: _open(stack) or None)
    assert refused["rule"] == "reference:carrier->carriers.code"

    # When the carriers arrive, and the drop is replayed
    stack.drop(f"{PRODUCT}/carriers/1.csv", b"code\nAA\nUA\n")
    eventually("the carriers", lambda: _newest(stack, "carriers"))
    alice.replay(PRODUCT, "flights", refused["id"])

    # Then it is in, with what it was compared with and the warning beside it
    version = eventually("the flight", lambda: _newest(stack, "flights"))
    shown = alice.dataset_version(PRODUCT, "flights", f"v{version['ordinal']}")
    checks = {check["name"]: check for check in shown["checks"]}
    assert checks["reference:carrier->carriers.code"]["against"] == {"carriers": 1}
    warning = checks["maximum:minutes"]
    assert (warning["severity"], warning["passed"], warning["rows"]) == ("warning", False, 1)
    assert stack.given_up() == {}
