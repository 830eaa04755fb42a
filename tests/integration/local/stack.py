"""A small SAM stack that uses what the patches add, and how to deploy it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Found = TypeVar("Found")
Document = dict[str, Any]

FUNCTION_CODE = Path(__file__).with_name("function_code.py").read_text()
FUNCTION_PYTHON = Path(__file__).resolve().parents[3] / os.environ.get(
    "HEADGATE_FUNCTION_PYTHON", ".envs/function/bin/python"
)


def _runtime() -> str:
    """The Lambda runtime of the functions' interpreter."""
    if not FUNCTION_PYTHON.exists():
        return "python3.13"
    asked = [str(FUNCTION_PYTHON), "-c", "import sys; print('python%d.%d' % sys.version_info[:2])"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


RUNTIME = _runtime()


def archive(files: dict[str, str]) -> bytes:
    """A zip of these files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as target:
        for name, text in files.items():
            target.writestr(name, text)
    return packed.getvalue()


def policy(*statements: Document) -> Document:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: str | list[str], resource: Any, **more: Any) -> Document:
    """A statement that allows."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def arn(name: str) -> Document:
    """The ARN of a resource of the stack."""
    return {"Fn::GetAtt": [name, "Arn"]}


def function(key: str = "app.zip", **more: Any) -> Document:
    """A function of the code above."""
    code = {"Bucket": "code", "Key": key}
    properties = {
        "Runtime": RUNTIME,
        "Handler": "app.handle",
        "Timeout": 20,
        "MemorySize": 256,
        "CodeUri": code,
    }
    return {"Type": "AWS::Serverless::Function", "Properties": properties | more}


def batch_resources(priority: int, message: str) -> Document:
    """A compute environment, a queue, and a job whose role may read the bucket `code`."""
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    reading = {"PolicyName": "read", "PolicyDocument": policy(allow("s3:GetObject", "arn:aws:s3:::code/*"))}
    compute = {"Type": "EC2", "MaxvCpus": 4, "InstanceTypes": ["optimal"], "Subnets": ["subnet-1"]}
    retries = [{"OnExitCode": "75", "Action": "RETRY"}, {"OnExitCode": "*", "Action": "EXIT"}]
    container = {
        "Image": "trainer:1",
        "Command": ["python", "-c", "print('Ref::Who')"],
        "JobRoleArn": arn("JobRole"),
        "ResourceRequirements": [{"Type": "VCPU", "Value": "1"}, {"Type": "MEMORY", "Value": "512"}],
    }
    order = [{"Order": 1, "ComputeEnvironment": {"Ref": "Compute"}}]
    return {
        "Compute": {
            "Type": "AWS::Batch::ComputeEnvironment",
            "Properties": {"Type": "MANAGED", "ComputeResources": compute},
        },
        "JobQueue": {
            "Type": "AWS::Batch::JobQueue",
            "Properties": {"Priority": priority, "ComputeEnvironmentOrder": order},
        },
        "JobRole": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": policy(trust), "Policies": [reading]},
        },
        "Job": {
            "Type": "AWS::Batch::JobDefinition",
            "Properties": {
                "Type": "container",
                "Parameters": {"Who": message},
                "RetryStrategy": {"Attempts": 3, "EvaluateOnExit": retries},
                "ContainerProperties": container,
            },
        },
    }


def layer(key: str) -> Document:
    """A layer of this archive."""
    return {
        "Type": "AWS::Serverless::LayerVersion",
        "Properties": {"ContentUri": {"Bucket": "code", "Key": key}},
    }


def template(priority: int = 1, message: str = "hello") -> Document:
    """Batch, and functions of different rights and layers."""
    submits = policy(allow("batch:SubmitJob", [{"Ref": "JobQueue"}, {"Ref": "Job"}]))
    half = policy(allow("batch:SubmitJob", [{"Ref": "JobQueue"}]))
    layers = [{"Ref": "One"}, {"Ref": "Two"}]
    functions = {
        "Plain": function(),
        "Broken": function("broken.zip"),
        "Layered": function(Layers=layers, Environment={"Variables": {"GREETING": "salve"}}),
        "Submitter": function(Policies=[submits]),
        "HalfSubmitter": function(Policies=[half]),
    }
    resources = {**batch_resources(priority, message), "One": layer("layer.zip"), "Two": layer("layer2.zip")}
    named = ("Compute", "JobQueue", "Job", "JobRole", *functions)
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": resources | functions,
        "Outputs": {name: {"Value": {"Ref": name}} for name in named},
    }


def deploy(cloudformation: Any, name: str, document: Document, update: bool = False) -> dict[str, str]:
    """Create or update a stack and return its outputs. Raises AssertionError with what failed."""
    status, failures, outputs = try_deploy(cloudformation, name, document, update)
    assert status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), (status, failures)
    return outputs


def try_deploy(
    cloudformation: Any, name: str, document: Document, update: bool = False
) -> tuple[str, dict[str, str], dict[str, str]]:
    """Create or update a stack. Returns its status, the reasons of its failures, and its outputs."""
    act = cloudformation.update_stack if update else cloudformation.create_stack
    capabilities = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
    act(StackName=name, TemplateBody=json.dumps(document), Capabilities=capabilities)

    def settled() -> Document | None:
        found: Document = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        return None if found["StackStatus"].endswith("IN_PROGRESS") else found

    stack = eventually(settled, 30)
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
    reasons = {event["LogicalResourceId"]: event.get("ResourceStatusReason", "") for event in failed}
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    return stack["StackStatus"], reasons, outputs


def eventually(look: Callable[[], Found | None], seconds: float = 15) -> Found:
    """Poll until there is something to see; fail at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"nothing seen within {seconds} s"
        time.sleep(0.02)
