"""API Gateway TOKEN authorizer: wiring only. It logs who came in or why not, never a token or an event."""

import os
from functools import cache
from typing import Any

from headgate import bootstrap
from headgate.domain.identity import TokenRefused
from headgate.entrypoint import function, logger
from headgate.services.governance.authorize_request import AuthorizeRequest


@cache
def service() -> AuthorizeRequest:
    return bootstrap.authorize(os.environ)


@function
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    asked = {"method_arn": event["methodArn"]}
    try:
        ruling = service()(event.get("authorizationToken"), event["methodArn"])
    except TokenRefused as refused:
        logger().info("request refused", extra={**asked, "fault": refused.fault, "reason": str(refused)})
        # API Gateway answers 401 to this very message, and 500 to any other.
        raise Exception("Unauthorized") from None
    logger().info(
        "request judged", extra={**asked, "principal": ruling.principal.id, "effect": ruling.effect}
    )
    return ruling.to_response()
