"""The API: what it refuses, how it pages and filters, what it tags."""

from __future__ import annotations

from typing import Any

import pytest
from headgate_local.batch.api import BatchApi
from headgate_local.batch.errors import ClientError

from tests.unit.local.conftest import DEFINITION, Bench, MakeBench

CONTAINER = DEFINITION["containerProperties"]


def call(bench: Bench, operation: str, **request: Any) -> dict[str, Any]:
    return BatchApi(bench.engine).call("POST", f"/v1/{operation}", request, {})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"jobQueue": "gone"}, "JobQueue gone does not exist"),
        ({"jobQueue": "arn:aws:batch:us-east-1:111122223333:job-queue/cpu"}, "does not exist"),
        ({"jobQueue": None}, "jobQueue is required"),
        ({"jobDefinition": "gone"}, "JobDefinition gone does not exist"),
        ({"jobDefinition": "train:7"}, "JobDefinition train:7 does not exist"),
        ({"jobDefinition": "train:x"}, "not a number"),
        ({"jobName": "with blank"}, "must be 1 to 128"),
        ({"jobName": ""}, "jobName is required"),
        ({"retryStrategy": {"attempts": 11}}, "between 1 and 10"),
        (
            {"retryStrategy": {"evaluateOnExit": [{"onExitCode": "1", "action": "EXIT"}]}},
            "attempts is required",
        ),
        ({"retryStrategy": {"attempts": 2, "evaluateOnExit": [{"action": "EXIT"}]}}, "needs onExitCode"),
        (
            {"retryStrategy": {"attempts": 2, "evaluateOnExit": [{"onExitCode": "x", "action": "EXIT"}]}},
            "takes digits",
        ),
        (
            {"retryStrategy": {"attempts": 2, "evaluateOnExit": [{"onReason": "a*b", "action": "EXIT"}]}},
            "only at its end",
        ),
        (
            {"retryStrategy": {"attempts": 2, "evaluateOnExit": [{"onReason": "a", "action": "STOP"}]}},
            "RETRY or EXIT",
        ),
        ({"timeout": {"attemptDurationSeconds": 59}}, "at least 60"),
        ({"arrayProperties": {"size": 1}}, "between 2 and 10000"),
        ({"dependsOn": [{"jobId": "gone"}]}, "does not exist"),
        ({"dependsOn": [{}]}, "needs a jobId"),
        ({"dependsOn": [{"type": "SEQUENTIAL"}]}, "needs an array job"),
        ({"dependsOn": [{"jobId": "a", "type": "OTHER"}]}, "N_TO_N or SEQUENTIAL"),
        ({"dependsOn": [{"jobId": str(n)} for n in range(21)]}, "at most 20"),
        ({"containerOverrides": {"environment": [{"name": "AWS_BATCH_X", "value": "1"}]}}, "reserved"),
        ({"containerOverrides": {"resourceRequirements": [{"type": "VCPU", "value": "0"}]}}, "positive"),
        ({"containerOverrides": {"resourceRequirements": [{"type": "TPU", "value": "1"}]}}, "unknown types"),
        ({"containerOverrides": {"resourceRequirements": [{"type": "VCPU", "value": "x"}]}}, "not a number"),
        ({"containerOverrides": "none"}, "must be an object"),
    ],
)
def test_bad_submission_is_refused_and_leaves_no_job(
    bench: MakeBench, changes: dict[str, Any], message: str
) -> None:
    b = bench()
    request = {"jobName": "n", "jobQueue": "cpu", "jobDefinition": "train", **changes}

    with pytest.raises(ClientError, match=message):
        call(b, "submitjob", **request)

    assert list(b.engine.jobs) == []


@pytest.mark.parametrize(
    ("container", "message"),
    [
        ({**CONTAINER, "image": ""}, "image is required"),
        ({**CONTAINER, "resourceRequirements": [{"type": "VCPU", "value": "1"}]}, "must give MEMORY"),
        ({**CONTAINER, "environment": [{"value": "x"}]}, "needs a name"),
    ],
)
def test_bad_definition_is_refused(bench: MakeBench, container: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=message):
        call(bench(), "registerjobdefinition", **{**DEFINITION, "containerProperties": container})


def test_definition_of_a_kind_that_is_not_known_is_refused(bench: MakeBench) -> None:
    with pytest.raises(ClientError, match="type container and multinode, not 'eks'"):
        call(bench(), "registerjobdefinition", **{**DEFINITION, "type": "eks"})


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "jobId is required"),
        ({"jobId": "nobody"}, "does not exist"),
        ({"jobId": "nobody", "graceSeconds": -1}, "graceSeconds must be a number"),
        ({"jobId": "nobody", "graceSeconds": "soon"}, "graceSeconds must be a number"),
    ],
)
def test_an_order_to_reclaim_that_names_no_running_job_is_refused(
    bench: MakeBench, request_: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        BatchApi(bench().engine).call("POST", "/local/v1/reclaim", request_, {})


def test_definition_for_fargate_needs_an_execution_role_and_a_fargate_queue(bench: MakeBench) -> None:
    b = bench()
    fargate = {**DEFINITION, "jobDefinitionName": "f", "platformCapabilities": ["FARGATE"]}

    with pytest.raises(ClientError, match="executionRoleArn"):
        call(b, "registerjobdefinition", **fargate)

    role = {**CONTAINER, "executionRoleArn": "arn:aws:iam::1:role/r"}
    call(b, "registerjobdefinition", **{**fargate, "containerProperties": role})
    with pytest.raises(ClientError, match="needs FARGATE"):
        call(b, "submitjob", jobName="n", jobQueue="cpu", jobDefinition="f")


def test_name_means_the_newest_active_revision(bench: MakeBench) -> None:
    b = bench()
    second = call(b, "registerjobdefinition", **DEFINITION)
    assert second["revision"] == 2

    newest = b.submit().spec.definition_arn
    call(b, "deregisterjobdefinition", jobDefinition="train:2")
    older = b.submit().spec.definition_arn

    assert (newest.rsplit(":", 1)[-1], older.rsplit(":", 1)[-1]) == ("2", "1")
    with pytest.raises(ClientError, match="not ACTIVE"):
        b.submit(jobDefinition="train:2")
    active = call(b, "describejobdefinitions", jobDefinitionName="train", status="ACTIVE")["jobDefinitions"]
    assert [document["revision"] for document in active] == [1]
    assert len(call(b, "describejobdefinitions", jobDefinitions=["train:2"])["jobDefinitions"]) == 1


def test_known_references_are_replaced_and_others_stay(bench: MakeBench) -> None:
    b = bench()

    job = b.submit(
        parameters={"out": "s3://x"},
        containerOverrides={"command": ["t", "Ref::month", "--to=Ref::out", "Ref::nobody"]},
    )

    assert job.spec.command == ("t", "09", "--to=s3://x", "Ref::nobody")


@pytest.mark.parametrize(
    ("operation", "request_", "message"),
    [
        ("createjobqueue", {"jobQueueName": "q", "priority": 1}, "one to three"),
        ("createjobqueue", {"jobQueueName": "cpu", "priority": 1}, "already exists"),
        (
            "createjobqueue",
            {"jobQueueName": "q", "computeEnvironmentOrder": [{"computeEnvironment": "ce"}]},
            "priority is required",
        ),
        (
            "createjobqueue",
            {"jobQueueName": "q", "priority": 1, "computeEnvironmentOrder": [{"computeEnvironment": "x"}]},
            "Compute environment x does not exist",
        ),
        ("createcomputeenvironment", {"computeEnvironmentName": "c", "type": "EC2"}, "MANAGED or UNMANAGED"),
        (
            "createcomputeenvironment",
            {"computeEnvironmentName": "c", "type": "MANAGED", "computeResources": {"type": "EC2"}},
            "maxvCpus is required",
        ),
        ("deletejobqueue", {"jobQueue": "cpu"}, "must be DISABLED"),
        ("deletecomputeenvironment", {"computeEnvironment": "ce"}, "must be DISABLED"),
        ("updatejobqueue", {"jobQueue": "cpu", "state": "OFF"}, "ENABLED or DISABLED"),
        ("listjobs", {}, "exactly one of"),
        ("listjobs", {"jobQueue": "cpu", "jobStatus": "DONE"}, "is not one of"),
        ("listjobs", {"jobQueue": "cpu", "filters": [{"name": "COLOUR", "values": ["x"]}]}, "COLOUR"),
        (
            "listjobs",
            {"arrayJobId": "x", "filters": [{"name": "JOB_NAME", "values": ["x"]}]},
            "jobQueue only",
        ),
        ("canceljob", {"jobId": "x"}, "reason is required"),
        ("describejobs", {"jobs": ["x"] * 101}, "at most 100"),
        ("createschedulingpolicy", {}, "no operation"),
    ],
)
def test_bad_request_is_refused(
    bench: MakeBench, operation: str, request_: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        call(bench(), operation, **request_)


def test_environment_in_use_cannot_be_deleted_and_an_unused_one_can(bench: MakeBench) -> None:
    b = bench()
    call(b, "updatecomputeenvironment", computeEnvironment="ce", state="DISABLED")
    with pytest.raises(ClientError, match="found existing JobQueue relationship: cpu, urgent"):
        call(b, "deletecomputeenvironment", computeEnvironment="ce")

    for name in ("cpu", "urgent"):
        call(b, "updatejobqueue", jobQueue=name, state="DISABLED")
        call(b, "deletejobqueue", jobQueue=name)
    call(b, "deletecomputeenvironment", computeEnvironment="ce")

    assert call(b, "describecomputeenvironments")["computeEnvironments"] == []
    assert call(b, "describejobqueues")["jobQueues"] == []


def test_list_shows_one_status_and_pages(bench: MakeBench) -> None:
    b = bench(vcpus=1)
    submitted = [b.submit().job_id for _ in range(4)]

    first = call(b, "listjobs", jobQueue="cpu", jobStatus="RUNNABLE", maxResults=2)
    second = call(b, "listjobs", jobQueue="cpu", jobStatus="RUNNABLE", nextToken=first["nextToken"])

    found = [summary["jobId"] for summary in first["jobSummaryList"] + second["jobSummaryList"]]
    assert found == submitted[:0:-1]
    assert "nextToken" not in second
    assert call(b, "listjobs", jobQueue="cpu")["jobSummaryList"] == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("JOB_NAME", "NIGHT*", 1),
        ("JOB_NAME", "none*", 0),
        ("JOB_DEFINITION", "train", 2),
        ("JOB_DEFINITION", "train:1", 2),
        ("JOB_DEFINITION", "train:2", 0),
        ("AFTER_CREATED_AT", "0", 2),
        ("BEFORE_CREATED_AT", "0", 0),
    ],
)
def test_list_filters_over_all_statuses(bench: MakeBench, name: str, value: str, expected: int) -> None:
    b = bench()
    b.submit(jobName="nightly")
    b.submit()
    b.run()

    found = call(b, "listjobs", jobQueue="cpu", filters=[{"name": name, "values": [value]}])

    assert len(found["jobSummaryList"]) == expected


def test_list_shows_the_children_of_an_array_and_the_queue_only_its_parent(bench: MakeBench) -> None:
    b = bench(vcpus=1)
    parent = b.submit(arrayProperties={"size": 3})

    children = call(b, "listjobs", arrayJobId=parent.job_id, jobStatus="RUNNABLE")["jobSummaryList"]

    assert [child["arrayProperties"] for child in children] == [{"index": 1}, {"index": 2}]
    pending = call(b, "listjobs", jobQueue="cpu", jobStatus="PENDING")["jobSummaryList"]
    assert [summary["arrayProperties"] for summary in pending] == [{"size": 3}]


def test_describe_leaves_out_what_it_does_not_know(bench: MakeBench) -> None:
    b = bench()
    job = b.submit()

    assert [found["jobId"] for found in call(b, "describejobs", jobs=["gone", job.job_id])["jobs"]] == [
        job.job_id
    ]


def test_tags_of_a_queue_are_added_and_removed(bench: MakeBench) -> None:
    api = BatchApi(bench().engine)
    path = "/v1/tags/arn%3Aaws%3Abatch%3Aeu-west-1%3A111122223333%3Ajob-queue%2Fcpu"

    api.call("POST", path, {"tags": {"a": "1", "b": "2"}}, {})
    api.call("DELETE", path, {}, {"tagKeys": ["a"]})

    assert api.call("GET", path, {}, {}) == {"tags": {"b": "2"}}
    with pytest.raises(ClientError, match="does not exist"):
        api.call("GET", "/v1/tags/arn:aws:batch:x", {}, {})


def test_tags_reach_the_job_when_propagated(bench: MakeBench) -> None:
    b = bench()
    call(b, "registerjobdefinition", **{**DEFINITION, "tags": {"team": "ml"}})

    plain, propagated = b.submit(tags={"run": "1"}), b.submit(tags={"run": "1"}, propagateTags=True)

    assert (plain.spec.tags, propagated.spec.tags) == ({"run": "1"}, {"team": "ml", "run": "1"})
