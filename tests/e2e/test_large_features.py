"""A feature build that is too large for the function: Batch makes it, stage by stage, by arrays."""

from __future__ import annotations

import random
from typing import Any

import pytest
from headgate.cli.logs import told

from tests.e2e.conftest import LARGEST_BUILD_BYTES
from tests.e2e.stack import Stack
from tests.e2e.waiting import eventually
from tests.support.data_product import data_product

PRODUCT = "meters"
ROWS, MONTHS = 30_000, (1, 2, 3)
SECONDS = 240.0
USAGE = """
WITH spread AS (
    SELECT meter, watts, (CAST(epoch(read_at) AS BIGINT) // 3600 + 1 + unnest(range(0, 2))) * 3600 AS slot
    FROM readings
)
SELECT meter, make_timestamp(slot * 1000000) AS hour_at, count(*) AS readings, max(watts) AS peak
FROM spread GROUP BY meter, slot
"""


def bundle() -> dict[str, Any]:
    columns = [
        {"name": "id", "type": "VARCHAR", "required": True},
        {"name": "meter", "type": "VARCHAR", "required": True},
        {"name": "read_at", "type": "TIMESTAMP", "required": True},
        {"name": "watts", "type": "INTEGER", "required": True},
    ]
    readings = {"columns": columns, "event_time": "read_at"}
    document = data_product(PRODUCT, {"readings": readings}, services=("ingest", "build_features"))
    window = {"input": "readings", "earliest": 0, "latest": 3 * 3600}
    document["views"] = {
        "reading": {
            "name": "reading",
            "kind": "spine",
            "inputs": ["readings"],
            "entity": ["id"],
            "event_time": "read_at",
            "sql": "SELECT id, read_at, meter, watts FROM readings",
            "windows": [{**window, "latest": 0}],
            "build": "incremental",
        },
        "usage": {
            "name": "usage",
            "kind": "feature",
            "inputs": ["readings"],
            "entity": ["meter"],
            "event_time": "hour_at",
            "sql": USAGE,
            "windows": [window],
            "build": "incremental",
            "max_age_seconds": 7200,
            "online": True,
        },
    }
    document["feature_sets"] = {
        "reading": {"name": "reading", "spine": "reading", "views": ["usage"], "label": "watts"}
    }
    return document


def month(number: int) -> bytes:
    """Readings whose values do not pack well."""
    chance = random.Random(number)
    lines = ["id,meter,read_at,watts"]
    for n in range(ROWS):
        clock = f"{chance.randrange(24):02d}:{chance.randrange(60):02d}:00"
        at = f"2024-{number:02d}-{1 + n * 28 // ROWS:02d} {clock}"
        lines.append(f"{chance.getrandbits(64):016x},m{chance.randrange(200)},{at},{chance.randrange(10**6)}")
    return ("\n".join(lines) + "\n").encode()


@pytest.fixture(scope="module")
def meters(stack: Stack) -> Stack:
    stack.api("alice").apply_product(PRODUCT, bundle())
    for number in MONTHS:
        stack.drop(f"{PRODUCT}/readings/{number}.csv", month(number))
    return stack


def test_batch_makes_the_stages_and_the_function_the_version(meters: Stack) -> None:
    def complete() -> dict[str, Any] | None:
        found = meters.api("alice").features(PRODUCT)["features"]
        return next((v for v in found if v["rows"] == ROWS * len(MONTHS)), None)

    version = eventually("a version of every reading", complete, SECONDS)

    assert version["partitions"] == len(MONTHS)
    assert version["parity"]["usage"]["different"] == 0
    assert version["parity"]["usage"]["equal"] > 0
    jobs = finished(meters)
    assert any(size and size > 1 for size in jobs.values()), jobs
    assert any(told(line).startswith("features considered") for line in meters.log("build_features"))

    def paid() -> list[dict[str, Any]]:
        lines = meters.api("alice").costs(PRODUCT)["costs"]
        found = [line for line in lines if line["kind"] == "features" and line["usd"] > 0]
        return found if len(found) >= sum(size or 1 for size in jobs.values()) else []

    assert eventually("a cost line for every worker", paid)
    meters.drained("Feature")
    assert meters.given_up() == {}


def finished(stack: Stack) -> dict[str, int | None]:
    """Jobs of feature builds that ended well, with the size of those that are arrays."""
    batch, queue = stack.administrator("batch"), stack.outputs["CpuJobQueueArn"]
    found = batch.list_jobs(jobQueue=queue, jobStatus="SUCCEEDED")["jobSummaryList"]
    return {
        job["jobId"]: job.get("arrayProperties", {}).get("size")
        for job in found
        if job["jobName"].startswith(f"features-{PRODUCT}-")
    }


def test_the_drops_were_too_large_for_the_function() -> None:
    assert len(month(1)) > LARGEST_BUILD_BYTES
