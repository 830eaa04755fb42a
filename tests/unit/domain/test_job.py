"""A Batch job state change, as a job."""

from typing import Any

import pytest
from headgate.domain.errors import InvalidRequest
from headgate.domain.job import Job, job_of

SPEC = "s3://models/shops/runs/abc/spec.json"
DETAIL: dict[str, Any] = {
    "jobId": "j-1",
    "jobName": "shops-buys",
    "status": "FAILED",
    "statusReason": "Essential container in task exited",
    "parameters": {"run_spec": SPEC},
    "startedAt": 1_000,
    "stoppedAt": 61_000,
    "container": {"exitCode": 70, "logStreamName": "trainer/1"},
    "attempts": [
        {"startedAt": 1_000, "stoppedAt": 11_000, "container": {}},
        {"startedAt": 41_000, "stoppedAt": 61_000, "container": {}},
    ],
}


def test_a_change_names_its_job_and_its_run_spec() -> None:
    job, spec = job_of(DETAIL)
    assert spec == SPEC
    assert (job.id, job.state, job.exit_code, job.log_stream) == ("j-1", "FAILED", 70, "trainer/1")
    assert job.failure == "exit code 70: the trainer refused its model: Essential container in task exited"


def test_every_attempt_that_ran_is_counted() -> None:
    assert job_of(DETAIL)[0].seconds == 30.0
    assert job_of({**DETAIL, "attempts": []})[0].seconds == 60.0
    assert job_of({**DETAIL, "attempts": [{"container": {}}]})[0].seconds == 60.0
    assert job_of({**DETAIL, "attempts": [], "startedAt": None})[0].seconds == 0.0


def test_the_containers_own_reason_says_more() -> None:
    told = {**DETAIL, "container": {"exitCode": 137, "reason": "OutOfMemoryError: Container killed"}}
    assert job_of(told)[0].failure == "exit code 137: OutOfMemoryError: Container killed"


@pytest.mark.parametrize(("state", "ended"), [("SUCCEEDED", True), ("FAILED", True), ("RUNNING", False)])
def test_a_job_has_ended_or_not(state: str, ended: bool) -> None:
    assert Job("j", "n", state, None, None, None, None, None).ended is ended


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"parameters": {}}, "no training run"),
        ({"parameters": None}, "no training run"),
        ({"jobId": None}, "names no job"),
        ({"status": None}, "names no job"),
    ],
)
def test_what_is_no_training_run_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        job_of({**DETAIL, **changes})
