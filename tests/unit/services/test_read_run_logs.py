"""The log of a run, page by page, over retries, for those who may read runs."""

from dataclasses import replace
from pathlib import Path

import pytest
from headgate.adapters.aws.job_logs import CloudWatchJobLogs
from headgate.domain.errors import AccessDenied, PermissionMissing
from headgate.domain.run import RunState
from headgate.services.training.read_run_logs import ReadRunLogs

from tests.unit.adapters.scripted import ScriptedClients, refusal
from tests.unit.control_plane.world import ALICE, BOB, EXPERIMENT, MALLORY, RUN, TRIAL, World, lived_world


@pytest.fixture
def lived(tmp_path: Path) -> World:
    return lived_world(tmp_path)


def reading(world: World) -> ReadRunLogs:
    return world.plane.run_logs


def test_a_log_is_read_to_its_end(lived: World) -> None:
    first = reading(lived).read(ALICE, "flights", RUN)
    last = reading(lived).read(BOB, "flights", RUN, first["after"])

    assert [line["at"] for line in first["lines"]] == [1_893_456_000_000, 1_893_456_009_000]
    assert (first["ended"], last["lines"], last["ended"]) == (False, [], True)


def test_what_is_printed_meanwhile_comes_next(lived: World) -> None:
    first = reading(lived).read(ALICE, "flights", RUN)
    lived.logs.write("trainer/default/1", 1_893_456_010_000, "one more")

    assert [
        line["message"] for line in reading(lived).read(ALICE, "flights", RUN, first["after"])["lines"]
    ] == ["one more"]


def test_a_retry_is_read_from_its_start(lived: World) -> None:
    first = reading(lived).read(ALICE, "flights", RUN)
    job = lived.catalog.run("flights", RUN).job_id or ""
    lived.compute.settle(job, "RUNNING", log_stream="trainer/default/2")
    lived.logs.write("trainer/default/2", 1_893_456_020_000, "again")

    found = reading(lived).read(ALICE, "flights", RUN, first["after"])

    assert ([line["message"] for line in found["lines"]], found["ended"]) == (["again"], False)


def test_a_job_that_has_not_started_has_no_lines(lived: World) -> None:
    job = lived.catalog.run("flights", RUN).job_id or ""
    lived.compute.settle(job, "RUNNABLE")

    found = reading(lived).read(ALICE, "flights", RUN)

    assert (found["job"], found["lines"], found["ended"]) == ("RUNNABLE", [], False)


@pytest.mark.parametrize(
    ("job", "state", "ended"),
    [("job-forgotten", "REGISTERED", True), (None, "REFUSED", True), (None, "SUBMITTED", False)],
)
def test_without_a_job_there_are_no_lines(
    lived: World, job: str | None, state: RunState, ended: bool
) -> None:
    lived.catalog.update_run(replace(lived.catalog.run("flights", RUN), job_id=job, state=state))

    found = reading(lived).read(ALICE, "flights", RUN)

    assert (found["job"], found["lines"], found["ended"]) == (None, [], ended)


def test_a_trial_is_followed_while_its_array_is_at_work(lived: World) -> None:
    array = lived.catalog.experiment("flights", EXPERIMENT).job_id or ""
    lived.compute.settle(array, "RUNNING", log_stream="trainer/default/9")
    lived.logs.write("trainer/default/9", 1_893_456_000_000, "a trial's first line")

    found = reading(lived).read(ALICE, "flights", TRIAL)

    assert lived.catalog.run("flights", TRIAL).job_id is None
    assert ([line["message"] for line in found["lines"]], found["job"], found["ended"]) == (
        ["a trial's first line"],
        "RUNNING",
        False,
    )


def test_a_stranger_reads_nothing(lived: World) -> None:
    with pytest.raises(AccessDenied):
        reading(lived).read(MALLORY, "flights", RUN)


def test_aws_is_asked_for_what_comes_next() -> None:
    page = {"events": [{"timestamp": 7, "message": "a"}], "nextForwardToken": "f/1"}
    clients = ScriptedClients([page])

    found = CloudWatchJobLogs(clients).read("s", "f/0")

    assert (list(found.lines), found.after) == ([(7, "a")], "f/1")
    asked = {"logGroupName": "/aws/batch/job", "logStreamName": "s", "startFromHead": True, "limit": 1000}
    assert clients.calls == [("get_log_events", {**asked, "nextToken": "f/0"})]


def test_a_stream_that_is_not_there_yet_has_no_lines() -> None:
    found = CloudWatchJobLogs(ScriptedClients([refusal("ResourceNotFoundException")])).read("s")
    assert (tuple(found.lines), found.after) == ((), None)


def test_a_log_that_may_not_be_read_says_so() -> None:
    with pytest.raises(PermissionMissing, match="reading the log s"):
        CloudWatchJobLogs(ScriptedClients([refusal("AccessDeniedException")])).read("s")
