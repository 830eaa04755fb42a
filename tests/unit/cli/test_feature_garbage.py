"""`headgate features gc` and `collections`: what people are told, and exit codes."""

from pathlib import Path

import pytest

from tests.unit.cli.fake_platform import Workplace
from tests.unit.cli.test_history_commands import COLLECTION

ONE = "/products/shop/features/spend"
FOUND = {**{k: v for k, v in COLLECTION.items() if k != "dataset"}, "feature_set": "spend"}


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path).set_up(product="shop")


def test_gc_waits_and_tells_what_went_and_what_stayed_and_why(place: Workplace) -> None:
    place.api.on("POST", f"{ONE}/collections", {**FOUND, "state": "asked", "objects": 0}, 202)
    place.api.on("GET", f"{ONE}/collections/c-1", FOUND)

    code, text = place.run("features", "gc", "spend", "--keep-last", "5", "--keep-days", "7")

    assert code == 0
    assert place.api.asked[0].body == {"dry_run": False, "keep_last": 5, "keep_days": 7}
    assert "2 version(s) of 12 given up, 3 object(s) of 40, 4.2 MB" in text


def test_a_collection_that_failed_says_why(place: Workplace) -> None:
    failed = {**FOUND, "state": "failed", "problem": "a manifest is not what its digest names"}
    place.api.on("POST", f"{ONE}/collections", failed, 202)

    code, _ = place.run("features", "gc", "spend", "--dry-run")

    assert code == 1
    assert "collection c-1 failed: a manifest is not what its digest names" in place.notes


def test_what_does_not_end_in_time_names_the_command_that_shows_it(place: Workplace) -> None:
    place.api.on("POST", f"{ONE}/collections", {**FOUND, "state": "running"}, 202)

    code, _ = place.run("features", "gc", "spend", "--timeout", "0")

    assert code == 1
    assert "`headgate features collections spend c-1` shows it" in " ".join(place.notes.split())


def test_collections_are_listed_and_one_is_shown(place: Workplace) -> None:
    place.api.on("GET", f"{ONE}/collections", {"collections": [FOUND]})
    place.api.on("GET", f"{ONE}/collections/c-1", FOUND)

    assert "c-1" in place.run("features", "collections", "spend")[1]
    assert "head of main" in place.run("features", "collections", "spend", "c-1")[1]
