"""Write, audit, publish on the deployed platform: versions wait, somebody looks, main moves or does not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e import archive
from tests.e2e.command_line import CommandLine
from tests.e2e.stack import Stack
from tests.e2e.waiting import eventually

PRICES = f"{archive.PRODUCT}/prices"


@pytest.fixture(scope="module")
def alice(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    stack.api("alice").apply_product(archive.PRODUCT, archive.bundle())
    return CommandLine(stack, "alice", tmp_path_factory.mktemp("alice"))


def waiting(alice: CommandLine, rows: int) -> list[dict[str, Any]]:
    """The versions that wait, once they add up to so many rows."""

    def look() -> list[dict[str, Any]] | None:
        found = alice.stack.api("alice").get(f"/products/{archive.PRODUCT}/pending")["pending"]
        versions: list[dict[str, Any]] = [v for each in found for v in each["versions"]]
        return versions if versions and versions[0]["rows"] == rows else None

    return eventually(f"{rows} rows that wait", look)


def test_a_version_waits_with_its_checks_and_main_does_not_show_it(alice: CommandLine) -> None:
    alice.stack.drop(f"{PRICES}/1.csv", archive.rows(nuts=10))

    (version,) = waiting(alice, 1)

    assert (version["branch"], version["ordinal"]) == ("pending", 1)
    assert all(check["passed"] for check in version["checks"])
    assert alice.refused("data", "show", PRICES, "main")["status"] == 404
    assert alice("data", "pending", "--product", archive.PRODUCT)["pending"][0]["total"] == 1


def test_what_waits_is_published(alice: CommandLine) -> None:
    done = alice("data", "publish", PRICES, "--version", "v1", "--message", "looked at")

    assert done["changed"] is True
    shown = alice("data", "show", PRICES, "main")
    assert (shown["rows"], shown["author"], shown["message"]) == (1, "user/alice", "looked at")
    assert alice("data", "pending", "--product", archive.PRODUCT)["pending"][0]["versions"] == []


def test_what_waits_is_rejected_and_its_bytes_do_not_come_back(alice: CommandLine) -> None:
    # Given another version that waits
    alice.stack.drop(f"{PRICES}/2.csv", archive.rows(bolts=99))
    version = waiting(alice, 2)[0]
    # When somebody rejects it
    alice("data", "reject", PRICES, "--version", f"v{version['ordinal']}", "--reason", "far too dear")
    # Then main has what it had, and a better drop waits and is published without the rejected one
    assert alice("data", "show", PRICES, "main")["rows"] == 1
    alice.stack.drop(f"{PRICES}/3.csv", archive.rows(screws=3))
    waiting(alice, 2)
    alice("data", "publish", PRICES)
    files = alice("data", "show", PRICES, "main")["file_list"]
    assert sorted(f["source"]["key"].rpartition("/")[2] for f in files) == ["1.csv", "3.csv"]


def test_what_waits_is_merged_into_a_branch_first(alice: CommandLine) -> None:
    # Given a branch to try things on, and a drop that waits
    alice("data", "branch", PRICES, "trial", "--from", "main")
    alice.stack.drop(f"{PRICES}/4.csv", archive.rows(nails=4))
    waiting(alice, 3)
    # When it is merged into the branch
    done = alice("data", "merge", PRICES, "pending", "--into", "trial", "--message", "try it")
    # Then the branch has it and main has not, until it is merged there too
    assert (done["changed"], done["version"]["operation"]) == (True, "merge")
    assert alice("data", "show", PRICES, "trial")["rows"] == 3
    assert alice("data", "show", PRICES, "main")["rows"] == 2
    assert alice("data", "merge", PRICES, "trial")["changed"] is True
    assert alice("data", "show", PRICES, "main")["rows"] == 3


def test_what_came_to_main_already_is_published_by_nothing(alice: CommandLine) -> None:
    assert alice("data", "publish", PRICES)["changed"] is False


def test_who_may_not_publish_does_not(stack: Stack, alice: CommandLine) -> None:
    carol = CommandLine(stack, "carol", alice.folder)

    assert carol.refused("data", "publish", PRICES)["status"] == 403
    assert carol.refused("data", "reject", PRICES, "--reason", "mine")["status"] == 403
