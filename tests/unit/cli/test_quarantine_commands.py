"""`headgate data quarantine`: what it asks of the platform, and how it tells what became of a replay."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.fake_platform import Workplace

ONE = "/products/shop/datasets/orders/quarantine/abc123"


def refused(**changes: Any) -> dict[str, Any]:
    return {
        "id": "abc123",
        "product": "shop",
        "dataset": "orders",
        "key": "shop/orders/bad.csv",
        "version_id": "v1",
        "rule": "not_null",
        "reason": "2 rows have no id",
        "rows": 2,
        "created_at": "2024-01-01T00:00:00Z",
        "state": "open",
        "closed_because": "",
        **changes,
    }


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    made = Workplace(tmp_path).set_up()
    made.api.on("GET", "/products/shop/quarantine", {"quarantine": [refused(), refused(id="def456")]})
    return made


def test_the_list_is_narrowed_by_the_platform(place: Workplace) -> None:
    code, document = place.json("data", "quarantine", "--rule", "not_null", "--state", "open")
    assert (code, len(document["quarantine"])) == (0, 2)
    assert place.api.asked[-1].query == "rule=not_null&state=open"


def test_a_drop_is_shown_by_the_start_of_its_id(place: Workplace) -> None:
    place.api.on("GET", ONE, {**refused(), "sample": [{"line": 3}]})
    code, document = place.json("data", "quarantine", "show", "abc")
    assert (code, document["sample"]) == (0, [{"line": 3}])


@pytest.mark.parametrize("start", ["", "zzz"])
def test_an_id_that_means_none_or_many_is_refused(place: Workplace, start: str) -> None:
    code, document = place.json("data", "quarantine", "show", start)
    assert code == 1
    assert "`headgate data quarantine` shows them" in document["error"]


def test_a_replay_is_asked_for(place: Workplace) -> None:
    place.api.on("POST", f"{ONE}/replay", {"quarantine": ["abc123"], "remaining": 0}, 202)
    code, document = place.json("data", "quarantine", "replay", "abc123")
    assert (code, document["quarantine"]) == (0, ["abc123"])
    assert place.api.asked[-1].body == {}


def test_a_fixed_file_is_dropped_and_named(place: Workplace, tmp_path: Path) -> None:
    # Given a corrected file
    file = tmp_path / "good.csv"
    file.write_bytes(b"id\n1\n")
    place.api.on("POST", f"{ONE}/replay", {"quarantine": ["abc123"], "remaining": 0}, 202)
    # When it is to stand for the refused one
    code, _ = place.json("data", "quarantine", "replay", "abc123", "--fixed", str(file))
    # Then it is dropped beside it, and the platform is told which object version it is
    assert code == 0
    assert place.aws.objects == {("landing", "shop/orders/good.csv"): b"id\n1\n"}
    fixed = {"key": "shop/orders/good.csv", "version_id": "v1", "bytes": 5}
    assert place.api.asked[-1].body == {"fixed": fixed}


def test_waiting_tells_the_version_or_the_new_reason(place: Workplace) -> None:
    place.api.on("POST", f"{ONE}/replay", {"quarantine": ["abc123"], "remaining": 0}, 202)
    place.api.on("GET", ONE, refused(state="replayed", closed_because="v3"))
    code, document = place.json("data", "quarantine", "replay", "abc", "--wait")
    assert (code, document["closed_because"]) == (0, "v3")

    place.api.on("GET", ONE, refused(rule="wrong_type", reason="worse", created_at="2024-01-02T00:00:00Z"))
    code, _ = place.run("data", "quarantine", "replay", "abc", "--wait")
    assert code == 1
    assert "refused again (wrong_type): worse" in place.notes


def test_a_rule_is_replayed_as_a_whole(place: Workplace) -> None:
    place.api.on("POST", "/products/shop/quarantine/replay", {"quarantine": ["a", "b"], "remaining": 7}, 202)
    code, document = place.json("data", "quarantine", "replay", "--rule", "not_null", "--dataset", "orders")
    assert (code, document["remaining"]) == (0, 7)
    assert place.api.asked[-1].body == {"rule": "not_null", "dataset": "orders"}


@pytest.mark.parametrize("line", [[], ["abc", "--rule", "not_null"]])
def test_a_replay_needs_an_id_or_a_rule(place: Workplace, line: list[str]) -> None:
    code, document = place.json("data", "quarantine", "replay", *line)
    assert (code, "either an id or --rule" in document["error"]) == (1, True)


def test_a_discard_sends_its_reason(place: Workplace) -> None:
    place.api.on("POST", f"{ONE}/discard", refused(state="discarded"))
    code, _ = place.json("data", "quarantine", "discard", "abc", "--reason", "a test file")
    assert (code, place.api.asked[-1].body) == (0, {"reason": "a test file"})
    assert place.run("data", "quarantine", "discard", "abc")[0] == 2
