"""HTTP: the Open Inference Protocol v2 on ONNX Runtime."""

import os
from functools import cache
from typing import Any

from headgate import __version__, bootstrap
from headgate.domain.errors import HeadgateError
from headgate.domain.inference import server_metadata
from headgate.entrypoint import count, function, logger
from headgate.inference_routes import Call, call_of, http_response
from headgate.services.serving.infer import Infer


@cache
def service() -> Infer:
    return bootstrap.infer(os.environ)


@function
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    try:
        return http_response(200, answer(call_of(event)))
    except HeadgateError as error:
        log = logger().info if error.status < 500 else logger().error
        log("request refused", extra={"error_type": type(error).__name__, "reason": str(error)})
        return http_response(error.status, {"error": str(error)})
    except Exception:
        logger().exception("unexpected failure")
        return http_response(500, {"error": f"internal error; request {context.aws_request_id}"})


def answer(call: Call) -> dict[str, Any]:
    """The protocol's routes, each one call of the service."""
    if call.route == "server":
        return server_metadata(__version__)
    if call.route in ("live", "health"):
        return {call.route if call.route == "live" else "ready": True}
    principal = call.principal()
    if call.route == "metadata":
        return service().metadata(principal, call.model, call.version)
    if call.route == "ready":
        return service().ready(principal, call.model, call.version)
    count("Predictions")
    return service().predict(principal, call.model, call.version, call.document())
