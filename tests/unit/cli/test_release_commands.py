"""`headgate models promote|propose|rollback|live-at`: what is asked for, and what people are told."""

from pathlib import Path
from typing import Any

import pytest
from headgate.cli.commands.releases import rollback_target
from headgate.cli.failures import CommandFailed

from tests.unit.cli.fake_platform import Workplace

CLOSURE = {
    "datasets": {
        "weather": {"digest": "1" * 64, "ordinal": 9},
        "flights": {"digest": "2" * 64, "ordinal": 12},
    },
    "feature_set": "departure",
    "feature_version": "f" * 64,
    "model": "late",
    "version": 3,
    "model_digest": "d" * 64,
    "artifact_sha256": "a" * 64,
    "run": "e" * 64,
    "code_digest": "c" * 64,
    "config_digest": "b" * 64,
    "environment_digest": "9" * 64,
}


def release(number: int = 4, version: int = 3, **changes: Any) -> dict[str, Any]:
    told = {
        "product": "shop",
        "number": number,
        "kind": "promote",
        "from_version": 2,
        "principal": "user/alice",
    }
    told |= {"proposed_by": "user/dave", "reason": "better", "moved_at": "2030-01-02T03:04:05.678Z"}
    return {**told, "closure": {**CLOSURE, "version": version}, **changes}


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path).set_up()


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("target", "asked"),
    [(None, {}), ("3", {"version": 3}), ("v12", {"version": 12}), ("release-2", {"number": 2})],
)
def test_a_rollback_goes_to_a_version_a_release_or_one_back(
    place: Workplace, target: str | None, asked: dict[str, int]
) -> None:
    place.api.on("POST", "/products/shop/releases/rollback", release(kind="rollback"))

    code, text = place.run("models", "rollback", *([target] if target else []), "--reason", "too many alarms")

    assert (code, place.api.asked[-1].body) == (0, {**asked, "reason": "too many alarms"})
    assert "release 4 (rollback from v2)" in lines(text)
    assert "data flights v12, weather v9" in lines(text)


@pytest.mark.parametrize("target", ["0", "v", "release-", "latest", "-1"])
def test_a_target_that_is_none_is_refused(target: str) -> None:
    with pytest.raises(CommandFailed, match="neither a version"):
        rollback_target(target)


def test_what_was_live_is_told_with_its_neighbours(place: Workplace) -> None:
    found = {"at": "2030-01-03T00:00:00Z", "live": release(), "before": release(3, 2), "after": None}
    place.api.on("GET", "/products/shop/live", found)

    code, text = place.run("models", "live-at", "2030-01-03")

    assert (code, place.api.asked[-1].query) == (0, "at=2030-01-03")
    assert lines(text)[0] == "live at 2030-01-03 00:00:00:"
    assert "model late v3" in lines(text)
    assert "proposed by user/dave" in lines(text)
    assert lines(text)[-1] == "before it: release 3, late v2, since 2030-01-02 03:04:05"


def test_before_the_first_release_nothing_was_live(place: Workplace) -> None:
    found = {"at": "2029-01-01T00:00:00Z", "live": None, "before": None, "after": release(1, 1)}
    place.api.on("GET", "/products/shop/live", found)

    code, text = place.run("models", "live-at", "2029-01-01")

    assert code == 0
    assert lines(text) == [
        "nothing was live at 2029-01-01 00:00:00",
        "after it: release 1, late v1, since 2030-01-02 03:04:05",
    ]


def test_releases_and_proposals_are_listed(place: Workplace) -> None:
    proposal = {
        "version": 3,
        "state": "open",
        "principal": "user/dave",
        "proposed_at": "2030-01-01T00:00:00Z",
    }
    place.api.on("GET", "/products/shop/releases", {"releases": [release(), release(3, 2)]})
    place.api.on("GET", "/products/shop/proposals", {"proposals": [{**proposal, "reason": "+0.01 AUC"}]})

    _, moved = place.run("models", "releases")
    _, proposed = place.run("models", "proposals")

    assert lines(moved)[1].startswith("4 promote late v3 2 user/alice user/dave 2030-01-02 03:04:05 better")
    assert lines(proposed)[1].startswith("3 open user/dave 2030-01-01 00:00:00 +0.01 AUC")


def test_a_version_is_proposed_and_withdrawn(place: Workplace) -> None:
    place.api.on("POST", "/products/shop/models/3/propose", {"id": "p", "state": "open"})
    place.api.on("POST", "/products/shop/models/3/withdraw", {"id": "p", "state": "withdrawn"})

    assert place.run("models", "propose", "v3", "--reason", "+0.01 AUC")[0] == 0
    assert place.api.asked[-1].body == {"reason": "+0.01 AUC"}
    assert place.run("models", "withdraw", "v3")[0] == 0


def test_a_refused_promotion_names_the_statement(place: Workplace) -> None:
    denied = {"error": "user/alice may not", "type": "AccessDenied", "statement": "shop#TwoPersonsPromote"}
    place.api.on("POST", "/products/shop/models/3/promote", denied, status=403)

    code, _ = place.run("models", "promote", "3")

    assert code == 1
    assert "decided by shop#TwoPersonsPromote" in place.notes
