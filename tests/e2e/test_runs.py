"""Runs through the deployed platform: what a run printed, for those who may read it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e import shops
from tests.e2e.command_line import CommandLine
from tests.e2e.stack import Stack
from tests.e2e.story import Story

pytestmark = pytest.mark.emulator


def test_a_run_tells_what_it_did(trained: Story, stack: Stack, tmp_path: Path) -> None:
    told = CommandLine(stack, "alice", tmp_path, shops.PRODUCT)(
        "runs", "logs", trained.run["digest"][:12], "--follow"
    )

    events = [json.loads(line["message"])["event"] for line in told["lines"]]
    assert (told["state"], told["ended"]) == ("REGISTERED", True)
    assert (events[0], events[-1]) == ("run_started", "run_finished")
    assert events.count("training") > 1


def test_who_may_not_read_runs_reads_no_log(trained: Story, stack: Stack, tmp_path: Path) -> None:
    bob = CommandLine(stack, "bob", tmp_path, shops.PRODUCT)

    refused = bob.refused("runs", "logs", trained.run["digest"][:12])

    assert "headgate:ReadRun" in refused["error"]
