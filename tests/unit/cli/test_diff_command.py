"""`headgate data diff`: what is asked of the API, what people are told, and the exit code."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.fake_platform import Workplace

DIFFS = "/products/shop/datasets/orders/diffs"
NAME = "d" * 64
SIDE = {
    "digest": "a" * 64,
    "branch": "main",
    "rows": 1200,
    "files": 3,
    "created_at": "2030-01-02T03:04:05.000Z",
}
NOTHING: dict[str, Any] = {
    "added": 0,
    "removed": 0,
    "changed": 0,
    "columns": {},
    "duplicate_keys": 0,
    "duplicate_before": 0,
    "duplicate_after": 0,
    "samples": {"added": [], "removed": [], "changed": [], "duplicates": []},
}
ROWS = {
    "added": 1000,
    "removed": 1,
    "changed": 17,
    "columns": {"price": 17, "shop": 4},
    "duplicate_keys": 1,
    "duplicate_before": 1,
    "duplicate_after": 2,
    "samples": {
        "added": [
            {"values": {"shop": "north", "order_id": "o-9", "price": "10.50", "note": None}, "copies": 1}
        ],
        "removed": [{"values": {"shop": "", "order_id": "o-1", "price": "1.00", "note": "x"}, "copies": 1}],
        "changed": [
            {
                "key": {"order_id": "o-2"},
                "before": {"price": "1.00", "shop": "north"},
                "after": {"price": "2.00", "shop": None},
            }
        ],
        "duplicates": [{"key": {"order_id": "o-3"}, "before_rows": 1, "after_rows": 2}],
    },
}
ASKED: dict[str, Any] = {
    "id": NAME,
    "product": "shop",
    "dataset": "orders",
    "from": {**SIDE, "ordinal": 6, "digest": "b" * 64},
    "to": {**SIDE, "ordinal": 7},
    "key": ["order_id"],
    "limit": 20,
    "note": "",
    "state": "asked",
    "problem": "",
    "different": None,
    "schema": [
        {"column": "fax", "kind": "removed", "before": "VARCHAR", "after": None},
        {"column": "price", "kind": "type_widened", "before": "INTEGER", "after": "DECIMAL(9,2)"},
    ],
    "statistics": [
        {
            "column": "price",
            "before": {"nulls": 0, "minimum": "1", "maximum": "9"},
            "after": {"nulls": 2, "minimum": "1", "maximum": "20"},
        }
    ],
    "files": {
        "shared": 2,
        "shared_rows": 900,
        "removed": 1,
        "removed_rows": 300,
        "added": 1,
        "added_rows": 300,
    },
    "rows": None,
    "unchanged": None,
}
DONE = {**ASKED, "state": "done", "different": True, "rows": ROWS, "unchanged": 183}


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    made = Workplace(tmp_path).set_up()
    made.api.on("POST", DIFFS, ASKED, 202)
    made.api.on("GET", f"{DIFFS}/{NAME}", DONE)
    return made


def test_rows_that_came_went_and_changed_are_told(place: Workplace) -> None:
    code, text = place.run("data", "diff", "orders", "v6")

    assert code == 0
    assert place.api.asked[0].body == {"from": "v6", "to": "main", "key": None, "limit": 20}
    lines = [" ".join(line.split()) for line in text.splitlines()]
    for line in (
        "from v6 main 1,200 3 2030-01-02 03:04:05",
        "2 files shared (900 rows), 1 file gone (300 rows), 1 file new (300 rows)",
        "fax removed VARCHAR -",
        "price type widened INTEGER DECIMAL(9,2)",
        "price 0 → 2 1 9 → 20",
        "rows by order_id",
        "+1,000 added -1 removed ~17 changed 183 unchanged 1 key not unique (1 → 2 rows)",
        "changed columns: price 17, shop 4",
        "added, 1 of 1,000",
        "+ o-9 north 10.50 NULL",
        "- o-1 '' 1.00 x",
        "~ o-2 price 1.00 2.00",
        "shop north NULL",
        "! o-3 1 2",
    ):
        assert line in lines
    assert "waiting for a worker" in place.notes


def test_versions_key_and_limit_are_asked_for(place: Workplace) -> None:
    place.run("data", "diff", "orders", "main@2030-01-01", "work", "--key", "shop, order_id", "-n", "5")
    expected = {"from": "main@2030-01-01", "to": "work", "key": ["shop", "order_id"], "limit": 5}
    assert place.api.asked[0].body == expected


def test_what_is_done_at_once_is_not_asked_for_again(place: Workplace) -> None:
    same = {"from": SIDE | {"ordinal": 7}, "to": SIDE | {"ordinal": 7}, "schema": [], "statistics": []}
    document = {**DONE, **same, "rows": NOTHING, "unchanged": 1200, "different": False}
    place.api.on("POST", DIFFS, document, 202)

    code, text = place.run("data", "diff", "orders", "v7")

    assert code == 0
    assert text.startswith("no difference: both are v7 of orders")
    assert len(place.api.asked) == 1


def test_versions_of_equal_rows_are_told_to_be_no_different(place: Workplace) -> None:
    document = {
        **DONE,
        "schema": [],
        "statistics": [],
        "rows": NOTHING,
        "unchanged": 1200,
        "different": False,
    }
    place.api.on("GET", f"{DIFFS}/{NAME}", document)

    text = place.run("data", "diff", "orders", "v6")[1]

    assert "1 file gone (300 rows)" in text
    assert text.splitlines()[-1] == "no difference: 1,200 rows, the same in both"


@pytest.mark.parametrize(("different", "code"), [(True, 1), (False, 0)])
def test_the_exit_code_tells_of_a_difference_when_asked_to(
    place: Workplace, different: bool, code: int
) -> None:
    place.api.on("GET", f"{DIFFS}/{NAME}", {**DONE, "different": different})
    assert place.run("data", "diff", "orders", "v6", "--exit-code")[0] == code
    assert place.run("data", "diff", "orders", "v6")[0] == 0


def test_the_exit_code_needs_the_rows(place: Workplace) -> None:
    code, document = place.json("data", "diff", "orders", "v6", "--exit-code", "--no-wait")
    assert (code, "--no-wait" in document["error"]) == (1, True)


def test_json_is_the_whole_report(place: Workplace) -> None:
    assert place.json("data", "diff", "orders", "v6") == (0, DONE)
    assert place.json("data", "diff", "orders", "v6", "--no-wait") == (0, ASKED)


def test_without_waiting_what_manifests_tell_is_told(place: Workplace) -> None:
    text = place.run("data", "diff", "orders", "v6", "--no-wait")[1]
    assert "type widened" in text
    assert "the rows: asked; the same command shows them later" in text


def test_a_failure_is_told_beside_what_is_known(place: Workplace) -> None:
    bare = {
        "schema": None,
        "statistics": None,
        "files": None,
        "state": "failed",
        "problem": "it takes too long",
    }
    place.api.on("GET", f"{DIFFS}/{NAME}", {**ASKED, **bare})

    code, text = place.run("data", "diff", "orders", "v6")

    assert (code, "type widened" in text) == (1, True)
    assert "the rows could not be compared: it takes too long" in place.notes


def test_who_waits_in_vain_is_told_where_to_look(place: Workplace) -> None:
    place.api.on("GET", f"{DIFFS}/{NAME}", {**ASKED, "state": "running"})
    assert place.run("data", "diff", "orders", "v6", "--timeout", "0.01")[0] == 1
    assert "headgate logs maintain" in place.notes


def test_whole_rows_say_how_often_they_came(place: Workplace) -> None:
    samples = {**NOTHING["samples"], "added": [{"values": {"shop": "north"}, "copies": 3}]}
    rows = {**NOTHING, "added": 3, "samples": samples}
    note = "orders has no primary key: whole rows are compared"
    place.api.on("GET", f"{DIFFS}/{NAME}", {**DONE, "key": [], "note": note, "rows": rows})

    text = place.run("data", "diff", "orders", "v6")[1]

    assert note in text
    assert "+  north  ×3" in text


def test_columns_that_do_not_fit_are_counted(place: Workplace) -> None:
    wide = {f"column_{n:02}": "x" * 30 for n in range(12)} | {"order_id": "o-1"}
    samples = {**NOTHING["samples"], "added": [{"values": wide, "copies": 1}]}
    place.api.on("GET", f"{DIFFS}/{NAME}", {**DONE, "rows": {**NOTHING, "added": 1, "samples": samples}})

    lines = place.run("data", "diff", "orders", "v6")[1].splitlines()

    heading, row = lines[-2:]
    assert heading.split()[0] == "order_id"
    assert heading.rstrip().endswith("7 more")
    assert row.rstrip().endswith("…")
    assert max(map(len, lines)) <= 200
