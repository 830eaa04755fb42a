"""A product's folder edited and applied with the command: what a contract change frees, and what it may not
break. A refused drop is listed, shown, replayed and discarded with the command as well.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from headgate_local.platform_steps import Place

from tests.e2e.command_line import CommandLine
from tests.e2e.stack import Stack
from tests.e2e.waiting import eventually

PATTERN = r"logicalTypeOptions: \{pattern: '\[0-9A-Z\]\{2\}'\}"
GOOD = b"carrier,name\nUA,United\nAAL,American\n"


@dataclass(frozen=True)
class Team:
    """Somebody with the flights' folder in front of them."""

    headgate: CommandLine
    folder: Path

    def edit(self, file: str, pattern: str, put: str) -> None:
        path = self.folder / file
        text, changed = re.subn(pattern, put, path.read_text(encoding="utf-8"), count=1)
        assert changed, f"{file} has no {pattern}"
        path.write_text(text, encoding="utf-8")

    def refused(self) -> dict[str, str]:
        """Ids of what is open in quarantine, by file."""
        listed = self.headgate("data", "quarantine", "--dataset", "airlines", "--state", "open")
        return {each["key"].rpartition("/")[2]: each["id"] for each in listed["quarantine"]}


@pytest.fixture(scope="module")
def team(stack: Stack, place: Place, tmp_path_factory: pytest.TempPathFactory) -> Team:
    """The product as it ships, and two drops of airlines that its contract refuses."""
    folder = tmp_path_factory.mktemp("team")
    shutil.copytree(place.root / "infra/products/flights", folder / "flights")
    team = Team(CommandLine(stack, "alice", folder, "flights"), folder / "flights")
    team.headgate("product", "apply", str(team.folder))
    stack.drop("flights/airlines/icao.csv", GOOD)
    stack.drop("flights/airlines/broken.csv", b"carrier\nUA\n")
    eventually("two refusals", lambda: len(team.refused()) == 2)
    return team


def test_a_refusal_shows_the_rule_and_the_rows(team: Team) -> None:
    shown = team.headgate("data", "quarantine", "show", team.refused()["icao.csv"])

    assert shown["rule"] == "pattern:carrier"
    assert shown["sample"] == [{"carrier": "AAL", "name": "American"}]


def test_a_wider_contract_is_applied_and_the_drop_replayed(team: Team) -> None:
    # Given a contract that takes ICAO's codes too
    team.edit("contracts/airlines.odcs.yaml", PATTERN, "logicalTypeOptions: {}")
    changes = team.headgate("product", "diff", str(team.folder))["datasets"]
    assert [(c["dataset"], [e["breaking"] for e in c["changes"]]) for c in changes] == [("airlines", [False])]
    # When it is applied, and the refused drop is sent through once more
    team.headgate("product", "apply", str(team.folder))
    found = team.headgate("data", "quarantine", "replay", team.refused()["icao.csv"], "--wait")
    # Then it is a version
    assert (found["state"], found["closed_because"]) == ("replayed", "v1")
    assert team.headgate("data", "show", "flights/airlines")["rows"] == 2


def test_a_drop_that_nothing_helps_is_discarded(team: Team) -> None:
    broken = team.refused()["broken.csv"]

    team.headgate("data", "quarantine", "discard", broken, "--reason", "cut off")

    assert team.refused() == {}


def test_a_breaking_change_has_to_be_declared(team: Team) -> None:
    # Given a contract that refuses what it took before, under the same version
    team.edit(
        "contracts/airlines.odcs.yaml", r"logicalTypeOptions: \{\}", "logicalTypeOptions: {maxLength: 2}"
    )
    assert _breaking(team.headgate.refused("product", "diff", str(team.folder))) == [True]
    assert "breaking" in team.headgate.refused("product", "apply", str(team.folder))["error"]
    # When its version says so
    team.edit("contracts/airlines.odcs.yaml", r"(?m)^version: 1\.0\.0", "version: 2.0.0")
    team.edit("flights.odps.yaml", r"name: airlines, version: 1\.0\.0", "name: airlines, version: 2.0.0")
    # Then it is told, and applied
    assert _breaking(team.headgate("product", "diff", str(team.folder))) == [True]
    team.headgate("product", "apply", str(team.folder))


def _breaking(diff: dict[str, Any]) -> list[bool]:
    return [change["breaking"] for each in diff["datasets"] for change in each["changes"]]


def test_a_check_that_cannot_run_is_a_problem_at_its_line(team: Team) -> None:
    team.edit(
        "contracts/airlines.odcs.yaml",
        r"(?m)^      - name: has_rows$",
        "      - name: typo\n        type: sql\n"
        "        query: SELECT count(*) FROM {table} WHERE carier IS NULL\n"
        "        mustBe: 0\n      - name: has_rows",
    )

    refused = team.headgate.refused("product", "apply", str(team.folder))

    assert re.search(r"airlines\.odcs\.yaml:\d+: .*rule typo cannot run.*carier", refused["error"])
