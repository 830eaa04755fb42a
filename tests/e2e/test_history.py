"""A dataset's history on the deployed platform, told with the command: names, branches, going back, garbage.

One story: three drops are three versions; each test goes on from the one before.
"""

from __future__ import annotations

import json

import pytest

from tests.e2e import archive
from tests.e2e.command_line import CommandLine
from tests.e2e.stack import Stack
from tests.e2e.waiting import eventually

STOCK = f"{archive.PRODUCT}/stock"


@pytest.fixture(scope="module")
def alice(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """The stock as three drops made it, v1 to v3."""
    stack.api("alice").apply_product(archive.PRODUCT, archive.bundle())
    typed = CommandLine(stack, "alice", tmp_path_factory.mktemp("alice"))
    for ordinal, amounts in enumerate(({"nuts": 1}, {"bolts": 2}, {"wrong": 3}), start=1):
        drop(stack, f"{ordinal}.csv", ordinal, **amounts)
    return typed


def drop(stack: Stack, name: str, ordinal: int, **amounts: int) -> None:
    """One more version, the newest of all branches by now."""
    stack.drop(f"{STOCK}/{name}", archive.rows(**amounts))
    listed = stack.api("alice").dataset_versions
    eventually(
        f"v{ordinal} of {STOCK}",
        lambda: (
            listed(archive.PRODUCT, "stock")["versions"][:1]
            and listed(archive.PRODUCT, "stock")["versions"][0]["ordinal"] == ordinal
        ),
    )


def sources(alice: CommandLine, version: str) -> list[str]:
    """What a version was made of, oldest first."""
    files = alice("data", "show", STOCK, version)["file_list"]
    return [file["source"]["key"].rpartition("/")[2] for file in reversed(files)]


def test_the_log_has_every_version_newest_first(alice: CommandLine) -> None:
    versions = alice("data", "log", STOCK)["versions"]

    assert [v["ordinal"] for v in versions] == [3, 2, 1]
    assert [v["rows"] for v in versions] == [3, 2, 1]
    assert versions[0]["names"] == ["main"]


def test_a_version_is_shown_with_its_files_schema_and_checks(alice: CommandLine) -> None:
    shown = alice("data", "show", STOCK, "v2")

    assert sources(alice, "v2") == ["1.csv", "2.csv"]
    assert {column["name"]: column["type"] for column in shown["schema"]} == {
        "item": "VARCHAR",
        "amount": "INTEGER",
    }
    checks = {check["name"]: check["passed"] for check in shown["checks"]}
    assert checks == {"minimum:amount": True, "not_null:item": True, "primary_key:item": True}


def test_a_tag_means_one_version_for_good(alice: CommandLine) -> None:
    alice("data", "tag", STOCK, "audited", "v1", "--message", "seen by the auditor")

    refused = alice.refused("data", "tag", STOCK, "audited", "v2")

    assert (refused["status"], refused["type"]) == (409, "Conflict")
    assert [(t["name"], t["ordinal"]) for t in alice("data", "tag", STOCK)["tags"]] == [("audited", 1)]
    assert sources(alice, "audited") == ["1.csv"]


def test_main_goes_back_by_a_new_version(alice: CommandLine) -> None:
    done = alice("data", "rollback", STOCK, "v2", "--reason", "the third drop was wrong")

    assert (done["version"]["ordinal"], done["target"]["ordinal"], done["changed"]) == (4, 2, True)
    assert sources(alice, "main") == ["1.csv", "2.csv"]
    assert alice("data", "rollback", STOCK, "v2")["changed"] is False


def test_main_shows_again_what_it_showed_at_a_time(alice: CommandLine) -> None:
    when = alice("data", "show", STOCK, "v3")["created_at"]

    done = alice("data", "restore", STOCK, "--at", when, "--reason", "it was right after all")

    assert (done["version"]["ordinal"], done["target"]["ordinal"]) == (5, 3)
    assert sources(alice, "main") == ["1.csv", "2.csv", "3.csv"]


def test_a_branch_is_begun_moved_and_merged(alice: CommandLine, stack: Stack) -> None:
    # Given a branch that stands behind main, and a drop that comes to main meanwhile
    alice("data", "branch", STOCK, "what-if", "--from", "v2")
    alice("data", "rollback", STOCK, "v1", "--branch", "what-if", "--reason", "without bolts")
    drop(stack, "4.csv", 7, screws=4)
    assert sources(alice, "what-if") == ["1.csv"]
    # When another branch from the newest version is merged
    alice("data", "branch", STOCK, "more", "--from", "main")
    held = alice("data", "merge", STOCK, "more")
    assert held["changed"] is False
    # Then both stand where they stood, and main's history tells of it
    branches = {b["name"]: b["head_ordinal"] for b in alice("data", "branch", STOCK)["branches"]}
    assert (branches["what-if"], branches["more"]) == (6, 7)
    log = alice("data", "log", STOCK, "--branch", "what-if")["versions"]
    assert [v["ordinal"] for v in log] == [6, 2, 1]


def test_a_merge_brings_nothing_back_that_main_gave_up(alice: CommandLine) -> None:
    alice("data", "branch", STOCK, "kept", "--from", "v1")
    alice("data", "rollback", STOCK, "v7", "--branch", "kept", "--reason", "all that ever came")
    alice("data", "rollback", STOCK, "v2", "--reason", "stock was counted again")

    refused = alice.refused("data", "merge", STOCK, "kept")

    assert (refused["status"], refused["type"]) == (409, "PreconditionFailed")
    assert "does not show v7 any more" in refused["error"]
    alice("data", "branch", STOCK, "more", "--delete")
    alice("data", "branch", STOCK, "kept", "--delete")


def test_garbage_is_what_no_head_tag_branch_or_hold_reaches(alice: CommandLine) -> None:
    # Given that main overtakes everything, v1 is tagged, and v3 is held
    alice("data", "hold", STOCK, "inquiry", "v3", "--reason", "a letter from the lawyer")
    alice("data", "rollback", STOCK, "v1", "--reason", "only nuts are left")
    alice("data", "branch", STOCK, "what-if", "--delete")
    retention = ("--grace-hours", "0", "--keep-days", "0", "--keep-last", "1")
    # When it is asked what would go
    found = alice("data", "gc", STOCK, "--dry-run", *retention)
    # Then the drop that nothing shows is garbage, and what is tagged, held or the head is not
    kept = {each["ordinal"]: each["reason"] for each in found["kept"]}
    assert {1, 3} <= set(kept)
    assert found["objects"] > 0
    assert alice("data", "show", STOCK, "v7")["rows"] == 4
    # When it is collected
    done = alice("data", "gc", STOCK, *retention)
    # Then it is gone, and what was kept can be read
    assert (done["state"], done["deleted"]) == ("done", done["objects"])
    gone = alice.refused("data", "show", STOCK, "v7")
    assert (gone["status"], gone["type"]) == (410, "Collected")
    assert sources(alice, "v3") == ["1.csv", "2.csv", "3.csv"]
    assert [c["dry_run"] for c in alice("data", "collections", STOCK)["collections"]] == [False, True]


def test_a_hold_is_released_and_its_version_goes(alice: CommandLine) -> None:
    alice("data", "hold", STOCK, "inquiry", "--release")
    assert alice("data", "hold", STOCK)["holds"] == []

    alice("data", "gc", STOCK, "--grace-hours", "0", "--keep-days", "0", "--keep-last", "1")

    assert alice.refused("data", "show", STOCK, "v3")["type"] == "Collected"
    assert sources(alice, "main") == ["1.csv"]


def test_the_table_for_other_engines_is_made_anew(alice: CommandLine, stack: Stack) -> None:
    before = _table(stack)
    asked = alice("data", "rebuild-iceberg", STOCK)

    eventually(
        "the next generation", lambda: _table(stack).get("headgate.generation") == str(asked["generation"])
    )

    assert _table(stack)["metadata_location"] != before["metadata_location"]


def _table(stack: Stack) -> dict[str, str]:
    """The Glue table's parameters, and the properties in its Iceberg metadata; none while it is made anew."""
    name = {"DatabaseName": stack.outputs["TableDatabaseName"], "Name": f"{archive.PRODUCT}__stock"}
    glue = stack.administrator("glue")
    try:
        parameters = glue.get_table(**name)["Table"]["Parameters"]
    except glue.exceptions.EntityNotFoundException:
        return {}
    bucket, _, key = parameters["metadata_location"].removeprefix("s3://").partition("/")
    body = stack.administrator("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return {**parameters, **json.loads(body)["properties"]}


def test_who_may_not_change_history_does_not(stack: Stack, alice: CommandLine) -> None:
    carol = CommandLine(stack, "carol", alice.folder)

    for line in (
        ("data", "log", STOCK),
        ("data", "tag", STOCK, "mine", "v1"),
        ("data", "branch", STOCK, "mine"),
        ("data", "rollback", STOCK, "v1"),
        ("data", "merge", STOCK, "v1"),
        ("data", "hold", STOCK, "mine", "v1", "--reason", "mine"),
        ("data", "gc", STOCK),
    ):
        assert carol.refused(*line)["status"] == 403, line
    assert alice.refused("data", "gc", f"{archive.PRODUCT}/prices")["statement"].endswith(
        "#NobodyCollectsPrices"
    )


def test_nothing_was_given_up_on_the_way(alice: CommandLine, stack: Stack) -> None:
    stack.drained()
    assert stack.given_up() == {}
