"""Functions are as docs/architecture.md says, with a role and a log each; every wildcard has its reason."""

from __future__ import annotations

import re
from typing import Any

import pytest
from headgate import bootstrap

from tests.unit.template.reading import by_function, listed, of_type, role_statements, target_of

FUNCTIONS = (
    "ingest",
    "build_features",
    "train",
    "register",
    "infer",
    "api",
    "authorize",
    "monitor",
    "record",
    "publish",
    "maintain",
)
VARIABLE = re.compile(r"`([A-Z][A-Z_]+)")


def logical_id(function: str) -> str:
    return "".join(word.capitalize() for word in function.split("_"))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_variable_of_the_architecture_is_set_and_no_other(
    template: dict[str, Any], functions: dict[str, Any], architecture: dict[str, str], function: str
) -> None:
    common, own = architecture["Functions"].split("Then by function:")
    own = own.partition("AWS endpoints")[0]
    expected = {*VARIABLE.findall(common), *VARIABLE.findall(by_function(own).get(function, ""))}

    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    variables = functions[f"{logical_id(function)}Function"]["Environment"]["Variables"]

    assert set(shared) | set(variables) == expected
    assert shared["POWERTOOLS_METRICS_NAMESPACE"] == "Headgate"
    assert variables["POWERTOOLS_SERVICE_NAME"] == function


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_the_layers_of_the_architecture(
    functions: dict[str, Any], architecture: dict[str, str], function: str
) -> None:
    told = architecture["Functions"].partition("Layers: ")[2].rstrip().rstrip(".")
    expected = [{"Ref": f"{name.capitalize()}Layer"} for name in by_function(told)[function].split("+")]

    assert functions[f"{logical_id(function)}Function"]["Layers"] == expected


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_a_role_and_a_log_group_of_its_own(
    resources: dict[str, Any], functions: dict[str, Any], function: str
) -> None:
    name = logical_id(function)
    properties = functions[f"{name}Function"]
    group = resources[f"{name}LogGroup"]["Properties"]

    assert properties["CodeUri"] == f"functions/{function}/"
    assert properties["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
    assert properties["LoggingConfig"] == {"LogGroup": {"Ref": f"{name}LogGroup"}}
    assert group["LogGroupName"]["Fn::Sub"] == f"/aws/lambda/{properties['FunctionName']['Fn::Sub']}"


def test_no_log_is_kept_forever(resources: dict[str, Any]) -> None:
    groups = of_type(resources, "AWS::Logs::LogGroup")

    assert len(groups) == len(FUNCTIONS) + 1
    assert all(group["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups.values())


NOT_SCOPED = {"batch:DescribeJobs"}
"""What AWS grants on every resource or on none."""


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_names_actions_and_resources(resources: dict[str, Any], function: str) -> None:
    for statement in role_statements(resources[f"{logical_id(function)}Role"]["Properties"]):
        assert statement["Effect"] == "Allow"
        assert not [action for action in listed(statement["Action"]) if "*" in action]
        scoped = set(listed(statement["Action"])) - NOT_SCOPED
        assert not scoped or "*" not in listed(statement["Resource"])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_take_from_exactly_the_queues_it_is_fed_by(
    resources: dict[str, Any], functions: dict[str, Any], function: str
) -> None:
    fed = functions[f"{logical_id(function)}Function"].get("Events", {}).values()
    taken = {
        target_of(resource)
        for statement in role_statements(resources[f"{logical_id(function)}Role"]["Properties"])
        if "sqs:ReceiveMessage" in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }

    assert taken == {target_of(event["Properties"]["Queue"]) for event in fed}


def test_nothing_of_the_platform_writes_what_people_drop(resources: dict[str, Any]) -> None:
    roles = of_type(resources, "AWS::IAM::Role")

    def may(word: str, place: str) -> set[str]:
        return {
            name
            for name, role in roles.items()
            for statement in role_statements(role)
            if place in str(statement["Resource"]) and word in str(statement["Action"])
        }

    assert len(roles) == 18
    assert may("Put", "LandingBucket") == set()
    # Erasing what someone asked to be erased is the one exception.
    assert may("Delete", "LandingBucket") == {"MaintainRole"}
    assert may("s3:Delete", "LogsBucket") == {"MaintainRole"}
    # A trainer removes the checkpoints of a run that is done.
    assert may("s3:Delete", "ModelsBucket") == {"MaintainRole", "TrainerJobRole"}
    # Tables for other engines are derived, and rebuilt; a build takes its own notes away, and nothing else.
    assert may("s3:Delete", "LakeBucket") == {"BuildFeaturesRole", "MaintainRole", "PublishRole"}
    assert may("s3:Delete", "features/*/online/*") == {"BuildFeaturesRole"}
    deletes = [s for s in role_statements(roles["PublishRole"]) if "s3:DeleteObject" in listed(s["Action"])]
    assert [s["Resource"] for s in deletes] == [{"Fn::Sub": "${LakeBucket.Arn}/*/iceberg/*"}]


def test_every_wildcard_has_its_reason_beside_it(template_text: str) -> None:
    def without_reason(lines: list[str], number: int) -> bool:
        if "*" not in lines[number].partition(" #")[0] or lines[number].lstrip().startswith("#"):
            return False
        if " # " in lines[number] or lines[number - 1].lstrip().startswith("# "):
            return False
        # one reason may stand above a list of alike resources
        above = lines[number - 1]
        return "*" not in above or without_reason(lines, number - 1)

    lines = template_text.splitlines()
    missing = [f"{n + 1}: {lines[n].strip()}" for n in range(1, len(lines)) if without_reason(lines, n)]

    assert missing == []


def test_a_wildcard_without_a_reason_would_be_found(template_text: str) -> None:
    spoiled = template_text.replace(
        'Resource: "*" # these actions know no resource, and only read', 'Resource: "*"'
    )

    assert spoiled != template_text
    with pytest.raises(AssertionError, match="Resource"):
        test_every_wildcard_has_its_reason_beside_it(spoiled)


def test_sql_is_stopped_before_the_function_or_job_it_runs_in(
    resources: dict[str, Any], functions: dict[str, Any]
) -> None:
    job = resources["IngestJobDefinition"]["Properties"]["Timeout"]["AttemptDurationSeconds"]
    seconds = {name: functions[f"{name}Function"]["Timeout"] for name in ("Ingest", "BuildFeatures", "Infer")}

    assert pytest.approx(5 / 6) == bootstrap.INGEST_SECONDS / seconds["Ingest"]
    assert pytest.approx(5 / 6) == bootstrap.BUILD_SECONDS / seconds["BuildFeatures"]
    assert pytest.approx(5 / 6) == bootstrap.INGEST_JOB_SECONDS / job
    features = resources["FeatureJobDefinition"]["Properties"]["Timeout"]["AttemptDurationSeconds"]
    assert pytest.approx(5 / 6) == bootstrap.FEATURE_JOB_SECONDS / features
    assert seconds["Infer"] / 3 > bootstrap.REQUEST_SECONDS
