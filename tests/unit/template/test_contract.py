"""Parameters and outputs are those of docs/architecture.md; the expansion holds what the source meant."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from sam_expansion import ExpansionError, expand

from tests.unit.template.test_messaging import PIPES

NAME = re.compile(r"`([A-Z]\w+)`")


def test_every_parameter_of_the_architecture_is_there(
    template: dict[str, Any], architecture: dict[str, str]
) -> None:
    told = architecture["Template"].partition("Parameters:")[2]

    assert set(template["Parameters"]) == set(NAME.findall(told))


def test_every_parameter_has_a_default_and_a_description(template: dict[str, Any]) -> None:
    assert all("Default" in one and one["Description"] for one in template["Parameters"].values())


def test_every_output_of_the_architecture_is_there(
    template: dict[str, Any], architecture: dict[str, str]
) -> None:
    told = architecture["Template"].partition("Stack outputs:")[2].partition("Logical ids:")[0]
    wanted = {name for name in NAME.findall(told) if name != "PutObject"}
    wanted |= {f"{pipe}{kind}Url" for pipe in PIPES for kind in ("Queue", "Dlq")}

    assert wanted <= set(template["Outputs"])


def test_a_deployment_with_the_defaults_lets_nobody_in(template: dict[str, Any]) -> None:
    assert template["Parameters"]["IdentityJwks"]["Default"] == '{"keys":[]}'


def test_nothing_of_sam_is_left_after_the_expansion(expanded: dict[str, Any]) -> None:
    kinds = {one["Type"] for one in expanded.values()}

    assert not [kind for kind in kinds if kind.startswith("AWS::Serverless")]
    assert {"AWS::Lambda::EventSourceMapping", "AWS::ApiGateway::Deployment"} <= kinds


def test_sam_adds_no_role_of_its_own(resources: dict[str, Any], expanded: dict[str, Any]) -> None:
    def roles(found: dict[str, Any]) -> set[str]:
        return {name for name, one in found.items() if one["Type"] == "AWS::IAM::Role"}

    assert roles(expanded) == roles(resources)


def test_what_sam_refuses_is_told_with_the_resource(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(
        "Transform: AWS::Serverless-2016-10-31\n"
        "Resources: {Lost: {Type: AWS::Serverless::Function, Properties: {CodeUri: here/}}}\n"
    )

    with pytest.raises(ExpansionError, match="Lost"):
        expand(template)
