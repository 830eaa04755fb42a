"""A drop that is too large for the function: a Batch job takes it in, and nobody can tell but by the log."""

from __future__ import annotations

import json
from typing import Any

import pytest
from headgate.cli.logs import told
from headgate.domain import events

from tests.e2e.conftest import LARGEST_DROP_BYTES
from tests.e2e.event_tap import EventTap
from tests.e2e.stack import Stack
from tests.e2e.waiting import eventually
from tests.support.data_product import data_product

PRODUCT = "bulk"
ROWS = 200_000
SECONDS = 120.0


def bundle() -> dict[str, Any]:
    columns = [
        {"name": "id", "type": "INTEGER", "required": True},
        {"name": "text", "type": "VARCHAR", "required": True},
    ]
    return data_product(PRODUCT, {"rows": {"columns": columns}})


def body(first: object = 0) -> bytes:
    lines = ["id,text", f"{first},a row that is as long as it needs to be"]
    lines += [f"{n},a row that is as long as it needs to be" for n in range(1, ROWS)]
    return ("\n".join(lines) + "\n").encode()


@pytest.fixture(scope="module")
def bulk(stack: Stack) -> Stack:
    stack.api("alice").apply_product(PRODUCT, bundle())
    return stack


def test_a_large_drop_becomes_a_version_by_a_job(bulk: Stack, tap: EventTap) -> None:
    good = body()
    assert len(good) > LARGEST_DROP_BYTES

    drop = bulk.drop(f"{PRODUCT}/rows/large é+.csv", good)

    (version,) = eventually(
        "the large drop in a version",
        lambda: bulk.api("alice").dataset_versions(PRODUCT, "rows")["versions"] or None,
        SECONDS,
    )
    assert (version["rows"], version["sources"][0]["sha256"]) == (ROWS, drop.sha256)
    assert version["sources"][0]["version_id"] == drop.version_id
    heard = tap.wait(events.DATASET_VERSION_COMMITTED, PRODUCT, seconds=20, dataset="rows")
    assert {event.detail["ordinal"] for event in heard} == {version["ordinal"]}

    def said() -> bool:
        return any(told(line).startswith("drop handed over") for line in bulk.log("ingest"))

    assert eventually("the hand-over in the log", said)


def test_a_large_drop_that_breaks_its_contract_is_refused_by_the_job(bulk: Stack) -> None:
    drop = bulk.drop(f"{PRODUCT}/rows/large bad.csv", body("none"))

    def refused() -> list[dict[str, Any]]:
        listed = bulk.api("alice").quarantine(PRODUCT)["quarantine"]
        return [found for found in listed if found["key"] == drop.key]

    (found,) = eventually("the refusal", refused, SECONDS)
    assert (found["rule"], found["rows"], found["bytes"]) == ("wrong_type", 1, drop.bytes)


def test_a_large_drop_told_of_twice_makes_one_version(bulk: Stack) -> None:
    versions = bulk.api("alice").dataset_versions(PRODUCT, "rows")["versions"]
    bulk.drop(f"{PRODUCT}/rows/large again.csv", body())

    def jobs() -> list[str]:
        queue = bulk.outputs["CpuJobQueueArn"]
        found = bulk.administrator("batch").list_jobs(jobQueue=queue, jobStatus="SUCCEEDED")["jobSummaryList"]
        return [job["jobName"] for job in found if job["jobName"].startswith("ingest-")]

    eventually("three jobs done", lambda: len(jobs()) == 3, SECONDS)
    assert bulk.api("alice").dataset_versions(PRODUCT, "rows")["versions"] == versions
    bulk.drained("Ingest", "Register")
    assert bulk.given_up() == {}


def test_a_job_that_fails_leaves_a_refusal(bulk: Stack) -> None:
    # Given an ingest job of a drop, whose container ends with an error
    drop = {
        "bucket": bulk.outputs["LandingBucketName"],
        "key": f"{PRODUCT}/rows/lost é.csv",
        "version_id": "v-1",
        "size": 5_000_000,
        "message_id": "m",
        "quarantine_id": "",
        "requested_by": "",
    }
    bulk.administrator("batch").submit_job(
        jobName="ingest-lost",
        jobQueue=bulk.outputs["CpuJobQueueArn"],
        jobDefinition=bulk.outputs["IngestJobDefinitionArn"],
        parameters={"drop": json.dumps(drop, ensure_ascii=False)},
        containerOverrides={"command": ["python", "-c", "raise SystemExit(70)"]},
    )

    def refused() -> list[dict[str, Any]]:
        listed = bulk.api("alice").quarantine(PRODUCT, rule="job_failed")["quarantine"]
        return [found for found in listed if found["key"] == drop["key"]]

    # Then the drop is in quarantine, and training heard nothing of it
    (found,) = eventually("the refusal", refused, SECONDS)
    assert "exit code 70" in found["reason"]
    bulk.drained("Ingest", "Register")
    assert bulk.given_up() == {}
    assert not [line for line in bulk.log("register") if line.failed]
