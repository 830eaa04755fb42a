"""A SAM template goes through CloudFormation: created, updated, left alone, refused, failed, deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from headgate_local.deploy import Deployer, DeployError, Progress, deployer
from headgate_local.launch import Emulator

pytestmark = pytest.mark.emulator

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Word: {Type: String}
Resources:
  GreetingLayer:
    Type: AWS::Serverless::LayerVersion
    Metadata: {BuildMethod: makefile}
    Properties: {ContentUri: layers/greeting/, CompatibleRuntimes: [python3.13]}
  HelloFunction:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: app.handler
      CodeUri: functions/hello/
      Layers: [!Ref GreetingLayer]
      Environment: {Variables: {WORD: !Ref Word}}
Outputs:
  FunctionName: {Value: !Ref HelloFunction}
  Word: {Value: !Ref Word}
"""
APP = """
import os
from greeting import greet

def handler(event, context):
    return greet(os.environ["WORD"])
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for path, text in {
        "template.yaml": TEMPLATE,
        "functions/hello/app.py": APP,
        "layers/greeting/Makefile": "",
        "built/greeting/python/greeting.py": "def greet(word):\n    return f'hello {word}'\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


@pytest.fixture
def told() -> list[Progress]:
    """What the deployer reported."""
    return []


@pytest.fixture
def there(
    project: Path, session: boto3.session.Session, emulator: Emulator, told: list[Progress]
) -> Deployer:
    made = deployer(
        session,
        artifacts_bucket="artifacts",
        endpoint_url=emulator.endpoint,
        progress=told.append,
        timeout=60,
    )
    made.layers, made.cache, made.interval = project / "built", project / "cache", 0.05
    return made


@pytest.fixture
def invoke(session: boto3.session.Session, emulator: Emulator) -> Callable[[str], Any]:
    def call(name: str) -> Any:
        client = session.client("lambda", endpoint_url=emulator.endpoint)
        return json.loads(client.invoke(FunctionName=name)["Payload"].read())

    return call


def test_a_template_is_deployed_and_its_function_finds_its_layer(
    project: Path, there: Deployer, invoke: Callable[[str], Any], told: list[Progress]
) -> None:
    outputs = there.deploy(project / "template.yaml", "created", {"Word": "world"})

    assert outputs["Word"] == "world"
    assert invoke(outputs["FunctionName"]) == "hello world"
    assert ("HelloFunction", "CREATE_COMPLETE") in {(one.logical_id, one.status) for one in told}


def test_an_unchanged_template_is_neither_sent_nor_deployed_again(
    project: Path, there: Deployer, told: list[Progress]
) -> None:
    first = there.deploy(project / "template.yaml", "unchanged", {"Word": "one"})
    told.clear()

    assert there.deploy(project / "template.yaml", "unchanged", {"Word": "one"}) == first
    assert told == []


def test_changed_code_is_what_runs_next(
    project: Path, there: Deployer, invoke: Callable[[str], Any], told: list[Progress]
) -> None:
    there.deploy(project / "template.yaml", "changed", {"Word": "one"})
    told.clear()
    (project / "functions/hello/app.py").write_text(APP.replace("greet(", "greet('new ' + "))

    outputs = there.deploy(project / "template.yaml", "changed", {"Word": "two"})

    assert invoke(outputs["FunctionName"]) == "hello new two"
    # The changed code and the template that names it were sent, the layer was not
    assert len([one for one in told if one.kind == "artifact"]) == 2


def test_a_template_that_cloudformation_refuses_says_why(project: Path, there: Deployer) -> None:
    template = project / "template.yaml"
    template.write_text(TEMPLATE.replace("AWS::Serverless::Function", "AWS::Nothing::Function"))

    with pytest.raises(DeployError, match="refused the template: .*AWS::Nothing::Function"):
        there.deploy(template, "refused", {"Word": "one"})


def test_a_stack_that_fails_names_the_resource_and_the_reason_and_can_be_deployed_again(
    project: Path, there: Deployer
) -> None:
    # Given a resource that only its own service refuses, when the stack is being made
    template = project / "template.yaml"
    wrong = """
  Wrong:
    Type: AWS::IAM::Policy
    Properties:
      PolicyName: wrong
      Roles: [nobody]
      PolicyDocument: {Version: 2012-10-17, Statement: [{Effect: Deny, Action: "s3:*", Resource: "*"}]}
Outputs:"""
    template.write_text(TEMPLATE.replace("\nOutputs:", wrong))

    with pytest.raises(DeployError) as failure:
        there.deploy(template, "failed", {"Word": "one"})

    assert "stack failed ended in ROLLBACK_COMPLETE, not CREATE_COMPLETE" in str(failure.value)
    assert "Wrong (AWS::IAM::Policy) CREATE_FAILED: The role with name nobody cannot be found" in str(
        failure.value
    )

    # When it is put right, the rolled-back stack is not in the way
    template.write_text(TEMPLATE)
    assert there.deploy(template, "failed", {"Word": "one"})["Word"] == "one"


def test_a_deleted_stack_is_gone(project: Path, there: Deployer) -> None:
    there.deploy(project / "template.yaml", "deleted", {"Word": "one"})

    there.delete("deleted")

    with pytest.raises(DeployError, match="no stack deleted"):
        there.outputs("deleted")


def test_deleting_what_is_not_there_is_no_error(there: Deployer) -> None:
    there.delete("never-was")
