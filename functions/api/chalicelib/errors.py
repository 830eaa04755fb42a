"""Errors as HTTP answers: ``{"error": <sentence>, "type": <class>}``, and ``"statement"`` when a policy
refused.
"""

from typing import Any

from chalice.app import Response
from headgate.domain.errors import AccessDenied, HeadgateError, InvalidRequest, Retryable

RETRY_AFTER_SECONDS = "1"


class PayloadTooLarge(InvalidRequest):
    """The body is larger than the control plane takes."""

    status = 413


class UnsupportedMediaType(InvalidRequest):
    """The body is of another type than JSON."""

    status = 415


class MethodNotAllowed(InvalidRequest):
    """The path exists, not for this method."""

    status = 405


def json_response(status: int, body: bytes, headers: dict[str, str] | None = None) -> Response:
    """A response that no cache keeps: what it says is true for one caller at one time."""
    fixed = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return Response(body.decode("utf-8"), {**fixed, **(headers or {})}, status)


def error_document(error: HeadgateError) -> dict[str, Any]:
    """The body of an answer that says no."""
    document: dict[str, Any] = {"error": str(error), "type": type(error).__name__}
    if isinstance(error, AccessDenied):
        document["statement"] = error.statement
    return document


def error_headers(error: HeadgateError) -> dict[str, str]:
    """Tells clients that the same call may succeed soon."""
    waits = isinstance(error, Retryable) and error.status in (429, 503)
    return {"Retry-After": RETRY_AFTER_SECONDS} if waits else {}
