"""The API: named methods, a token for all but health, one shape of error, the control plane's own routes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi import API

METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}
MODEL = "/v2/models/{model}"
SERVING = {
    ("/v2", "get"),
    ("/v2/health/live", "get"),
    ("/v2/health/ready", "get"),
    *((f"{MODEL}{version}{suffix}", method)
      for version in ("", "/versions/{version}")
      for suffix, method in (("", "get"), ("/ready", "get"), ("/infer", "post"))),
}  # fmt: skip


@pytest.fixture(scope="session")
def definition(expanded: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = expanded["Api"]["Properties"]["Body"]
    return found


def operations(definition: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in definition["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_every_method_is_named(definition: dict[str, Any]) -> None:
    assert {method for _, method, _ in operations(definition)} <= METHODS


def test_serving_is_the_open_inference_protocol(definition: dict[str, Any]) -> None:
    assert {(path, method) for path, method, _ in operations(definition) if path.startswith("/v2")} == SERVING


def test_serving_goes_to_infer_and_the_rest_to_api(definition: dict[str, Any]) -> None:
    for path, _, operation in operations(definition):
        integration = operation["x-amazon-apigateway-integration"]
        function = "InferFunction" if path.startswith("/v2") else "ApiFunction"
        assert (integration["type"], integration["httpMethod"]) == ("aws_proxy", "POST")
        assert f"${{{function}.Arn}}/invocations" in integration["uri"]["Fn::Sub"]


def test_health_alone_needs_no_token(definition: dict[str, Any]) -> None:
    # Each operation says so itself: nothing hangs on what an importer makes of the document's root.
    asked = {path: operation["security"] for path, _, operation in operations(definition)}

    assert {path for path, security in asked.items() if security == []} == {
        "/v2/health/live",
        "/v2/health/ready",
    }
    assert [security for security in asked.values() if security not in ([], [{"HeadgateToken": []}])] == []
    assert list(definition["components"]["securitySchemes"]) == ["HeadgateToken"]


def test_a_token_is_judged_by_authorize_and_remembered_for_five_minutes(definition: dict[str, Any]) -> None:
    scheme = definition["components"]["securitySchemes"]["HeadgateToken"]
    authorizer = scheme["x-amazon-apigateway-authorizer"]

    assert (scheme["name"], scheme["in"], scheme["x-amazon-apigateway-authtype"]) == (
        "Authorization",
        "header",
        "custom",
    )
    assert (authorizer["type"], authorizer["authorizerResultTtlInSeconds"]) == ("token", 300)
    assert "${AuthorizeFunction.Arn}/invocations" in authorizer["authorizerUri"]["Fn::Sub"]


def test_the_gateway_answers_errors_in_the_same_shape_as_the_functions(definition: dict[str, Any]) -> None:
    answers = definition["x-amazon-apigateway-gateway-responses"]

    assert {"DEFAULT_4XX", "DEFAULT_5XX", "UNAUTHORIZED", "MISSING_AUTHENTICATION_TOKEN"} == set(answers)
    for answer in answers.values():
        assert answer["responseTemplates"]["application/json"].startswith('{"error": ')


def test_operation_ids_are_unique_and_path_parameters_declared(definition: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(definition)]

    assert len(ids) == len(set(ids)) > 20
    for path, _, operation in operations(definition):
        wanted = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        assert [parameter["name"] for parameter in operation.get("parameters", [])] == wanted


@pytest.mark.parametrize(
    ("permission", "function", "source"),
    [
        ("InferFromApi", "InferFunction", "${Api}/${Environment}/*"),
        ("ApiFromApi", "ApiFunction", "${Api}/${Environment}/*"),
        ("AuthorizeFromApi", "AuthorizeFunction", "${Api}/authorizers/*"),
    ],
)
def test_only_this_api_may_call_its_functions(
    resources: dict[str, Any], permission: str, function: str, source: str
) -> None:
    properties = resources[permission]["Properties"]

    assert properties["FunctionName"] == {"Ref": function}
    assert properties["Principal"] == "apigateway.amazonaws.com"
    assert properties["SourceArn"]["Fn::Sub"].endswith(f":{source}")


def test_the_stage_throttles_and_logs_access(expanded: dict[str, Any]) -> None:
    (stage,) = [one["Properties"] for one in expanded.values() if one["Type"] == "AWS::ApiGateway::Stage"]

    assert stage["AccessLogSetting"]["DestinationArn"] == {"Fn::GetAtt": ["ApiAccessLogGroup", "Arn"]}
    assert stage["TracingEnabled"] is False
    (settings,) = stage["MethodSettings"]
    assert settings["ThrottlingRateLimit"] > 0
    assert settings["ThrottlingBurstLimit"] >= settings["ThrottlingRateLimit"]


def test_the_control_plane_is_what_the_routes_of_the_api_function_say(root: Path) -> None:
    if not API.exists():
        pytest.skip("functions/api/app.py is not there to be compared with")

    # A process of its own: the function's modules have names that other functions' may have too.
    checked = subprocess.run(
        [sys.executable, root / "infra/setup/openapi.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stderr
