"""The fault drill's examination says what is wrong: a drill that cannot fail proves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from headgate.domain.dataset import Drop

from tests.bench import csv_file
from tests.bench.drill_verdict import Examination, Expected, Verdict
from tests.support.memory_platform import MemoryPlatform

ROWS = 5


@pytest.fixture
def platform(tmp_path: Path) -> MemoryPlatform:
    platform = MemoryPlatform(tmp_path)
    platform.apply_product(csv_file.bundle())
    return platform


def landed(platform: MemoryPlatform, *numbers: int, first: int | None = None) -> list[Drop]:
    """Drops of rows of their own, or, with ``first``, of rows that begin there."""
    drops = []
    for number in numbers:
        file = platform.root / "drops" / f"{number}.csv"
        csv_file.write_csv(file, number * ROWS if first is None else first, ROWS)
        drops.append(platform.drop(f"{csv_file.PRODUCT}/{csv_file.DATASET}/{number}.csv", file.read_bytes()))
    return drops


def verdict_on(platform: MemoryPlatform, drops: list[Drop]) -> Verdict:
    expected = Expected(csv_file.PRODUCT, csv_file.DATASET, drops, ROWS, "sale_id")
    scratch = platform.root / "examined"
    scratch.mkdir(exist_ok=True)
    return Examination(platform.catalog, platform.catalog, platform.lake, scratch).of(expected)


def test_drops_that_were_taken_in_once_are_as_they_should_be(platform: MemoryPlatform) -> None:
    # Given drops in two versions, one of them delivered twice
    drops = landed(platform, 1, 2, 3)
    platform.ingest_now(*drops[:2])
    platform.ingest_now(*drops[1:])
    # Then there is nothing to say
    found = verdict_on(platform, drops)
    assert (found.versions, found.files, found.rows, found.problems) == (2, 3, 3 * ROWS, ())


def test_a_drop_that_is_in_no_version_is_missed(platform: MemoryPlatform) -> None:
    drops = landed(platform, 1, 2)
    platform.ingest_now(drops[0])
    problems = verdict_on(platform, drops).problems
    assert any("2.csv is missing in the history" in p for p in problems)
    assert any("2.csv is missing in the head" in p for p in problems)


def test_no_version_at_all_is_said(platform: MemoryPlatform) -> None:
    assert verdict_on(platform, landed(platform, 1)).problems == ("there is no version",)


def test_rows_that_are_there_twice_are_counted(platform: MemoryPlatform) -> None:
    # Given two drops that overlap, which only their rows tell
    drops = landed(platform, 1, 2, first=0)[:1] + landed(platform, 3, first=2)
    platform.ingest_now(*drops)
    # Then the distinct ids are too few
    (problem,) = verdict_on(platform, drops).problems
    assert problem == "10 rows were dropped; (rows, distinct ids) in the head are (10, 7)"


def test_a_data_file_with_other_bytes_is_found(platform: MemoryPlatform) -> None:
    # Given a version whose file was replaced by another version's
    drops = landed(platform, 1, 2)
    platform.ingest_now(*drops)
    one, other = platform.lake.keys(f"{csv_file.PRODUCT}/datasets/{csv_file.DATASET}/data/")
    platform.lake.put(one, platform.lake.get(other))
    problems = verdict_on(platform, drops).problems
    assert f"{one} is not what its digest names" in problems


def test_a_refused_drop_is_said(platform: MemoryPlatform) -> None:
    drops = landed(platform, 1)
    bad = platform.drop(f"{csv_file.PRODUCT}/{csv_file.DATASET}/bad.csv", b"no,such,header\n1,2,3\n")
    platform.ingest_now(*drops, bad)
    assert any("bad.csv is quarantined" in p for p in verdict_on(platform, drops).problems)
