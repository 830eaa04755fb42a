"""`headgate data erase`: subjects as they are typed, what is asked, and what is told."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.fake_platform import Workplace

ASK = "/products/shop/datasets/orders/erasures"
ONE = "/products/shop/erasures/e-1"
NOTHING = {"rows": 0, "prediction_rows": 0, "online_rows": 0} | {
    name: []
    for name in (
        *("files", "versions", "sources", "feature_versions", "models", "quarantined", "diffs"),
        *("external", "unsearched", "prediction_logs"),
    )
}


def record(**changes: Any) -> dict[str, Any]:
    return {
        "id": "e-1",
        "product": "shop",
        "dataset": "orders",
        "columns": ["id"],
        "subjects": 1,
        "state": "erased",
        "requested_by": "user/alice",
        "requested_at": "2024-01-01T00:00:00Z",
        "finished_at": "2024-01-01T00:01:00Z",
        "reason": "asked",
        "problem": "",
        "findings": NOTHING,
        "committed": [],
        **changes,
    }


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    made = Workplace(tmp_path).set_up()
    made.api.on("POST", ASK, record(state="asked"), 202)
    return made


def test_a_subject_is_erased_and_what_held_it_is_told(place: Workplace) -> None:
    found = {**NOTHING, "rows": 3, "versions": list(range(1, 12)), "models": ["model/m/2"]}
    place.api.on("GET", ONE, record(findings=found, committed=[12]))
    code, text = place.run("data", "erase", "orders", "--key", "id=a=1", "--reason", "asked")
    assert code == 0
    assert place.api.asked[0].body == {
        "columns": ["id"],
        "values": [["a=1"]],
        "reason": "asked",
        "dry_run": False,
    }
    assert "1, 2, 3, 4, 5, 6, 7, 8 and 3 more" in text
    assert "model/m/2" in text and "v12" in text


def test_a_column_that_comes_again_begins_the_next_subject(place: Workplace) -> None:
    line = ["--key", "id=1", "--key", "shop=north", "--key", "shop=south", "--key", "id=2"]
    place.run("data", "erase", "orders", *line, "--dry-run", "--no-wait")
    assert place.api.asked[0].body == {
        "columns": ["id", "shop"],
        "values": [["1", "north"], ["2", "south"]],
        "reason": "",
        "dry_run": True,
    }


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["--key", "id"], "no column=value"),
        (["--key", "=1"], "no column=value"),
        (["--key", "id=1", "--key", "id=2", "--key", "shop=n"], "a subject has id alone"),
    ],
)
def test_a_subject_that_is_none_is_refused_before_anything_is_asked(
    place: Workplace, line: list[str], said: str
) -> None:
    code, document = place.json("data", "erase", "orders", *line, "--reason", "r")
    assert (code, place.api.asked) == (1, [])
    assert said in document["error"]


def test_erasing_needs_a_reason_and_finding_none(place: Workplace) -> None:
    code, document = place.json("data", "erase", "orders", "--key", "id=1")
    assert code == 1
    assert "--reason is needed" in document["error"]
    place.api.on("GET", ONE, record(state="found"))
    assert place.json("data", "erase", "orders", "--key", "id=1", "--dry-run")[1]["state"] == "found"


def test_a_failed_erasure_fails_the_command(place: Workplace) -> None:
    place.api.on("GET", ONE, record(state="failed", problem="statement shop#No denies it"))
    code, _ = place.run("data", "erase", "orders", "--key", "id=1", "--reason", "r")
    assert code == 1
    assert "statement shop#No denies it" in place.notes


def test_a_deadline_says_where_to_look(place: Workplace) -> None:
    place.api.on("GET", ONE, record(state="running"))
    code, _ = place.run("data", "erase", "orders", "--key", "id=1", "--reason", "r", "--timeout", "0")
    assert code == 1
    assert "headgate logs maintain" in place.notes


def test_erasures_are_listed_and_shown(place: Workplace) -> None:
    place.api.on("GET", "/products/shop/erasures", {"erasures": [record()]}).on("GET", ONE, record())
    assert "user/alice" in place.run("data", "erasures")[1]
    assert place.json("data", "erasures", "e-1") == (0, record())
