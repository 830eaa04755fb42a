"""`headgate data` on history: what is asked of the API, and what people are told."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.fake_platform import Workplace

ONE = "/products/shop/datasets/orders"
VERSION: dict[str, Any] = {
    "product": "shop",
    "dataset": "orders",
    "ordinal": 7,
    "digest": "ab" * 32,
    "parent": "cd" * 32,
    "second_parent": None,
    "operation": "append",
    "rows": 1200,
    "files": 30,
    "bytes": 4096,
    "added_rows": 200,
    "created_at": "2030-01-02T03:04:05.000Z",
    "sources": [{"bucket": "landing", "key": "shop/orders/jan.csv", "version_id": "v1"}],
    "branch": "main",
    "author": "user/alice",
    "message": "",
    "collected_at": "",
    "names": ["main", "tag q1"],
}
SHOWN = {
    **VERSION,
    "parents": ["cd" * 32],
    "schema": [
        {
            "name": "order_id",
            "type": "VARCHAR",
            "required": True,
            "classification": "public",
            "former_names": [],
        }
    ],
    "contract_version": "1.0.0",
    "checks": [{"name": "not_null", "severity": "error", "passed": True, "rows": 0}],
    "note": {"to": 3},
    "file_list": [{"sha256": "ef" * 32, "rows": 40, "bytes": 99, "source": {"key": "shop/orders/jan.csv"}}],
}


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path).set_up()


def test_the_log_shows_names_and_the_way_to_older_versions(place: Workplace) -> None:
    place.api.on("GET", f"{ONE}/versions", {"versions": [VERSION], "before": 7})

    code, text = place.run("data", "log", "orders", "--branch", "work", "-n", "1")

    assert code == 0
    assert "main, tag q1" in text
    assert "older ones: --before 7" in text
    assert place.api.asked[-1].query == "branch=work&limit=1"


def test_a_dataset_of_another_product_is_named_in_front(place: Workplace) -> None:
    place.api.on("GET", "/products/farm/datasets/eggs/versions", {"versions": [], "before": None})

    code, text = place.run("data", "log", "farm/eggs")

    assert (code, "no version of farm/eggs yet" in text) == (0, True)


@pytest.mark.parametrize(
    ("named", "path", "query"),
    [
        ((), "versions/main", "files=20"),
        (("v7",), "versions/v7", "files=20"),
        (("main@2030-01-01T08:00",), "versions/main", "at=2030-01-01T08%3A00&files=20"),
        (("@2030-01-01",), "versions/main", "at=2030-01-01&files=20"),
    ],
)
def test_a_version_is_shown_by_any_name(
    place: Workplace, named: tuple[str, ...], path: str, query: str
) -> None:
    place.api.on("GET", f"{ONE}/{path}", SHOWN)

    code, text = place.run("data", "show", "orders", *named)

    assert code == 0
    assert place.api.asked[-1].query == query
    for told in ("1,200", "order_id", "not_null", "efefefefefef", "and 29 more file(s)"):
        assert told in text


def test_a_collected_version_is_told_as_the_platform_says_it(place: Workplace) -> None:
    error = {"error": "shop/orders v1 was collected as garbage", "type": "Collected"}
    place.api.on("GET", f"{ONE}/versions/v1", error, 410)

    assert place.run("data", "show", "orders", "v1")[0] == 1
    assert "was collected as garbage" in place.notes


@pytest.mark.parametrize(
    ("line", "path", "body"),
    [
        (
            ("rollback", "orders", "v3", "-m", "wrong prices"),
            "rollback",
            {"to": "v3", "branch": "main", "reason": "wrong prices"},
        ),
        (
            ("restore", "orders", "--at", "2030-01-01T08:00"),
            "rollback",
            {"to": "main@2030-01-01T08:00", "branch": "main", "reason": ""},
        ),
        (
            ("restore", "orders", "--at", "2030-01-01", "-b", "work"),
            "rollback",
            {"to": "work@2030-01-01", "branch": "work", "reason": ""},
        ),
    ],
)
def test_a_rollback_says_what_is_shown_again(
    place: Workplace, line: tuple[str, ...], path: str, body: Any
) -> None:
    target = {**VERSION, "ordinal": 3}
    place.api.on("POST", f"{ONE}/{path}", {"version": VERSION, "target": target, "changed": True})

    code, text = place.run("data", *line)

    assert code == 0
    assert place.api.asked[-1].body == body
    assert "shows v3 of 2030-01-02 03:04 again: 1,200 rows in 30 file(s)" in text


def test_a_rollback_that_changes_nothing_says_so(place: Workplace) -> None:
    target = {**VERSION, "ordinal": 3}
    place.api.on("POST", f"{ONE}/rollback", {"version": VERSION, "target": target, "changed": False})

    assert "main of orders shows v3 already, as v7" in place.run("data", "rollback", "orders", "v3")[1]


NAMES = {
    "branches": [{"name": "main", "head_ordinal": 7, "base_ordinal": 0, "author": "", "created_at": ""}],
    "tags": [{"name": "q1", "ordinal": 3, "digest": "ab" * 32, "author": "user/alice", "message": "first"}],
    "holds": [],
}


@pytest.mark.parametrize(
    ("what", "told"), [("tag", "q1"), ("branch", "main"), ("hold", "nothing of orders is held")]
)
def test_without_a_name_the_names_are_listed(place: Workplace, what: str, told: str) -> None:
    place.api.on("GET", f"{ONE}/names", NAMES)

    code, text = place.run("data", what, "orders")

    assert (code, told in text) == (0, True)


@pytest.mark.parametrize(
    ("line", "method", "path", "body", "told"),
    [
        (
            ("tag", "orders", "q2", "v7", "-m", "second"),
            "POST",
            "tags",
            {"name": "q2", "version": "v7", "message": "second"},
            "q2 means v7 of orders",
        ),
        (
            ("branch", "orders", "work", "--from", "q1"),
            "POST",
            "branches",
            {"name": "work", "version": "q1"},
            "work of orders begins at v7",
        ),
        (("branch", "orders", "work", "-d"), "DELETE", "branches/work", None, "work of orders is gone"),
        (
            ("hold", "orders", "case-7", "v7", "--reason", "audit"),
            "POST",
            "holds",
            {"name": "case-7", "version": "v7", "reason": "audit"},
            "case-7 keeps v7 of orders",
        ),
        (
            ("hold", "orders", "case-7", "--release"),
            "DELETE",
            "holds/case-7",
            None,
            "case-7 keeps no longer v7 of orders",
        ),
    ],
)
def test_names_are_given_and_taken(
    place: Workplace, line: tuple[str, ...], method: str, path: str, body: Any, told: str
) -> None:
    place.api.on(method, f"{ONE}/{path}", {"name": "x", "ordinal": 7, "head_ordinal": 7})

    code, text = place.run("data", *line)

    assert code == 0
    assert place.api.asked[-1].body == body
    assert told in text


@pytest.mark.parametrize(
    ("line", "told"),
    [(("branch", "orders", "-d"), "which branch"), (("hold", "orders", "x"), "a hold needs a reason")],
)
def test_what_is_missing_is_asked_for_before_anything_is_sent(
    place: Workplace, line: tuple[str, ...], told: str
) -> None:
    assert place.run("data", *line)[0] == 1
    assert told in place.notes
    assert place.api.asked == []


def test_a_merge_says_where_it_went(place: Workplace) -> None:
    place.api.on("POST", f"{ONE}/merge", {"version": VERSION, "changed": True})

    code, text = place.run("data", "merge", "orders", "work", "--into", "main")

    assert code == 0
    assert place.api.asked[-1].body == {"source": "work", "into": "main", "message": ""}
    assert "v7 of orders, on main, holds work: 1,200 rows" in text


def test_a_conflict_is_told_as_the_platform_says_it(place: Workplace) -> None:
    error = {"error": "main v4 does not show v2 any more", "type": "PreconditionFailed"}
    place.api.on("POST", f"{ONE}/merge", error, 409)

    assert place.run("data", "merge", "orders", "work")[0] == 1
    assert "does not show v2 any more" in place.notes


def test_what_waits_is_listed_with_its_checks(place: Workplace) -> None:
    failed = {"name": "prices_add_up", "severity": "warning", "passed": False, "rows": 3}
    version = {**VERSION, "checks": [*SHOWN["checks"], failed]}
    waits = {"dataset": "orders", "published": 6, "total": 3, "rows": 200, "versions": [version]}
    place.api.on("GET", "/products/shop/pending", {"pending": [waits]})

    code, text = place.run("data", "pending")

    assert code == 0
    for told in ("orders", "failed: prices_add_up", "jan.csv", "and 2 older of orders"):
        assert told in text


def test_nothing_waiting_is_said(place: Workplace) -> None:
    place.api.on("GET", "/products/shop/pending", {"pending": []})

    assert "nothing waits" in place.run("data", "pending")[1]


def test_publishing_and_rejecting_name_what_was_looked_at(place: Workplace) -> None:
    place.api.on("POST", f"{ONE}/publish", {"version": VERSION, "changed": True})
    place.api.on("POST", f"{ONE}/reject", {"version": VERSION, "changed": True})

    published = place.run("data", "publish", "orders", "--version", "v6", "-m", "right")
    asked = place.api.asked[-1].body
    rejected = place.run("data", "reject", "orders", "--reason", "tills off")

    assert (published[0], asked) == (0, {"version": "v6", "message": "right"})
    assert "v7 of orders is published: 1,200 rows" in published[1]
    assert place.api.asked[-1].body == {"version": None, "reason": "tills off"}
    assert "what waited for orders is dropped" in rejected[1]


def test_a_rejection_needs_a_reason(place: Workplace) -> None:
    assert place.run("data", "reject", "orders")[0] == 2
    assert place.api.asked == []


def test_a_refusal_names_the_statement(place: Workplace) -> None:
    error = {"error": "not allowed", "type": "AccessDenied", "statement": "shop#OnlyApprovers"}
    place.api.on("POST", f"{ONE}/publish", error, 403)

    code, document = place.json("data", "publish", "orders")

    assert (code, document["statement"]) == (1, "shop#OnlyApprovers")


COLLECTION: dict[str, Any] = {
    "id": "c-1",
    "dataset": "orders",
    "requested_at": "2030-01-01T00:00:00.000Z",
    "requested_by": "user/alice",
    "dry_run": False,
    "state": "done",
    "problem": "",
    "versions": 12,
    "given_up": 2,
    "scanned": 40,
    "objects": 3,
    "bytes": 4_200_000,
    "deleted": 3,
    "report": "shop/collections/orders/c-1.json",
    "listed": [
        {
            "key": "shop/datasets/orders/data/abc.parquet",
            "bytes": 4_000_000,
            "last_modified": "2029-01-01T00:00:00.000Z",
            "reason": "no kept version reaches it",
        }
    ],
    "kept": [{"ordinal": 12, "reason": "head of main"}],
}


def test_gc_waits_and_tells_what_went_and_what_stayed_and_why(place: Workplace) -> None:
    place.api.on("POST", f"{ONE}/collections", {**COLLECTION, "state": "asked", "objects": 0}, 202)
    place.api.on("GET", f"{ONE}/collections/c-1", COLLECTION)

    code, text = place.run("data", "gc", "orders", "--keep-last", "5", "--grace-hours", "2")

    assert code == 0
    assert place.api.asked[0].body == {"dry_run": False, "keep_last": 5, "grace_seconds": 7200}
    for told in (
        "2 version(s) of 12 given up, 3 object(s) of 40, 4.2 MB",
        "data/abc.parquet",
        "no kept version reaches it",
        "and 2 more, in the lake at shop/collections/orders/c-1.json",
        "head of main",
    ):
        assert told in text
    assert "waiting for the collector" in place.notes


def test_a_dry_run_says_what_would_go(place: Workplace) -> None:
    place.api.on("POST", f"{ONE}/collections", {**COLLECTION, "dry_run": True}, 202)

    code, text = place.run("data", "gc", "orders", "--dry-run")

    assert (code, place.api.asked[-1].body) == (0, {"dry_run": True})
    assert "2 version(s) of 12 would go" in text


def test_gc_that_failed_says_why(place: Workplace) -> None:
    failed = {**COLLECTION, "state": "failed", "problem": "a manifest cannot be read", "listed": []}
    place.api.on("POST", f"{ONE}/collections", failed, 202)

    assert place.run("data", "gc", "orders")[0] == 1
    assert "a manifest cannot be read" in place.notes


def test_gc_that_lasts_too_long_says_where_to_look(place: Workplace) -> None:
    place.api.on("POST", f"{ONE}/collections", {**COLLECTION, "state": "running"}, 202)

    assert place.run("data", "gc", "orders", "--timeout", "0")[0] == 1
    assert "headgate data collections orders c-1" in place.notes


def test_collections_are_listed_and_shown(place: Workplace) -> None:
    place.api.on("GET", f"{ONE}/collections", {"collections": [COLLECTION]})
    place.api.on("GET", f"{ONE}/collections/c-1", COLLECTION)

    assert "user/alice" in place.run("data", "collections", "orders")[1]
    assert "head of main" in place.run("data", "collections", "orders", "c-1")[1]
