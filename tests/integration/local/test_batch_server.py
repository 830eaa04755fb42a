"""The engine as an endpoint of its own, spoken to with boto3; alone, and beside the emulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from headgate_local.launch import PACKAGE_ROOT, Emulator

from tests.integration.local.conftest import Clients
from tests.integration.local.stack import eventually

Serve = Callable[..., Any]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts the endpoint and returns a boto3 client of it with a queue and a definition."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(*arguments: str, **environment: str) -> Any:
        image = f"*={Path(sys.executable).parent.parent}"
        command = [sys.executable, "-m", "headgate_local.batch", "--image", image, "--minimum-timeout", "1"]
        process = subprocess.Popen(
            [*command, *arguments],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT), **environment},
        )
        started.append(process)
        assert process.stdout
        endpoint = json.loads(process.stdout.readline())["endpoint"]
        client = boto3.client(
            "batch",
            endpoint_url=endpoint,
            aws_access_key_id="k",
            aws_secret_access_key="s",
            region_name="us-east-1",
        )
        client.create_compute_environment(
            computeEnvironmentName="c",
            type="MANAGED",
            computeResources={"type": "EC2", "maxvCpus": 2, "subnets": ["s"]},
        )
        order = [{"order": 1, "computeEnvironment": "c"}]
        client.create_job_queue(jobQueueName="q", priority=1, computeEnvironmentOrder=order)
        needs = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]
        container = {
            "image": "i",
            "command": ["sh", "-c", "echo $AWS_BATCH_JQ_NAME"],
            "resourceRequirements": needs,
        }
        client.register_job_definition(jobDefinitionName="d", type="container", containerProperties=container)
        return client

    yield begin
    for process in started:
        process.terminate()
        assert process.wait(10) == 0
        if process.stdout:
            process.stdout.close()


def run(client: Any) -> Any:
    job_id = client.submit_job(jobName="j", jobQueue="q", jobDefinition="d")["jobId"]

    def ended() -> Any:
        job = client.describe_jobs(jobs=[job_id])["jobs"][0]
        return job if job["status"] in ("SUCCEEDED", "FAILED") else None

    return eventually(ended)


def test_endpoint_runs_jobs_and_logs_to_files(serve: Serve, tmp_path: Path) -> None:
    client = serve("--log-dir", str(tmp_path))

    job = run(client)

    path = tmp_path / "aws/batch/job" / f"{job['container']['logStreamName']}.log"
    assert job["status"] == "SUCCEEDED"
    assert path.read_text().split()[1:] == ["q"]


def test_endpoint_speaks_errors_and_tags_as_boto3_expects(serve: Serve) -> None:
    client = serve()
    queue = client.describe_job_queues()["jobQueues"][0]["jobQueueArn"]

    with pytest.raises(client.exceptions.ClientException, match="does not exist"):
        client.submit_job(jobName="j", jobQueue="none", jobDefinition="d")
    client.tag_resource(resourceArn=queue, tags={"a": "1", "b": "2"})
    client.untag_resource(resourceArn=queue, tagKeys=["a"])

    assert client.list_tags_for_resource(resourceArn=queue)["tags"] == {"b": "2"}


@pytest.mark.emulator
def test_endpoint_logs_and_publishes_at_another_emulator(
    serve: Serve, emulator: Emulator, account: Clients
) -> None:
    sqs, events = account("sqs"), account("events")
    url = sqs.create_queue(QueueName="beside")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue_arn}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document})
    pattern = {"source": ["beside.batch"], "detail": {"status": ["SUCCEEDED"]}}
    events.put_rule(Name="beside", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="beside", Targets=[{"Id": "q", "Arn": queue_arn}])
    client = serve(
        "--aws-endpoint",
        emulator.endpoint,
        "--event-source",
        "beside.batch",
        **emulator.root_credentials.environment(),
    )

    job = run(client)

    body = json.loads(eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))[0]["Body"])
    assert body["detail"]["jobId"] == job["jobId"]

    def lines() -> Any:
        logs = account("logs")
        streams = logs.describe_log_streams(logGroupName="/aws/batch/job")["logStreams"]
        name = job["container"]["logStreamName"]
        if name not in [stream["logStreamName"] for stream in streams]:
            return None
        return logs.get_log_events(logGroupName="/aws/batch/job", logStreamName=name)["events"]

    assert [event["message"] for event in eventually(lines)] == ["q"]
