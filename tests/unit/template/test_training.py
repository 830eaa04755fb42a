"""AWS Batch: CPU always, GPU when asked for, in the VPC given or in one of the stack's own."""

from __future__ import annotations

from typing import Any

import pytest
from headgate.config import FeatureJobSettings, IngestJobSettings, ReproduceJobSettings

from tests.unit.template.reading import of_type, role_statements

GPU = {"GpuComputeEnvironment", "GpuJobQueue", "GpuJobDefinition", "GpuInstanceRole", "GpuInstanceProfile"}


def test_gpu_is_there_only_when_asked_for(resources: dict[str, Any]) -> None:
    conditional = {name for name, one in resources.items() if one.get("Condition") == "HasGpu"}

    assert conditional == GPU


def test_a_network_is_made_only_when_none_is_given(resources: dict[str, Any]) -> None:
    network = {name for name, one in resources.items() if one["Type"].startswith("AWS::EC2::")}

    assert len(network) == 11
    assert {name for name in network if resources[name].get("Condition") != "NoVpc"} == {
        "TrainingSecurityGroup"
    }


def test_nothing_reaches_a_training_job(resources: dict[str, Any]) -> None:
    group = resources["TrainingSecurityGroup"]["Properties"]

    assert group["SecurityGroupIngress"] == []
    assert [rule["ToPort"] for rule in group["SecurityGroupEgress"]] == [443]


def test_an_idle_platform_holds_no_machine(resources: dict[str, Any]) -> None:
    environments = of_type(resources, "AWS::Batch::ComputeEnvironment")

    assert environments["CpuComputeEnvironment"]["ComputeResources"]["Type"] == "FARGATE"
    gpu = environments["GpuComputeEnvironment"]["ComputeResources"]
    assert (gpu["Type"], gpu["MinvCpus"]) == ("SPOT", 0)
    assert all(kind.startswith("g5.") for kind in gpu["InstanceTypes"])


@pytest.mark.parametrize("name", ["CpuJobDefinition", "GpuJobDefinition"])
def test_a_job_retries_what_a_retry_can_help(resources: dict[str, Any], name: str) -> None:
    strategy = resources[name]["Properties"]["RetryStrategy"]
    rules = [tuple(rule.values()) for rule in strategy["EvaluateOnExit"]]

    assert 1 < strategy["Attempts"] <= 10
    assert len(rules) <= 5, "AWS Batch takes five"
    assert rules == [("Host EC2*", "RETRY"), ("75", "RETRY"), ("64", "EXIT"), ("70", "EXIT"), ("*", "EXIT")]


@pytest.mark.parametrize("name", ["CpuJobDefinition", "GpuJobDefinition"])
def test_a_job_is_told_its_run_spec_and_nothing_else(resources: dict[str, Any], name: str) -> None:
    definition = resources[name]["Properties"]
    container = definition["ContainerProperties"]

    assert container["Command"] == ["python", "-m", "headgate_trainer", "Ref::run_spec"]
    assert list(definition["Parameters"]) == ["run_spec"]
    assert definition["Timeout"]["AttemptDurationSeconds"] >= 60
    assert container["JobRoleArn"] == {"Fn::GetAtt": ["TrainerJobRole", "Arn"]}
    assert "awslogs-group" not in container["LogConfiguration"]["Options"], "AWS Batch makes its own group"


def test_a_trainer_writes_the_outputs_of_runs_alone(resources: dict[str, Any]) -> None:
    written = {
        resource["Fn::Sub"]
        for statement in role_statements(resources["TrainerJobRole"]["Properties"])
        if "s3:PutObject" in statement["Action"]
        for resource in [statement["Resource"]]
    }

    assert written == {"${ModelsBucket.Arn}/*/runs/*/out/*"}


def test_train_may_submit_to_this_stack_alone(resources: dict[str, Any]) -> None:
    (submit,) = [
        statement
        for statement in role_statements(resources["TrainRole"]["Properties"])
        if statement["Action"] == "batch:SubmitJob"
    ]

    assert {"Ref": "CpuJobQueue"} in submit["Resource"]
    assert {"Ref": "CpuJobDefinition"} in submit["Resource"]
    assert {"Ref": "ReproduceJobDefinition"} in submit["Resource"]
    assert len(submit["Resource"]) == 5


def test_an_ingest_job_runs_the_same_code_with_the_role_of_the_function(resources: dict[str, Any]) -> None:
    definition = resources["IngestJobDefinition"]["Properties"]
    container = definition["ContainerProperties"]
    strategy = [tuple(rule.values()) for rule in definition["RetryStrategy"]["EvaluateOnExit"]]

    assert container["Command"] == ["python", "-m", "headgate.jobs.ingest", "Ref::drop"]
    assert list(definition["Parameters"]) == ["drop"]
    assert strategy == [("Host EC2*", "RETRY"), ("75", "RETRY"), ("*", "EXIT")]

    def granted(role: str) -> dict[str, Any]:
        return {s["Sid"]: s for s in role_statements(resources[role]["Properties"])}

    job, function = granted("IngestJobRole"), granted("IngestRole")
    own = {"WriteOwnLog", "Consume", "HandOverLargeDrops", "ImportInParts"}
    assert job == {sid: statement for sid, statement in function.items() if sid not in own}


def test_a_features_job_makes_partitions_and_tells_nobody(resources: dict[str, Any]) -> None:
    definition = resources["FeatureJobDefinition"]["Properties"]
    container = definition["ContainerProperties"]

    assert container["Command"] == ["python", "-m", "headgate.jobs.features", "Ref::build"]
    assert list(definition["Parameters"]) == ["build"]
    given = {e["Name"]: "1" for e in container["Environment"]}
    assert FeatureJobSettings.from_env(given).job_memory_mb == 1
    granted = role_statements(resources["FeatureJobRole"]["Properties"])
    writes = [s["Sid"] for s in granted if "Put" in str(s["Action"])]
    assert writes == ["WriteFeatures"]


def test_a_reproduction_s_first_job_reads_everything_and_writes_features_and_what_it_found(
    resources: dict[str, Any],
) -> None:
    definition = resources["ReproduceJobDefinition"]["Properties"]
    container = definition["ContainerProperties"]

    assert container["Command"] == ["python", "-m", "headgate.jobs.reproduce", "Ref::reproduction"]
    assert list(definition["Parameters"]) == ["reproduction"]
    given = {e["Name"]: "1" for e in container["Environment"]}
    assert ReproduceJobSettings.from_env(given).job_memory_mb == 1
    granted = role_statements(resources["ReproduceJobRole"]["Properties"])
    assert [s["Sid"] for s in granted if "Put" in str(s["Action"])] == ["WriteFeatures", "KeepReproductions"]
    assert not [s for s in granted if "Delete" in str(s["Action"]) or "events:" in str(s["Action"])]


def test_an_ingest_job_has_the_settings_it_reads(resources: dict[str, Any]) -> None:
    given = resources["IngestJobDefinition"]["Properties"]["ContainerProperties"]["Environment"]

    settings = IngestJobSettings.from_env({e["Name"]: "1" for e in given})

    assert settings.job_memory_mb == 1
