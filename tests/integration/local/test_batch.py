"""Batch under the emulator: CloudFormation, IAM, jobs, events, Step Functions."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError
from headgate_local.reclaim import reclaim

from tests.integration.local import stack
from tests.integration.local.conftest import Clients, ClientsOf
from tests.integration.local.stack import eventually

pytestmark = pytest.mark.emulator
Invoke = Callable[..., dict[str, Any]]


def ended(account: Clients, job_id: str) -> dict[str, Any]:
    """The job's description once it has ended."""

    def look() -> dict[str, Any] | None:
        job: dict[str, Any] = account("batch").describe_jobs(jobs=[job_id])["jobs"][0]
        return job if job["status"] in ("SUCCEEDED", "FAILED") else None

    return eventually(look)


def output(account: Clients, job: dict[str, Any]) -> list[str]:
    stream = job["container"]["logStreamName"]
    events = account("logs").get_log_events(logGroupName="/aws/batch/job", logStreamName=stream)["events"]
    return [event["message"] for event in events]


def has_said(account: Clients, job: dict[str, Any], line: str) -> bool:
    logs = account("logs")
    streams = logs.describe_log_streams(logGroupName="/aws/batch/job")["logStreams"]
    named = job["container"]["logStreamName"] in [stream["logStreamName"] for stream in streams]
    return named and line in output(account, job)


def submit(account: Clients, shop: dict[str, str], *command: str, **more: Any) -> str:
    overrides = {"containerOverrides": {"command": list(command)}} if command else {}
    answer = account("batch").submit_job(
        jobName="j", jobQueue=shop["JobQueue"], jobDefinition=shop["Job"], **overrides, **more
    )
    return str(answer["jobId"])


def test_job_runs_and_logs_with_its_parameters(account: Clients, shop: dict[str, str]) -> None:
    job = ended(account, submit(account, shop, parameters={"Who": "mundus"}))

    assert job["status"] == "SUCCEEDED"
    assert output(account, job) == ["mundus"]


READ = """
import boto3
s3 = boto3.client("s3")
print(s3.get_object(Bucket="code", Key="app.zip")["ContentLength"] > 0)
try:
    s3.put_object(Bucket="code", Key="x")
except Exception as error:
    print(error.response["Error"]["Code"])
print(boto3.client("sts").get_caller_identity()["Arn"].split("/")[1])
"""


def test_job_has_the_rights_of_its_role_and_no_more(account: Clients, shop: dict[str, str]) -> None:
    job = ended(account, submit(account, shop, "python", "-c", READ))

    assert output(account, job) == ["True", "AccessDenied", shop["JobRole"]]


def test_job_sees_nothing_of_the_emulator(account: Clients, shop: dict[str, str]) -> None:
    code = "import os; print(sorted(os.environ))"

    job = ended(account, submit(account, shop, "python", "-c", code))

    names = set(eval(output(account, job)[0]))
    assert names & {"GATEWAY_PORT", "AUTH", "PYTHONPATH", "VIRTUAL_ENV", "MINISTACK_REGION"} == set()
    assert {"AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_BATCH_JOB_ID", "AWS_BATCH_JQ_NAME"} <= names


def test_function_may_submit_what_its_role_names(
    account: Clients, shop: dict[str, str], invoke: Invoke
) -> None:
    answer = invoke("Submitter", action="submit", queue=shop["JobQueue"], definition=shop["Job"])

    assert ended(account, answer["payload"])["status"] == "SUCCEEDED"


@pytest.mark.parametrize("name", ["Plain", "HalfSubmitter"])
def test_function_without_the_right_to_both_is_denied(
    shop: dict[str, str], invoke: Invoke, name: str
) -> None:
    answer = invoke(name, action="submit", queue=shop["JobQueue"], definition=shop["Job"])

    assert answer["error"] == "Unhandled"
    assert "AccessDenied" in answer["payload"]["errorMessage"]
    assert "batch:SubmitJob" in answer["payload"]["errorMessage"]


@pytest.mark.parametrize("field", ["jobQueue", "jobDefinition"])
def test_unknown_queue_or_definition_is_a_client_exception(
    account: Clients, shop: dict[str, str], field: str
) -> None:
    request = {"jobName": "j", "jobQueue": shop["JobQueue"], "jobDefinition": shop["Job"], field: "nobody"}

    with pytest.raises(ClientError) as error:
        account("batch").submit_job(**request)

    assert error.value.response["Error"]["Code"] == "ClientException"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_retries_arrays_and_dependencies_work_together(account: Clients, shop: dict[str, str]) -> None:
    flaky = "import os, sys; sys.exit(0 if os.environ['AWS_BATCH_JOB_ATTEMPT'] == '2' else 75)"
    index = "import os; print(os.environ['AWS_BATCH_JOB_ARRAY_INDEX'])"
    first = submit(account, shop, "python", "-c", flaky)

    parent = submit(
        account, shop, "python", "-c", index, arrayProperties={"size": 2}, dependsOn=[{"jobId": first}]
    )

    array = ended(account, parent)
    assert [attempt["container"]["exitCode"] for attempt in ended(account, first)["attempts"]] == [75, 0]
    assert array["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 2
    assert output(account, ended(account, f"{parent}:1")) == ["1"]


def test_timeout_and_termination_end_a_job(account: Clients, shop: dict[str, str]) -> None:
    sleep = ("python", "-c", "import time; time.sleep(60)")
    slow = submit(account, shop, *sleep, timeout={"attemptDurationSeconds": 1})
    stopped = submit(account, shop, *sleep)
    eventually(lambda: account("batch").describe_jobs(jobs=[stopped])["jobs"][0]["status"] == "RUNNING")

    account("batch").terminate_job(jobId=stopped, reason="enough")

    assert ended(account, stopped)["statusReason"] == "enough"
    assert ended(account, slow)["statusReason"] == "Job attempt duration exceeded timeout"


WAITS = """
import os, signal, sys, time
if os.environ["AWS_BATCH_JOB_ATTEMPT"] == "2":
    sys.exit(0)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
print("waiting", flush=True)
time.sleep(60)
"""


def test_a_host_is_reclaimed_when_it_is_ordered(account: Clients, shop: dict[str, str]) -> None:
    rules = [{"onStatusReason": "Host EC2*", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}]
    strategy = {"attempts": 2, "evaluateOnExit": rules}
    job_id = submit(account, shop, "python", "-c", WAITS, retryStrategy=strategy)
    batch = account("batch")

    def waiting() -> bool:
        job = batch.describe_jobs(jobs=[job_id])["jobs"][0]
        return job["status"] == "RUNNING" and has_said(account, job, "waiting")

    eventually(waiting)

    reclaim(batch, job_id, 10)

    job = ended(account, job_id)
    assert job["status"] == "SUCCEEDED"
    assert job["attempts"][0]["statusReason"].startswith("Host EC2 (instance i-")
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [75, 0]


def test_only_who_may_end_a_job_may_order_it(
    account: Clients, shop: dict[str, str], clients_of: ClientsOf
) -> None:
    iam = account("iam")
    iam.create_user(UserName="guest")
    key = iam.create_access_key(UserName="guest")["AccessKey"]
    guest = clients_of(key["AccessKeyId"], key["SecretAccessKey"])

    with pytest.raises(HTTPError) as refused:
        reclaim(guest("batch"), "any")

    assert refused.value.code == 403


def test_changes_of_state_are_events_on_the_default_bus(account: Clients, shop: dict[str, str]) -> None:
    sqs, events = account("sqs"), account("events")
    url = sqs.create_queue(QueueName="changes")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {
        "source": ["aws.batch"],
        "detail-type": ["Batch Job State Change"],
        "detail": {"status": ["SUCCEEDED", "FAILED"], "jobQueue": [shop["JobQueue"]]},
    }
    rule = events.put_rule(Name="changes", EventPattern=json.dumps(pattern))["RuleArn"]
    statement = stack.allow(
        "sqs:SendMessage",
        queue_arn,
        Principal={"Service": "events.amazonaws.com"},
        Condition={"ArnEquals": {"aws:SourceArn": rule}},
    )
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(stack.policy(statement))})
    events.put_targets(Rule="changes", Targets=[{"Id": "q", "Arn": queue_arn}])

    job_id = submit(account, shop)

    body = json.loads(eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))[0]["Body"])
    events.remove_targets(Rule="changes", Ids=["q"])
    events.delete_rule(Name="changes")
    assert (body["detail"]["jobId"], body["detail"]["status"]) == (job_id, "SUCCEEDED")
    assert body["resources"] == [body["detail"]["jobArn"]]
    assert body["detail"]["container"]["exitCode"] == 0


def test_rule_starts_a_job(account: Clients, shop: dict[str, str]) -> None:
    events = account("events")
    events.put_rule(Name="start", EventPattern=json.dumps({"source": ["shop"]}))
    parameters = {"JobDefinition": shop["Job"], "JobName": "from-rule"}
    target = {"Id": "b", "Arn": shop["JobQueue"], "RoleArn": "arn:aws:iam::000000000000:role/any"}
    given = json.dumps({"Parameters": {"Who": "rule"}})
    events.put_targets(Rule="start", Targets=[{**target, "BatchParameters": parameters, "Input": given}])

    events.put_events(Entries=[{"Source": "shop", "DetailType": "Sold", "Detail": "{}"}])

    named = [{"name": "JOB_NAME", "values": ["from-rule"]}]
    found = eventually(
        lambda: account("batch").list_jobs(jobQueue=shop["JobQueue"], filters=named)["jobSummaryList"]
    )
    assert output(account, ended(account, found[0]["jobId"])) == ["rule"]


def test_state_machine_waits_for_a_job_and_catches_its_failure(
    account: Clients, shop: dict[str, str]
) -> None:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::batch:submitJob.sync",
        "Parameters": {
            "JobName": "s",
            "JobQueue": shop["JobQueue"],
            "JobDefinition": shop["Job"],
            "ContainerOverrides": {"Command.$": "$.command"},
        },
        "Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "Caught"}],
        "End": True,
    }
    machine = {
        "StartAt": "Run",
        "States": {"Run": state, "Caught": {"Type": "Pass", "Result": "caught", "End": True}},
    }
    states = account("stepfunctions")
    role = "arn:aws:iam::000000000000:role/" + shop["JobRole"]
    created = states.create_state_machine(name="m", definition=json.dumps(machine), roleArn=role)

    def run(*command: str) -> Any:
        arn = states.start_execution(
            stateMachineArn=created["stateMachineArn"], input=json.dumps({"command": command})
        )["executionArn"]

        def done() -> Any:
            found = states.describe_execution(executionArn=arn)
            return found if found["status"] != "RUNNING" else None

        return json.loads(eventually(done)["output"])

    assert run("true")["Status"] == "SUCCEEDED"
    assert run("false") == "caught"


def test_update_keeps_the_queue_and_makes_a_new_revision_and_delete_removes_all(
    account: Clients, shop: dict[str, str]
) -> None:
    cloudformation, batch = account("cloudformation"), account("batch")
    document = {"Resources": stack.batch_resources(1, "first")}
    document["Outputs"] = {name: {"Value": {"Ref": name}} for name in ("Compute", "JobQueue", "Job")}
    first = stack.deploy(cloudformation, "second", document)
    document["Resources"] |= stack.batch_resources(7, "changed")

    second = stack.deploy(cloudformation, "second", document, update=True)

    assert second["JobQueue"] == first["JobQueue"]
    assert [ref.rsplit(":", 1)[-1] for ref in (first["Job"], second["Job"])] == ["1", "2"]
    assert batch.describe_job_queues(jobQueues=[first["JobQueue"]])["jobQueues"][0]["priority"] == 7
    statuses = [
        document["status"]
        for document in batch.describe_job_definitions(jobDefinitions=[first["Job"], second["Job"]])[
            "jobDefinitions"
        ]
    ]
    assert statuses == ["INACTIVE", "ACTIVE"]

    cloudformation.delete_stack(StackName="second")
    eventually(
        lambda: (
            not batch.describe_compute_environments(computeEnvironments=[first["Compute"]])[
                "computeEnvironments"
            ]
        )
    )
    assert batch.describe_job_queues(jobQueues=[first["JobQueue"]])["jobQueues"] == []


def test_wrong_batch_resource_fails_the_stack_with_the_reason(account: Clients) -> None:
    broken = {"Type": "AWS::Batch::JobQueue", "Properties": {"Priority": 1, "ComputeEnvironmentOrder": []}}

    status, reasons, _ = stack.try_deploy(account("cloudformation"), "broken", {"Resources": {"Q": broken}})

    assert status == "ROLLBACK_COMPLETE"
    assert "one to three compute environments" in reasons["Q"]
