"""Packaging replaces local paths, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from headgate_local.artifacts import zip_folder
from headgate_local.package import Packager, PackagingError
from headgate_local.template_source import read_template

TEMPLATE = """
AWSTemplateFormatVersion: 2010-09-09
Transform: AWS::Serverless-2016-10-31
Conditions:
  IsProd: !Equals [!Ref Environment, prod]
Resources:
  CoreLayer:
    Type: AWS::Serverless::LayerVersion
    Metadata: {BuildMethod: makefile}
    Properties: {ContentUri: layers/core/}
  PlainLayer:
    Type: AWS::Lambda::LayerVersion
    Properties: {Content: plain}
  IngestFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/ingest/
      Role: !GetAtt IngestRole.Arn
      Environment:
        Variables:
          BUCKET: !Sub "${AWS::StackName}-landing"
          DEEP: !If [IsProd, !GetAtt Nested.Outputs.Name, !Ref AWS::NoValue]
          BOTH: !Join ["-", [!Ref A, !Select [0, !Split [",", !Ref B]]]]
  IngestRole:
    Type: AWS::IAM::Role
    Condition: IsProd
    Properties:
      AssumeRolePolicyDocument: {Version: 2012-10-17, Statement: []}
  Api:
    Type: AWS::Serverless::Api
    Properties:
      DefinitionBody:
        Fn::Transform: {Name: AWS::Include, Parameters: {Location: openapi.yaml}}
  Elsewhere:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: "s3://other/code.zip"}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for path, text in {
        "template.yaml": TEMPLATE,
        "functions/ingest/app.py": "def handler(event, context): ...\n",
        "layers/core/Makefile": "build-CoreLayer:\n",
        "build/layers/core/python/headgate/__init__.py": "",
        "plain/python/plain.py": "",
        "openapi.yaml": "paths: {}\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def packager(project: Path) -> Packager:
    return Packager(project / "template.yaml", "artifacts", project / "build/layers", project / "cache")


def resources(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(packager(project).package().body)["Resources"]
    return found


def test_a_functions_folder_becomes_an_address_that_names_its_content(project: Path) -> None:
    code = resources(project)["IngestFunction"]["Properties"]["CodeUri"]

    assert code == f"s3://artifacts/{zip_folder(project / 'functions/ingest', project / 'again').key}"


def test_a_layer_with_a_recipe_is_what_its_recipe_built(project: Path) -> None:
    built = zip_folder(project / "build/layers/core", project / "again", bytecode=True)

    assert resources(project)["CoreLayer"]["Properties"]["ContentUri"] == f"s3://artifacts/{built.key}"


def test_a_plain_resource_is_addressed_as_lambda_wants_it(project: Path) -> None:
    content = resources(project)["PlainLayer"]["Properties"]["Content"]

    assert content["S3Bucket"] == "artifacts"
    assert content["S3Key"].endswith(".zip")


def test_an_included_definition_is_sent_along(project: Path) -> None:
    package = packager(project).package()
    body = json.loads(package.body)["Resources"]["Api"]["Properties"]["DefinitionBody"]
    location = body["Fn::Transform"]["Parameters"]["Location"]

    assert location.startswith("s3://artifacts/")
    assert location.rpartition("/")[2] in {artifact.key for artifact in package.artifacts}


def test_what_lies_in_a_bucket_already_is_left_alone(project: Path) -> None:
    assert resources(project)["Elsewhere"]["Properties"]["CodeUri"] == "s3://other/code.zip"


def test_everything_else_is_passed_on(project: Path) -> None:
    # Given the template with its local paths taken out
    def without_paths(template: dict[str, Any]) -> dict[str, Any]:
        for resource in template["Resources"].values():
            for name in ("CodeUri", "ContentUri", "Content", "DefinitionBody"):
                resource["Properties"].pop(name, None)
        return template

    packaged = json.loads(packager(project).package().body)

    assert without_paths(packaged) == without_paths(read_template(project / "template.yaml"))


def test_short_tags_become_what_cloudformation_means_by_them(project: Path) -> None:
    template = read_template(project / "template.yaml")
    properties = template["Resources"]["IngestFunction"]["Properties"]

    assert template["Conditions"]["IsProd"] == {"Fn::Equals": [{"Ref": "Environment"}, "prod"]}
    assert properties["Role"] == {"Fn::GetAtt": ["IngestRole", "Arn"]}
    assert properties["Environment"]["Variables"] == {
        "BUCKET": {"Fn::Sub": "${AWS::StackName}-landing"},
        "DEEP": {"Fn::If": ["IsProd", {"Fn::GetAtt": ["Nested", "Outputs.Name"]}, {"Ref": "AWS::NoValue"}]},
        "BOTH": {"Fn::Join": ["-", [{"Ref": "A"}, {"Fn::Select": [0, {"Fn::Split": [",", {"Ref": "B"}]}]}]]},
    }


def test_a_date_stays_the_text_it_is(project: Path) -> None:
    template = read_template(project / "template.yaml")

    assert template["AWSTemplateFormatVersion"] == "2010-09-09"
    role = template["Resources"]["IngestRole"]["Properties"]
    assert role["AssumeRolePolicyDocument"]["Version"] == "2012-10-17"


def test_the_package_does_not_depend_on_when_it_was_made(project: Path) -> None:
    assert packager(project).package() == packager(project).package()


def test_a_layer_that_was_not_built_says_how_to_build_it(project: Path) -> None:
    (project / "build/layers/core/python/headgate/__init__.py").unlink()
    (project / "build/layers/core/python/headgate").rmdir()
    (project / "build/layers/core/python").rmdir()

    with pytest.raises(PackagingError, match="CoreLayer: .* run `make layers`"):
        packager(project).package()


def test_a_folder_that_is_not_there_is_named(project: Path) -> None:
    (project / "functions/ingest/app.py").unlink()
    (project / "functions/ingest").rmdir()

    with pytest.raises(PackagingError, match="functions/ingest: no such folder"):
        packager(project).package()


def test_a_file_without_resources_is_not_a_template(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text("Outputs: {}\n")

    with pytest.raises(ValueError, match="a template must have Resources"):
        read_template(tmp_path / "template.yaml")


def test_the_projects_own_template_is_read_whole(root: Path) -> None:
    template = read_template(root / "template.yaml")

    assert template["Transform"] == "AWS::Serverless-2016-10-31"
    assert not [key for key in template["Resources"] if not isinstance(template["Resources"][key], dict)]
