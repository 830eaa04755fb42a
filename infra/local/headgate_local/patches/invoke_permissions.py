"""A service invokes a function only if the function's policy lets it.

Missing: MiniStack lets API Gateway invoke any function, integration or authorizer, so a forgotten
AWS::Lambda::Permission, which on AWS turns every request into a 500, goes unnoticed.
So: the function's resource policy is evaluated for the principal apigateway.amazonaws.com and the ARN of the
method or authorizer; without an Allow the API answers as AWS does. (EventBridge is checked in
`event_targets`.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headgate_local.patches.settings import PatchSettings

SERVICE = "apigateway.amazonaws.com"


def apply(_settings: PatchSettings) -> None:
    """Wrap API Gateway's two ways of invoking a function."""
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import apigateway_v1 as gateway

    proxy, authorizer = gateway._invoke_lambda_proxy_v1, gateway._invoke_authorizer_lambda

    async def proxy_if_permitted(
        integration: Mapping[str, Any],
        api_id: str,
        stage: str,
        settings: Any,
        resource: Mapping[str, Any],
        path: str,
        method: str,
        *rest: Any,
        **named: Any,
    ) -> Any:
        region = named.get("owner_region") or get_region()
        account = named.get("owner_account_id") or get_account_id()
        source = (
            f"arn:aws:execute-api:{region}:{account}:{api_id}/{stage}/{method}{resource.get('path', path)}"
        )
        function = gateway._extract_lambda_ref_from_integration_uri(integration.get("uri", ""))
        if not may_invoke(function, SERVICE, source):
            return gateway._gw_error("API_CONFIGURATION_ERROR", "Internal server error")
        return await proxy(integration, api_id, stage, settings, resource, path, method, *rest, **named)

    async def authorize_if_permitted(
        found: Mapping[str, Any], event: Mapping[str, Any], account_id: str, region: str
    ) -> Any:
        # methodArn is arn:aws:execute-api:<region>:<account>:<api>/<stage>/…
        source = f"{str(event.get('methodArn', '')).partition('/')[0]}/authorizers/{found.get('id', '')}"
        function = gateway._extract_lambda_ref_from_integration_uri(found.get("authorizerUri", ""))
        if not may_invoke(function, SERVICE, source):
            return None
        return await authorizer(found, event, account_id, region)

    gateway._invoke_lambda_proxy_v1 = proxy_if_permitted
    gateway._invoke_authorizer_lambda = authorize_if_permitted


def may_invoke(function_ref: str, service: str, source_arn: str) -> bool:
    """Whether the policy of the function allows the service on behalf of the source.

    True for a function that does not exist: saying so is the invoker's business.
    """
    from ministack.core import iam_evaluator
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import lambda_svc

    function, config, _name = lambda_svc._get_func_record_for_ref(function_ref)
    if not function or not config:
        return True
    context = iam_evaluator.EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action="lambda:InvokeFunction",
        resource_arn=str(config.get("FunctionArn", "")),
        region=get_region(),
        service_context={"aws:sourcearn": source_arn, "aws:sourceaccount": get_account_id()},
    )
    policy = lambda_svc.json.dumps(function.get("policy") or {"Statement": []})
    result = iam_evaluator.evaluate_resource_policy(policy, context, service=service)
    return bool(result.decision == "Allow")
