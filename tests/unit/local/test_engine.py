"""The walk of a job through the engine: states, events, dependencies, arrays, retries, endings."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from headgate_local.batch import views
from headgate_local.batch.engine import lost_host
from headgate_local.batch.errors import ClientError
from headgate_local.batch.memory import TERMINATED
from headgate_local.batch.model import Job, Status
from headgate_local.batch.ports import ProcessSpec

from tests.unit.local.conftest import DEFINITION, Bench, MakeBench


def codes(*found: int | None) -> Any:
    """An outcome that plays these exit codes in turn."""
    remaining = iter(found)
    return lambda _spec: next(remaining)


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def register(bench: Bench, name: str, **container: Any) -> None:
    with bench.engine.changing():
        bench.engine.definitions.register(
            {
                **DEFINITION,
                "jobDefinitionName": name,
                "containerProperties": {**DEFINITION["containerProperties"], **container},
            }
        )


def test_job_walks_to_success_and_each_step_is_an_event(bench: MakeBench) -> None:
    b = bench()

    job = b.submit(parameters={"month": "10"})
    b.run()

    assert b.walk(job) == ["SUBMITTED", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"]
    detail = views.detail(job)
    assert detail["container"]["command"] == ["train", "10"]
    assert detail["container"]["exitCode"] == 0
    assert detail["attempts"][0]["container"]["logStreamName"] == detail["container"]["logStreamName"]
    assert detail["createdAt"] < detail["startedAt"] < detail["stoppedAt"]
    assert detail["container"]["logStreamName"].startswith("train/default/")
    assert b.logs.lines == {f"/aws/batch/job:{detail['container']['logStreamName']}": ["train 10"]}


def test_job_sees_its_own_environment_and_nothing_of_the_engine(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HOST", "x")
    monkeypatch.setenv("PYTHONPATH", "/host")
    b = bench()

    job = b.submit(containerOverrides={"environment": [{"name": "LEVEL", "value": "debug"}]})
    b.run()

    environment = dict(b.runner.started[0].environment)
    assert environment.pop("PATH").split(":")[0] == "/env/bin"
    assert environment.pop("HOME") == environment.pop("TMPDIR")
    assert environment == {
        "LEVEL": "debug",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_BATCH_JOB_ID": job.job_id,
        "AWS_BATCH_JOB_ATTEMPT": "1",
        "AWS_BATCH_JQ_NAME": "cpu",
        "AWS_BATCH_CE_NAME": "ce",
    }


def test_failed_attempts_are_retried_and_kept(bench: MakeBench) -> None:
    b = bench(codes(75, 75, 0))

    job = b.submit(retryStrategy={"attempts": 3})
    b.run()

    assert job.status is Status.SUCCEEDED
    assert [attempt.exit_code for attempt in job.attempts] == [75, 75, 0]
    assert len({attempt.log_stream for attempt in job.attempts}) == 3
    assert b.walk(job).count("RUNNABLE") == 3
    assert [spec.environment["AWS_BATCH_JOB_ATTEMPT"] for spec in b.runner.started] == ["1", "2", "3"]


def test_exit_rule_ends_the_retries(bench: MakeBench) -> None:
    b = bench(codes(75, 64))
    rules = [{"onExitCode": "75", "action": "retry"}, {"onExitCode": "*", "action": "exit"}]

    job = b.submit(retryStrategy={"attempts": 10, "evaluateOnExit": rules})
    b.run()

    assert (job.status, len(job.attempts)) == (Status.FAILED, 2)
    assert views.detail(job)["statusReason"] == "Essential container in task exited"


def test_timeout_stops_the_process_and_is_not_retried(bench: MakeBench) -> None:
    b = bench(codes(None))

    job = b.submit(timeout={"attemptDurationSeconds": 60}, retryStrategy={"attempts": 5})
    b.run()

    assert job.status is Status.FAILED
    assert job.status_reason == "Job attempt duration exceeded timeout"
    assert [attempt.exit_code for attempt in job.attempts] == [TERMINATED]


def test_unknown_image_fails_like_a_pull(bench: MakeBench) -> None:
    b = bench()
    register(b, "other", image="nowhere:1")

    job = b.submit(jobDefinition="other")
    b.run()

    assert job.status is Status.FAILED
    assert job.status_reason == "Task failed to start"
    assert (job.attempts[0].reason or "").startswith("CannotPullContainerError")


def test_pull_error_can_be_retried_by_its_reason(bench: MakeBench) -> None:
    b = bench()
    register(b, "other", image="nowhere:1")
    rules = [
        {"onReason": "CannotPullContainerError*", "action": "RETRY"},
        {"onReason": "*", "action": "EXIT"},
    ]

    job = b.submit(jobDefinition="other", retryStrategy={"attempts": 2, "evaluateOnExit": rules})
    b.run()

    assert len(job.attempts) == 2


def test_command_that_does_not_exist_fails_the_start(bench: MakeBench) -> None:
    def refuse(spec: ProcessSpec) -> int:
        raise FileNotFoundError(f'exec: "{spec.command[0]}": executable file not found in $PATH')

    b = bench(refuse)

    job = b.submit()
    b.run()

    assert job.attempts[0].reason == (
        'CannotStartContainerError: exec: "train": executable file not found in $PATH'
    )


class NoSuchRole:
    """A credential source that knows no role."""

    def for_role(self, role_arn: str | None, _job_id: str, /) -> Mapping[str, str]:
        raise LookupError(f"unable to assume {role_arn}")


def test_role_that_cannot_be_assumed_fails_the_start(bench: MakeBench) -> None:
    b = bench(credentials=NoSuchRole())
    register(b, "roled", jobRoleArn="arn:aws:iam::111122223333:role/gone")

    job = b.submit(jobDefinition="roled")
    b.run()

    assert "unable to assume arn:aws:iam::111122223333:role/gone" in (job.attempts[0].reason or "")
    assert b.runner.started == []


def test_dependent_job_waits_and_then_runs(bench: MakeBench) -> None:
    b = bench()
    first = b.submit()

    second = b.submit(dependsOn=[{"jobId": first.job_id}])

    assert second.status is Status.PENDING
    b.run()
    assert b.walk(second) == ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"]
    assert (first.stopped_at or 0) < (second.started_at or 0)


def test_failure_fails_all_that_depend_on_it(bench: MakeBench) -> None:
    b = bench(codes(1))
    first = b.submit()
    second = b.submit(dependsOn=[{"jobId": first.job_id}])
    third = b.submit(dependsOn=[{"jobId": second.job_id}])

    b.run()

    assert [job.status for job in (first, second, third)] == [Status.FAILED] * 3
    assert third.status_reason == "Dependent Job failed"
    assert len(b.runner.started) == 1


def children(b: Bench, job: Job) -> list[Job]:
    return b.engine.jobs.children(job)


def test_array_job_runs_a_child_for_each_index(bench: MakeBench) -> None:
    b = bench()

    parent = b.submit(arrayProperties={"size": 3})

    assert [child.job_id for child in children(b, parent)] == [
        f"{parent.job_id}:{index}" for index in range(3)
    ]
    assert parent.status is Status.PENDING
    b.run()
    assert parent.status is Status.SUCCEEDED
    seen = [spec.environment["AWS_BATCH_JOB_ARRAY_INDEX"] for spec in b.runner.started]
    assert seen == ["0", "1", "2"]
    summary = views.detail(parent, children(b, parent))["arrayProperties"]["statusSummary"]
    assert summary["SUCCEEDED"] == 3
    assert sum(summary.values()) == 3


def test_array_job_fails_with_one_child_after_all_have_ended(bench: MakeBench) -> None:
    b = bench(codes(0, 1, 0))

    parent = b.submit(arrayProperties={"size": 3})
    b.run()

    assert [child.status.value for child in children(b, parent)] == ["SUCCEEDED", "FAILED", "SUCCEEDED"]
    assert (parent.status, parent.status_reason) == (Status.FAILED, "Array Child Job failed")
    assert b.walk(parent) == ["SUBMITTED", "PENDING", "FAILED"]


def test_sequential_array_runs_one_child_after_the_other(bench: MakeBench) -> None:
    b = bench()

    parent = b.submit(arrayProperties={"size": 3}, dependsOn=[{"type": "SEQUENTIAL"}])

    assert [child.status.value for child in children(b, parent)] == ["STARTING", "PENDING", "PENDING"]
    assert b.run() == 3


def test_n_to_n_pairs_the_children_of_two_arrays(bench: MakeBench) -> None:
    b = bench(codes(1, 0, 0))
    first = b.submit(arrayProperties={"size": 2})

    second = b.submit(arrayProperties={"size": 2}, dependsOn=[{"jobId": first.job_id, "type": "N_TO_N"}])
    b.run()

    assert [child.status.value for child in children(b, second)] == ["FAILED", "SUCCEEDED"]
    assert len(b.runner.started) == 3


def test_cancel_ends_what_has_not_started_and_nothing_else(bench: MakeBench) -> None:
    b = bench(vcpus=1)
    running, waiting = b.submit(), b.submit()

    for job in (running, waiting):
        b.engine.cancel(job.job_id, "changed my mind")

    assert running.status is Status.STARTING
    assert (waiting.status, waiting.status_reason, waiting.cancelled) == (
        Status.FAILED,
        "changed my mind",
        True,
    )
    b.run()
    assert running.status is Status.SUCCEEDED


def test_terminated_job_fails_with_the_reason_and_is_not_retried(bench: MakeBench) -> None:
    b = bench(codes(1, 0))
    job = b.submit(retryStrategy={"attempts": 5})

    b.engine.terminate(job.job_id, "too dear")
    b.run()

    assert (job.status, job.status_reason) == (Status.FAILED, "too dear")
    assert views.detail(job)["isTerminated"] is True
    assert len(job.attempts) == 1


def test_terminating_an_array_ends_its_children(bench: MakeBench) -> None:
    b = bench(vcpus=1)
    parent = b.submit(arrayProperties={"size": 3})

    b.engine.terminate(parent.job_id, "enough")
    b.run()

    assert {child.status_reason for child in children(b, parent)} == {"enough"}
    assert (parent.status, parent.status_reason) == (Status.FAILED, "enough")


def test_terminating_a_finished_job_changes_nothing(bench: MakeBench) -> None:
    b = bench()
    job = b.submit()
    b.run()

    b.engine.terminate(job.job_id, "late")

    assert (job.status, job.terminated) == (Status.SUCCEEDED, False)


def test_no_more_jobs_start_than_there_are_vcpus(bench: MakeBench) -> None:
    b = bench(vcpus=2)

    jobs = [b.submit() for _ in range(3)]

    assert [job.status.value for job in jobs] == ["STARTING", "STARTING", "RUNNABLE"]
    assert b.run() == 3


def test_job_larger_than_the_machine_gets_all_of_it(bench: MakeBench) -> None:
    b = bench(vcpus=2)
    wants = {"resourceRequirements": [{"type": "VCPU", "value": "4"}]}

    large, small = b.submit(containerOverrides=wants), b.submit()

    assert (large.status, small.status) == (Status.STARTING, Status.RUNNABLE)


def test_urgent_queue_goes_first(bench: MakeBench) -> None:
    b = bench(vcpus=1)
    b.submit()
    slow, urgent = b.submit(), b.submit(jobQueue="urgent")

    b.run(at_most=1)

    assert (urgent.status, slow.status) == (Status.STARTING, Status.RUNNABLE)


GPU = {"resourceRequirements": [{"type": "GPU", "value": "1"}]}


def test_gpu_job_waits_with_a_reason_where_there_is_none(bench: MakeBench) -> None:
    b = bench(gpus=0)

    job, other = b.submit(containerOverrides=GPU), b.submit()

    assert job.status is Status.RUNNABLE
    assert (job.status_reason or "").startswith("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY")
    assert other.status is Status.STARTING


def test_gpu_job_runs_where_slots_are_lent(bench: MakeBench) -> None:
    b = bench(gpus=1, vcpus=8)

    first, second = b.submit(containerOverrides=GPU), b.submit(containerOverrides=GPU)

    assert (first.status, second.status) == (Status.STARTING, Status.RUNNABLE)


def test_job_beyond_the_environment_waits_with_a_reason(bench: MakeBench) -> None:
    b = bench()

    job = b.submit(containerOverrides={"resourceRequirements": [{"type": "VCPU", "value": "16"}]})

    assert job.status is Status.RUNNABLE
    assert (job.status_reason or "").startswith("MISCONFIGURATION:")


def test_enabling_the_environment_starts_what_waits(bench: MakeBench) -> None:
    b = bench()
    with b.engine.changing():
        b.engine.queues.update_environment({"computeEnvironment": "ce", "state": "DISABLED"})
    job = b.submit()
    assert job.status is Status.RUNNABLE

    with b.engine.changing():
        b.engine.queues.update_environment({"computeEnvironment": "ce", "state": "ENABLED"})

    assert job.status is Status.STARTING


def test_disabled_queue_takes_no_jobs_but_finishes_its_own(bench: MakeBench) -> None:
    b = bench(vcpus=1)
    b.submit()
    waiting = b.submit()
    with b.engine.changing():
        b.engine.queues.update_queue({"jobQueue": "cpu", "state": "DISABLED"})

    with pytest.raises(ClientError, match="DISABLED"):
        b.submit()

    b.run()
    assert waiting.status is Status.SUCCEEDED


def test_a_sink_may_submit_while_events_are_published(bench: MakeBench) -> None:
    b = bench()
    record = b.events.job_changed
    submitted: list[Job] = []

    def chain(detail: Mapping[str, Any]) -> None:
        record(detail)
        if detail["status"] == "SUCCEEDED" and len(submitted) < 2:
            submitted.append(b.submit())

    b.events.job_changed = chain  # type: ignore[method-assign]
    first = b.submit()
    b.run()

    assert [job.status for job in (first, *submitted)] == [Status.SUCCEEDED] * 3


def test_reset_forgets_everything_and_goes_on(bench: MakeBench) -> None:
    b = bench()
    b.submit()
    b.run()

    b.engine.reset()

    assert list(b.engine.jobs) == []
    with pytest.raises(ClientError, match="does not exist"):
        b.submit()


def test_closed_engine_starts_nothing(bench: MakeBench) -> None:
    b = bench()
    b.engine.close(grace_seconds=0)

    job = b.submit()

    assert job.status is Status.SUBMITTED
    assert b.run() == 0


def test_a_reclaimed_job_is_retried_for_the_reason_aws_gives(bench: MakeBench) -> None:
    b = bench(codes(None, 0))
    rules = [{"onStatusReason": "Host EC2*", "action": "retry"}, {"onReason": "*", "action": "exit"}]
    job = b.submit(retryStrategy={"attempts": 3, "evaluateOnExit": rules})
    runs = threading.Thread(target=b.run)
    runs.start()
    eventually(lambda: job.status is Status.RUNNING)

    b.engine.reclaim(job.job_id)
    runs.join()

    assert job.status is Status.SUCCEEDED
    first, second = job.attempts
    assert re.fullmatch(r"Host EC2 \(instance i-[0-9a-f]{17}\) terminated\.", first.status_reason or "")
    assert (first.exit_code, second.exit_code) == (TERMINATED, 0)
    assert b.walk(job).count("RUNNING") == 2


def test_a_reclaimed_job_whose_strategy_ends_it_keeps_the_reason(bench: MakeBench) -> None:
    b = bench(codes(None))
    job = b.submit()
    runs = threading.Thread(target=b.run)
    runs.start()
    eventually(lambda: job.status is Status.RUNNING)

    b.engine.reclaim(job.job_id)
    runs.join()

    assert job.status is Status.FAILED
    assert views.detail(job)["statusReason"].startswith("Host EC2 (instance i-")


def test_fargate_says_it_in_its_own_words() -> None:
    assert lost_host("FARGATE", "1") == "Your Spot Task was interrupted."


def test_only_a_running_job_has_a_host_to_lose(bench: MakeBench) -> None:
    b = bench()
    job = b.submit()

    with pytest.raises(ClientError, match="STARTING: only a running job"):
        b.engine.reclaim(job.job_id)
    b.run()
    with pytest.raises(ClientError, match="SUCCEEDED: only a running job"):
        b.engine.reclaim(job.job_id)
    with pytest.raises(ClientError, match="does not exist"):
        b.engine.reclaim("nobody")


def test_children_of_an_array_tell_their_index_parent_parameters_and_log(bench: MakeBench) -> None:
    b = bench()

    parent = b.submit(arrayProperties={"size": 2}, parameters={"month": "10"})
    b.run()

    told = [detail for detail in b.events.details if detail["status"] == "SUCCEEDED"]
    assert [detail["jobId"] for detail in told] == ["id-1:0", "id-1:1", parent.job_id]
    assert [detail["arrayProperties"].get("index") for detail in told] == [0, 1, None]
    assert told[2]["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 2
    assert all(detail["parameters"] == {"month": "10"} for detail in told)
    running = [d for d in b.events.details if d["status"] == "RUNNING"]
    assert len({detail["container"]["logStreamName"] for detail in running}) == 2


NODES: dict[str, Any] = {
    "jobDefinitionName": "wide",
    "type": "multinode",
    "nodeProperties": {
        "numNodes": 2,
        "mainNode": 0,
        "nodeRangeProperties": [
            {"targetNodes": "0:", "container": DEFINITION["containerProperties"]},
        ],
    },
}


def test_a_definition_for_several_nodes_is_kept_and_its_jobs_are_refused(bench: MakeBench) -> None:
    b = bench()
    with b.engine.changing():
        b.engine.definitions.register(NODES)

    (described,) = b.engine.definitions.describe({"jobDefinitionName": "wide"})
    assert (described["type"], described["nodeProperties"]) == ("multinode", NODES["nodeProperties"])
    with pytest.raises(ClientError, match="one machine: its jobs run on AWS alone"):
        b.submit(jobDefinition="wide")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"numNodes": "two"}, "whole numbers"),
        ({"mainNode": 2}, "mainNode below numNodes"),
        ({"nodeRangeProperties": []}, "needs nodeRangeProperties"),
        ({"nodeRangeProperties": [{"container": {}}]}, "targetNodes is required"),
        ({"nodeRangeProperties": [{"targetNodes": "0:"}]}, "image is required"),
    ],
)
def test_a_definition_for_several_nodes_that_aws_refuses_is_refused(
    bench: MakeBench, changes: dict[str, Any], reason: str
) -> None:
    b = bench()

    with pytest.raises(ClientError, match=reason), b.engine.changing():
        b.engine.definitions.register({**NODES, "nodeProperties": {**NODES["nodeProperties"], **changes}})
