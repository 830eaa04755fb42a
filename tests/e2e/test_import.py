"""Parquet of somebody's own bucket under versioning where it lies, on the deployed platform."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e import archive
from tests.e2e.command_line import CommandLine
from tests.e2e.stack import Stack
from tests.e2e.waiting import eventually

SHELF = f"{archive.PRODUCT}/shelf"
URI = f"s3://{archive.SHELF_BUCKET}/2024/"


@pytest.fixture(scope="module")
def alice(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """Two good objects and a broken one, written by whoever the bucket belongs to."""
    stack.api("alice").apply_product(archive.PRODUCT, archive.bundle())
    s3 = stack.administrator("s3")
    s3.create_bucket(Bucket=archive.SHELF_BUCKET)
    s3.put_bucket_versioning(Bucket=archive.SHELF_BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for key, body in (
        ("2024/a.parquet", archive.parquet(nuts=1)),
        ("2024/b.parquet", archive.parquet(bolts=2)),
        ("2024/wrong.parquet", archive.parquet(screws=-3)),
        ("2023/older.parquet", archive.parquet(nails=4)),
    ):
        s3.put_object(Bucket=archive.SHELF_BUCKET, Key=key, Body=body)
    return CommandLine(stack, "alice", tmp_path_factory.mktemp("alice"))


def rows(alice: CommandLine, count: int) -> dict[str, Any]:
    """Main, once it has so many rows."""

    def look() -> dict[str, Any] | None:
        found = alice.stack.api("alice").dataset_versions(archive.PRODUCT, "shelf")["versions"]
        return next((v for v in found if v["rows"] == count), None)

    eventually(f"{count} rows of {SHELF}", look)
    return alice("data", "show", SHELF, "main")


def test_a_prefix_comes_in_without_a_copy(alice: CommandLine) -> None:
    alice("data", "import", SHELF, URI)

    shown = rows(alice, 2)

    sources = {f["source"]["key"]: f["source"] for f in shown["file_list"]}
    assert sorted(sources) == ["2024/a.parquet", "2024/b.parquet"]
    assert all(s["bucket"] == archive.SHELF_BUCKET and s["version_id"] for s in sources.values())
    assert shown["operation"] == "import"
    held = alice.stack.administrator("s3").list_objects_v2(
        Bucket=alice.stack.outputs["LakeBucketName"], Prefix=f"{SHELF.replace('/', '/datasets/')}/data/"
    )
    assert held["KeyCount"] == 0


def test_what_breaks_the_contract_is_refused_where_it_lies(alice: CommandLine) -> None:
    def look() -> dict[str, Any] | None:
        listed = alice.stack.api("alice").quarantine(archive.PRODUCT, dataset="shelf")["quarantine"]
        return listed[0] if listed else None

    refused = eventually("a refusal", look)

    assert (refused["key"], refused["rule"]) == ("2024/wrong.parquet", "minimum:amount")


def test_an_import_that_is_asked_for_again_takes_in_what_is_new(alice: CommandLine) -> None:
    alice.stack.administrator("s3").put_object(
        Bucket=archive.SHELF_BUCKET, Key="2024/c.parquet", Body=archive.parquet(nails=5)
    )

    alice("data", "import", SHELF, URI)

    shown = rows(alice, 3)
    assert sorted(f["source"]["key"] for f in shown["file_list"]) == [
        "2024/a.parquet",
        "2024/b.parquet",
        "2024/c.parquet",
    ]


def test_a_bucket_that_the_platform_may_not_read_is_said(alice: CommandLine) -> None:
    stack = alice.stack
    alice("data", "import", SHELF, "s3://headgate-e2e-elsewhere/2024/")

    def look() -> list[dict[str, Any]] | None:
        listed = stack.api("alice").quarantine(archive.PRODUCT, dataset="shelf")["quarantine"]
        return [each for each in listed if "elsewhere" in each.get("reason", "")]

    assert eventually("the import's refusal", look)
    stack.drained("Ingest")
    assert stack.given_up() == {}
