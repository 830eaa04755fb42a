"""A champion that takes two people, the way back that takes one, and what was live meanwhile: over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from headgate.cli.client import ApiClient, ApiRefused
from headgate.domain import events

from tests.e2e import shops
from tests.e2e.event_tap import EventTap
from tests.e2e.stack import Stack
from tests.e2e.story import TRAINING_SECONDS
from tests.e2e.waiting import eventually

PRODUCT, MODEL = "cafes", "hires"
TWO_PERSONS = [
    {
        "Sid": sid,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "headgate:PromoteModel",
        "Resource": "hrn:shops:model/*",
        "Condition": {"StringEquals": {"headgate:Alias": "champion"}, **asked},
    }
    for sid, asked in (
        ("TwoPersonsPromote", {"Bool": {"headgate:ProposedBySelf": "true"}}),
        ("NothingIsPromotedUnproposed", {"Null": {"headgate:ProposedBy": "true"}}),
    )
]
SCIENTISTS_PROPOSE = {
    "Sid": "ScientistsPropose",
    "Effect": "Allow",
    "Principal": {"Headgate": ["group/data-scientists"]},
    "Action": "headgate:ProposeModel",
    "Resource": "hrn:shops:model/*",
}


def bundle(seed: int = 1) -> dict[str, Any]:
    """The product of the other tests under another name, with the rule in its policy."""
    document = shops.bundle()
    document["training"]["seed"] = seed
    document["training"]["params"] |= {"num_leaves": 6 + seed}
    statements = [*document["policy"]["Statement"], *TWO_PERSONS, SCIENTISTS_PROPOSE]
    document["policy"] = {**document["policy"], "Statement": statements}
    text = json.dumps(document).replace("shops", PRODUCT).replace(f'"{shops.MODEL}"', f'"{MODEL}"')
    renamed: dict[str, Any] = json.loads(text)
    return renamed


@pytest.fixture(scope="module")
def two_versions(stack: Stack, tap: EventTap) -> ApiClient:
    """Versions 1 and 2 are registered; no policy lets `register` promote them, so there is no champion."""
    alice = stack.api("alice")
    alice.apply_product(PRODUCT, bundle())
    for month in shops.TRAINED_MONTHS:
        stack.drop(f"{PRODUCT}/visits/{month}.csv", shops.visits_csv(month))
        stack.drop(f"{PRODUCT}/sensor/{month}.csv", shops.sensor_csv(month))
    tap.wait(events.MODEL_REGISTERED, PRODUCT, seconds=TRAINING_SECONDS)
    alice.apply_product(PRODUCT, bundle(seed=2))
    alice.call("POST", f"/products/{PRODUCT}/runs", {})
    tap.wait(events.MODEL_REGISTERED, PRODUCT, least=2, seconds=TRAINING_SECONDS)
    eventually("a challenger", lambda: alice.models(PRODUCT)["aliases"]["challenger"] == 2)
    return alice


def propose(api: ApiClient, version: int) -> dict[str, Any]:
    path = f"/products/{PRODUCT}/models/{version}/propose"
    return dict(api.call("POST", path, {"reason": "better on February"}))


def refused(api: ApiClient, version: int) -> str:
    with pytest.raises(ApiRefused) as told:
        api.promote(PRODUCT, str(version), "champion", "now")
    assert (told.value.code, told.value.kind) == (403, "AccessDenied")
    return str(told.value.statement)


def live(api: ApiClient, at: str | None = None) -> int | None:
    found = api.get(f"/products/{PRODUCT}/live", at=at)["live"]
    return None if found is None else int(found["closure"]["version"])


def test_two_people_bring_a_version_live_and_one_takes_it_back(
    two_versions: ApiClient, stack: Stack, tap: EventTap
) -> None:
    alice, bob = two_versions, stack.api("bob")
    assert alice.models(PRODUCT)["aliases"]["champion"] is None

    # Nobody promotes what nobody proposed, nor what they proposed themselves
    assert refused(alice, 1) == f"{PRODUCT}#NothingIsPromotedUnproposed"
    propose(alice, 1)
    assert refused(alice, 1) == f"{PRODUCT}#TwoPersonsPromote"
    alice.call("POST", f"/products/{PRODUCT}/models/1/withdraw", {})

    # One proposes, another promotes: twice
    for version in (1, 2):
        propose(bob, version)
        alice.promote(PRODUCT, str(version), "champion", "agreed")
    releases = alice.get(f"/products/{PRODUCT}/releases")["releases"][::-1]
    assert [(r["closure"]["version"], r["proposed_by"], r["principal"]) for r in releases] == [
        (1, "user/bob", "user/alice"),
        (2, "user/bob", "user/alice"),
    ]

    # Back is one person's word, and moves the whole closure
    back = alice.call(
        "POST", f"/products/{PRODUCT}/releases/rollback", {"reason": "complaints", "from_version": 2}
    )
    assert (back["kind"], back["closure"]) == ("rollback", releases[0]["closure"])
    assert alice.models(PRODUCT)["aliases"]["champion"] == 1
    assert refused(alice, 2) == f"{PRODUCT}#NothingIsPromotedUnproposed"

    # What was live is told for any time
    times = [release["moved_at"] for release in (*releases, back)]
    assert [live(alice, at) for at in times] == [1, 2, 1]
    assert live(alice, "2020-01-01") is None
    assert live(alice) == 1
    tap.wait(events.RELEASE_MOVED, PRODUCT, least=3)
    states = [p["state"] for p in alice.get(f"/products/{PRODUCT}/proposals")["proposals"]]
    assert states == ["accepted", "accepted", "withdrawn"]


def test_two_versions_are_told_apart(two_versions: ApiClient) -> None:
    found = two_versions.get(f"/products/{PRODUCT}/models/1/compare/2")

    changed = {(each["part"], each["name"]): (each["a"], each["b"]) for each in found["changed"]}
    assert changed["declared", "seed"] == (1, 2)
    assert changed["params", "num_leaves"] == (7, 8)
    assert not [name for part, name in changed if part in ("dataset", "library")]
    assert found["same_window"]
