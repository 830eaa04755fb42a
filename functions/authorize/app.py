"""API Gateway TOKEN authorizer: wiring only. It logs who came in or why not, never a token or an event."""

import os
from datetime import UTC, datetime
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from headgate.adapters.identity.jwt_verifier import JwtVerifier
from headgate.domain.identity import TokenRefused
from headgate.services.authorize_request import AuthorizeRequest, AuthorizeSettings


@cache
def _wired() -> tuple[AuthorizeRequest, Logger]:
    """Made on the first request and kept: reading the key set is the cost of a cold start."""
    settings = AuthorizeSettings.from_env(os.environ)
    verifier = JwtVerifier(settings.jwks, settings.issuer, settings.audience, now=lambda: datetime.now(UTC))
    return AuthorizeRequest(verifier), Logger()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    authorize, logger = _wired()
    asked = {"method_arn": event["methodArn"], "request_id": context.aws_request_id}
    try:
        ruling = authorize(event.get("authorizationToken"), event["methodArn"])
    except TokenRefused as refused:
        logger.info("request refused", extra={**asked, "fault": refused.fault, "reason": str(refused)})
        # API Gateway answers 401 to this very message, and 500 to any other.
        raise Exception("Unauthorized") from None
    logger.info("request judged", extra={**asked, "principal": ruling.principal.id, "effect": ruling.effect})
    return ruling.to_response()
