"""Killing the ingest worker at random moments: the short form of `make drill`, on an emulator of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.fault_drill import Drill, run

SHORT = Drill(drops=60, kills=8, gap_seconds=0.9, deadline_seconds=90, seed=20)


def test_drops_survive_workers_that_are_killed_at_random(root: Path) -> None:
    # Given workers that take in what is dropped, and queue and buckets as in production
    for environment in (".envs/emulator", ".envs/function"):
        if not (root / environment / "bin" / "python").exists():
            pytest.skip(f"{environment} does not exist; `make setup` makes it")
    # When they are killed again and again while drops come in
    report = run(SHORT)
    # Then every drop is in the head exactly once, and no version, row, message or event is missing or doubled
    assert report.problems == [], f"seed {SHORT.seed}; interrupted: {report.interrupted}"
    assert report.kills == SHORT.kills
    assert report.rows == SHORT.drops * 40
