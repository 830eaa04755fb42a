"""The real template on the emulator, deployed once, with functions that only say what reached them.

What the functions really do is the end-to-end tests' business; here it is what the template wires and allows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from headgate_local.artifact_bucket import ArtifactBucket
from headgate_local.deploy import Deployer
from headgate_local.launch import Emulator, start

STACK = "headgate-test"
ECHO = """
import json, os
import boto3

CALLS = {
    "s3": lambda client, to: client.get_object(Bucket=to, Key="a/spec/b"),
    "dynamodb": lambda client, to: client.get_item(TableName=to, Key={"pk": {"S": "a"}, "sk": {"S": "b"}}),
    "sqs": lambda client, to: client.send_message(QueueUrl=to, MessageBody="{}"),
    "kms:sign": lambda client, to: client.sign(
        KeyId=to, Message=b"1" * 32, MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256"),
    "kms:verify": lambda client, to: client.verify(
        KeyId=to, Message=b"1" * 32, MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256", Signature=b"1"),
    "glue": lambda client, to: client.get_table(DatabaseName=to, Name="none"),
    "events": lambda client, to: client.put_events(Entries=[
        {"EventBusName": to, "Source": "headgate", "DetailType": "Tried", "Detail": "{}"}]),
    "batch": lambda client, to: client.submit_job(
        jobName="tried", jobQueue=json.loads(to)["cpu"], parameters={"run_spec": "none"},
        jobDefinition=json.loads(os.environ["BATCH_JOB_DEFINITIONS"])["cpu"]),
}


def tried(service, to):
    try:
        CALLS[service](boto3.client(service.partition(":")[0]), os.environ.get(to, to))
    except Exception as error:
        code = getattr(error, "response", {}).get("Error", {}).get("Code", repr(error))
        return "AccessDenied" if code.startswith("AccessDenied") else code
    return "allowed"


def handler(event, context):
    if "try" in event:
        return tried(*event["try"])
    if event.get("type") == "TOKEN":
        if event["authorizationToken"] != "Bearer alice":
            raise Exception("Unauthorized")
        everything = event["methodArn"].split("/")[0] + "/*"
        allow = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": everything}
        policy = {"Version": "2012-10-17", "Statement": [allow]}
        return {"principalId": "user/alice", "policyDocument": policy}
    if "httpMethod" in event:
        told = {"function": os.environ["POWERTOOLS_SERVICE_NAME"], "resource": event["resource"]}
        return {"statusCode": 200, "headers": {}, "body": json.dumps(told)}
    for record in event.get("Records", []):
        print("RECEIVED", record["body"])
    return {"batchItemFailures": []}
"""


@dataclass(frozen=True)
class Platform:
    """The deployed stack and a way to talk to it as anyone."""

    emulator: Emulator
    deployer: Deployer
    template: Path
    outputs: dict[str, str]

    def client(self, service: str, keys: tuple[str, str] | None = None) -> Any:
        """A client of one service, for the root of the account or for a pair of keys."""
        root = self.emulator.root_credentials
        key, secret = keys or (root.access_key_id, root.secret_access_key)
        session = boto3.session.Session(key, secret, region_name=self.emulator.region)
        return session.client(service, endpoint_url=self.emulator.endpoint)

    @property
    def api(self) -> str:
        """Where the emulator serves the API whose address on AWS is the output ApiUrl."""
        found = re.fullmatch(r"https://([^.]+)\.execute-api\..+/(\w+)", self.outputs["ApiUrl"])
        assert found, self.outputs["ApiUrl"]
        return f"{self.emulator.endpoint}/_aws/execute-api/{found[1]}/{found[2]}"

    def resources(self) -> dict[str, str]:
        """Physical ids by logical id."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
        return {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for page in pages
            for one in page["StackResourceSummaries"]
        }


@pytest.fixture(scope="session")
def project(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the template beside functions that echo and layers that are empty."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "template.yaml").write_bytes((root / "template.yaml").read_bytes())
    template = (root / "template.yaml").read_text(encoding="utf-8")
    for path in re.findall(r"CodeUri: (\S+)", template):
        (folder / path).mkdir(parents=True)
        (folder / path / "app.py").write_text(ECHO)
    for path in re.findall(r"ContentUri: (\S+)", template):
        (folder / path).mkdir(parents=True)
        (folder / "built" / Path(path).name / "python").mkdir(parents=True)
        (folder / "built" / Path(path).name / "python" / "empty.py").write_text("")
    return folder


@pytest.fixture(scope="session")
def platform(root: Path, project: Path) -> Iterator[Platform]:
    python = root / os.environ.get("HEADGATE_EMULATOR_PYTHON", ".envs/emulator/bin/python")
    functions = root / ".envs/function"
    # Jobs of these tests need a Python and boto3: the functions' environment stands for the trainer's image.
    with start(python, functions / "bin/python", batch_images={"*-trainer:cpu": functions}) as emulator:
        keys = emulator.root_credentials
        session = boto3.session.Session(
            keys.access_key_id, keys.secret_access_key, region_name=emulator.region
        )
        deployer = Deployer(
            cloudformation=session.client("cloudformation", endpoint_url=emulator.endpoint),
            bucket=ArtifactBucket(session.client("s3", endpoint_url=emulator.endpoint), "artifacts"),
            layers=project / "built",
            cache=project / "cache",
        )
        template = project / "template.yaml"
        yield Platform(emulator, deployer, template, deployer.deploy(template, STACK, {}))


@pytest.fixture
def person(platform: Platform) -> Iterator[Callable[..., Any]]:
    """A client of one service for a person who holds one managed policy and nothing else."""
    iam = platform.client("iam")
    made: list[tuple[str, str, str]] = []

    def client(policy: str, service: str) -> Any:
        name = f"person-{len(made)}"
        iam.create_user(UserName=name)
        iam.attach_user_policy(UserName=name, PolicyArn=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        made.append((name, policy, key["AccessKeyId"]))
        return platform.client(service, (key["AccessKeyId"], key["SecretAccessKey"]))

    yield client
    for name, policy, key in made:
        iam.delete_access_key(UserName=name, AccessKeyId=key)
        iam.detach_user_policy(UserName=name, PolicyArn=policy)
        iam.delete_user(UserName=name)
