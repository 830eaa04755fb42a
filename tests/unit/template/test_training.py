"""AWS Batch: CPU always, GPU when asked for, in the VPC given or in one of the stack's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from headgate.config import FeatureJobSettings, IngestJobSettings, ReproduceJobSettings
from headgate.domain.reproduction import KIND
from headgate.domain.training import COMPUTE_CLASSES

from tests.unit.template.reading import listed, of_type, role_statements, target_of

GPU = {
    *("GpuComputeEnvironment", "GpuJobQueue", "GpuJobDefinition", "GpuInstanceRole", "GpuInstanceProfile"),
    *("MultiNodeComputeEnvironment", "MultiNodeJobQueue", "MultiNodeJobDefinition", "MultiNodeSecurityGroup"),
}
SPOT = {"SpotComputeEnvironment", "SpotJobQueue"}
TRAINERS = ["CpuJobDefinition", "GpuJobDefinition", "MultiNodeJobDefinition"]


def container(definition: dict[str, Any]) -> dict[str, Any]:
    """What a job, or each node of one, runs."""
    if definition["Type"] == "multinode":
        (nodes,) = definition["NodeProperties"]["NodeRangeProperties"]
    else:
        nodes = {"Container": definition["ContainerProperties"]}
    found: dict[str, Any] = nodes["Container"]
    return found


def needs(definition: dict[str, Any]) -> dict[str, int]:
    return {one["Type"]: int(one["Value"]) for one in container(definition)["ResourceRequirements"]}


def test_gpu_is_there_only_when_asked_for(resources: dict[str, Any]) -> None:
    conditional = {name for name, one in resources.items() if one.get("Condition") == "HasGpu"}

    assert conditional == GPU
    assert {name for name, one in resources.items() if one.get("Condition") == "OnSpot"} == SPOT


def test_a_network_is_made_only_when_none_is_given(resources: dict[str, Any]) -> None:
    network = {name for name, one in resources.items() if one["Type"].startswith("AWS::EC2::")}

    assert len(network) == 12
    assert {name for name in network if resources[name].get("Condition") != "NoVpc"} == {
        "TrainingSecurityGroup",
        "MultiNodeSecurityGroup",
    }


def test_nothing_reaches_a_training_job(resources: dict[str, Any]) -> None:
    group = resources["TrainingSecurityGroup"]["Properties"]

    assert group["SecurityGroupIngress"] == []
    assert [rule["ToPort"] for rule in group["SecurityGroupEgress"]] == [443]


def test_nodes_of_one_job_reach_each_other_and_nobody_reaches_them(resources: dict[str, Any]) -> None:
    group = resources["MultiNodeSecurityGroup"]["Properties"]
    peers = {"Fn::GetAtt": ["TrainingSecurityGroup", "GroupId"]}

    assert [rule["SourceSecurityGroupId"] for rule in group["SecurityGroupIngress"]] == [peers]
    assert [rule["DestinationSecurityGroupId"] for rule in group["SecurityGroupEgress"]] == [peers]
    environments = of_type(resources, "AWS::Batch::ComputeEnvironment")
    carriers = {
        name: target_of(carried)
        for name, one in environments.items()
        for carried in one["ComputeResources"]["SecurityGroupIds"]
        if target_of(carried) != "TrainingSecurityGroup"
    }
    assert carriers == {"MultiNodeComputeEnvironment": "MultiNodeSecurityGroup"}


def test_an_idle_platform_holds_no_machine(resources: dict[str, Any]) -> None:
    environments = of_type(resources, "AWS::Batch::ComputeEnvironment")

    assert environments["CpuComputeEnvironment"]["ComputeResources"]["Type"] == "FARGATE"
    gpu = environments["GpuComputeEnvironment"]["ComputeResources"]
    assert (gpu["Type"], gpu["MinvCpus"]) == ("SPOT", 0)
    assert all(kind.startswith("g5.") for kind in gpu["InstanceTypes"])
    assert environments["SpotComputeEnvironment"]["ComputeResources"]["Type"] == "FARGATE_SPOT"


def test_several_nodes_are_on_demand_in_one_zone_and_priced_together(
    resources: dict[str, Any], root: Path
) -> None:
    nodes = of_type(resources, "AWS::Batch::ComputeEnvironment")["MultiNodeComputeEnvironment"]
    definition = resources["MultiNodeJobDefinition"]["Properties"]
    prices = json.loads((root / "infra/prices.json").read_text())

    compute = nodes["ComputeResources"]
    assert (compute["Type"], compute["MinvCpus"], len(compute["Subnets"])) == ("EC2", 0, 1)
    count = definition["NodeProperties"]["NumNodes"]
    assert needs(definition)["VCPU"] * count <= compute["MaxvCpus"]
    price, (kind,) = prices["compute"]["gpu-multi-node"], compute["InstanceTypes"]
    assert price["usd_per_hour"] == pytest.approx(count * prices["ec2"]["hourly"][kind])
    assert price["gpu"] == count * needs(definition)["GPU"]


@pytest.mark.parametrize("name", ["GpuJobDefinition", "MultiNodeJobDefinition"])
def test_a_gpu_job_asks_for_gpus_and_shared_memory(resources: dict[str, Any], name: str) -> None:
    definition = resources[name]["Properties"]

    shared = container(definition)["LinuxParameters"]["SharedMemorySize"]
    assert needs(definition)["GPU"] >= 1
    assert 1024 <= shared < needs(definition)["MEMORY"]


def test_every_compute_class_has_a_queue_a_definition_and_a_price(
    resources: dict[str, Any], root: Path
) -> None:
    variables = resources["TrainFunction"]["Properties"]["Environment"]["Variables"]
    prices = json.loads((root / "infra/prices.json").read_text())["compute"]
    for variable in ("BATCH_QUEUES", "BATCH_JOB_DEFINITIONS"):
        _, with_gpu, without = variables[variable]["Fn::If"]

        def classes(found: Any) -> set[str]:
            text = found["Fn::Sub"]
            return set(json.loads(text if isinstance(text, str) else text[0]))

        assert classes(with_gpu) - {KIND} == set(COMPUTE_CLASSES) == set(prices)
        assert classes(without) - {KIND} == {"cpu"}


def test_training_on_spot_has_a_queue_of_its_own(resources: dict[str, Any]) -> None:
    queues = resources["TrainFunction"]["Properties"]["Environment"]["Variables"]["BATCH_QUEUES"]
    chosen = {"Fn::If": ["OnSpot", {"Ref": "SpotJobQueue"}, {"Ref": "CpuJobQueue"}]}

    assert [found["Fn::Sub"][1]["Cpu"] for found in queues["Fn::If"][1:]] == [chosen, chosen]
    others = [resources[name]["Properties"] for name in ("IngestFunction", "BuildFeaturesFunction")]
    assert all("Spot" not in str(one["Environment"]["Variables"]["BATCH_QUEUES"]) for one in others)


@pytest.mark.parametrize("name", TRAINERS)
def test_a_job_retries_what_a_retry_can_help(resources: dict[str, Any], name: str) -> None:
    strategy = resources[name]["Properties"]["RetryStrategy"]
    rules = [tuple(rule.values()) for rule in strategy["EvaluateOnExit"]]

    assert 1 < strategy["Attempts"] <= 10
    assert len(rules) <= 5, "AWS Batch takes five"
    fargate = resources[name]["Properties"]["PlatformCapabilities"] == ["FARGATE"]
    reclaimed = "Your Spot Task was interrupted*" if fargate else "Host EC2*"
    assert rules == [(reclaimed, "RETRY"), ("75", "RETRY"), ("64", "EXIT"), ("70", "EXIT"), ("*", "EXIT")]


@pytest.mark.parametrize("name", TRAINERS)
def test_a_job_is_told_its_run_spec_and_nothing_else(resources: dict[str, Any], name: str) -> None:
    definition = resources[name]["Properties"]
    run = container(definition)

    assert run["Command"] == ["python", "-m", "headgate_trainer", "Ref::run_spec"]
    assert list(definition["Parameters"]) == ["run_spec"]
    assert definition["Timeout"]["AttemptDurationSeconds"] >= 60
    assert run["JobRoleArn"] == {"Fn::GetAtt": ["TrainerJobRole", "Arn"]}
    assert "awslogs-group" not in run["LogConfiguration"]["Options"], "AWS Batch makes its own group"


def test_a_trainer_writes_outputs_and_checkpoints_and_deletes_only_the_latter(
    resources: dict[str, Any],
) -> None:
    granted: dict[str, set[str]] = {}
    for statement in role_statements(resources["TrainerJobRole"]["Properties"]):
        for action in listed(statement["Action"]):
            granted.setdefault(action, set()).update(
                resource["Fn::Sub"] for resource in listed(statement["Resource"]) if "Fn::Sub" in resource
            )

    outputs, checkpoints = (f"${{ModelsBucket.Arn}}/*/runs/*/{kind}/*" for kind in ("out", "checkpoints"))
    assert granted["s3:PutObject"] == {outputs, checkpoints}
    assert granted["s3:DeleteObject"] == {checkpoints}
    assert granted["s3:GetObject"] == {
        *(outputs, checkpoints),
        "${LakeBucket.Arn}/*/features/*",
        "${ModelsBucket.Arn}/*/runs/*/spec.json",
        "${ModelsBucket.Arn}/*/experiments/*/trials.json",
    }


def test_train_may_submit_to_this_stack_alone(resources: dict[str, Any]) -> None:
    (submit,) = [
        statement
        for statement in role_statements(resources["TrainRole"]["Properties"])
        if statement["Action"] == "batch:SubmitJob"
    ]

    assert {"Ref": "CpuJobQueue"} in submit["Resource"]
    assert {"Ref": "CpuJobDefinition"} in submit["Resource"]
    conditional = {
        (one["Fn::If"][0], target_of(one["Fn::If"][1])) for one in submit["Resource"] if "Fn::If" in one
    }
    assert conditional == {
        ("OnSpot", "SpotJobQueue"),
        *(
            ("HasGpu", f"{kind}Job{part}")
            for kind in ("Gpu", "MultiNode")
            for part in ("Queue", "Definition")
        ),
    }
    assert {"Ref": "ReproduceJobDefinition"} in submit["Resource"]
    assert len(submit["Resource"]) == 3 + len(conditional)


def test_the_end_of_every_training_job_is_heard_of(resources: dict[str, Any]) -> None:
    (heard,) = [
        one["EventPattern"]["detail"]["jobQueue"]
        for name, one in of_type(resources, "AWS::Events::Rule").items()
        if name == "JobEndedRule"
    ]

    queues = {name for name, one in resources.items() if one["Type"] == "AWS::Batch::JobQueue"}
    assert {target_of(one["Fn::If"][1] if "Fn::If" in one else one) for one in heard} == queues


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
