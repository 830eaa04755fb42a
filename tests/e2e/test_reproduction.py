"""A champion is made again on the platform, by people and jobs with no other rights than theirs: the same
bytes, or the one thing that changed.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from headgate.cli.failures import ApiRefused
from headgate.cli.runs_client import RunsClient
from headgate.domain import events

from tests.e2e import shops
from tests.e2e.command_line import CommandLine
from tests.e2e.event_tap import EventTap
from tests.e2e.stack import Stack
from tests.e2e.story import Story

pytestmark = pytest.mark.emulator


@pytest.fixture
def alice(stack: Stack, tmp_path: Path) -> CommandLine:
    return CommandLine(stack, "alice", tmp_path, shops.PRODUCT)


def test_a_champion_comes_out_the_same_from_what_was_recorded(
    trained: Story, stack: Stack, tap: EventTap, alice: CommandLine
) -> None:
    version = trained.model["version"]

    code, record = reproduced(alice, version)

    assert (code, record["verdict"]["state"]) == (0, "identical"), record
    assert record["verdict"]["reasons"] == []
    run = RunsClient(stack.api("alice"), shops.PRODUCT).show(record["run"])
    assert (run["state"], run["trigger"], run["model_version"]) == ("SUCCEEDED", "reproduction", None)
    assert run["digest"] != trained.run["digest"]
    assert [m["version"] for m in stack.api("alice").models(shops.PRODUCT)["models"]] == [version]
    told = tap.wait(events.MODEL_REPRODUCED, shops.PRODUCT, seconds=15, version=version)[0]
    assert (told.id, told.detail["state"]) == (record["id"], "identical")
    kinds = {line["kind"] for line in stack.api("alice").costs(shops.PRODUCT)["costs"]}
    assert "reproduction" in kinds
    assert stack.given_up() == {}


def test_one_seed_that_is_declared_anew_is_named_alone(
    trained: Story, stack: Stack, alice: CommandLine
) -> None:
    changed = shops.bundle()
    changed["training"] = {**changed["training"], "seed": 99}
    try:
        stack.api("alice").apply_product(shops.PRODUCT, changed)
        _, record = reproduced(alice, trained.model["version"], "--with", "declared")
    finally:
        stack.api("alice").apply_product(shops.PRODUCT, shops.bundle())

    assert [(r["kind"], r["what"]) for r in record["verdict"]["reasons"]] == [("seed", "training")]


def test_one_value_of_a_data_file_is_named_alone(trained: Story, stack: Stack, alice: CommandLine) -> None:
    with other_bytes(stack) as key:
        code, record = reproduced(alice, trained.model["version"])

    assert (code, record["verdict"]["state"]) == (3, "differs"), record
    (reason,) = record["verdict"]["reasons"]
    assert (reason["kind"], reason["what"].split()[1]) == ("data", key)


def test_who_may_not_asks_in_vain(trained: Story, stack: Stack) -> None:
    with pytest.raises(ApiRefused) as refused:
        stack.api("bob").reproduce(shops.PRODUCT, str(trained.model["version"]), "recorded")

    assert (refused.value.code, refused.value.statement) == (403, None)


def reproduced(alice: CommandLine, version: int, *options: str) -> tuple[int, dict[str, Any]]:
    """What the command answers: exit code and record."""
    done = alice.run("reproduce", f"model/{shops.MODEL}/{version}", *options, "--json")
    assert done.returncode in (0, 3, 4), f"{done.stdout}{done.stderr}"
    record: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, record


@contextmanager
def other_bytes(stack: Stack) -> Iterator[str]:
    """The key of a data file in the lake that has other bytes meanwhile."""
    s3, bucket = stack.administrator("s3"), stack.outputs["LakeBucketName"]
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"{shops.PRODUCT}/datasets/sensor/data/")
    key = str(listed["Contents"][0]["Key"])
    table = pq.read_table(io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
    warmth = [value + 1 for value in table["warmth"].to_pylist()]
    place = table.schema.get_field_index("warmth")
    sink = io.BytesIO()
    changed = table.set_column(place, "warmth", pa.array(warmth, table.schema.field("warmth").type))
    pq.write_table(changed, sink)
    written = s3.put_object(Bucket=bucket, Key=key, Body=sink.getvalue())
    try:
        yield key
    finally:
        s3.delete_object(Bucket=bucket, Key=key, VersionId=written["VersionId"])
