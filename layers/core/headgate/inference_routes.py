"""The inference protocol over API Gateway: proxy events in, calls and proxy responses out. Knows HTTP, not
models.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from headgate.domain.errors import InvalidRequest, NotFound, Unauthenticated
from headgate.domain.identity import Principal
from headgate.domain.inference import shown
from headgate.domain.shape import parse_json

MAX_BODY_BYTES = 6 * 1024**2
_NAME = r"[^/]+"
_ROUTES = {
    "server": ("GET", re.compile(r"/v2/?")),
    "live": ("GET", re.compile(r"/v2/health/live/?")),
    "health": ("GET", re.compile(r"/v2/health/ready/?")),
    "metadata": ("GET", re.compile(rf"/v2/models/(?P<model>{_NAME})(/versions/(?P<version>{_NAME}))?/?")),
    "ready": ("GET", re.compile(rf"/v2/models/(?P<model>{_NAME})(/versions/(?P<version>{_NAME}))?/ready/?")),
    "infer": ("POST", re.compile(rf"/v2/models/(?P<model>{_NAME})(/versions/(?P<version>{_NAME}))?/infer/?")),
}


@dataclass(frozen=True)
class Call:
    """One routed request. ``model`` is empty for routes without one."""

    route: str
    model: str
    version: str | None
    body: bytes
    authorizer: Mapping[str, Any]

    def principal(self) -> Principal:
        """Who calls, as the authorizer said. Raises Unauthenticated when it said nothing usable."""
        try:
            return Principal.from_context(self.authorizer["principalId"], self.authorizer)
        except (KeyError, ValueError) as problem:
            raise Unauthenticated(f"the request has no authorized principal: {problem}") from problem

    def document(self) -> Any:
        """The JSON body. Raises InvalidRequest, also for NaN, infinities and keys that stand twice."""
        return parse_json(self.body, "body")


def call_of(event: Mapping[str, Any]) -> Call:
    """Raises NotFound for a path or method that is no route, InvalidRequest for a body that is too large or
    no base64.
    """
    path, method = event.get("path") or "/", event.get("httpMethod", "GET")
    for name, (verb, pattern) in _ROUTES.items():
        found = pattern.fullmatch(path)
        if found and verb == method:
            parts = found.groupdict()
            version = parts.get("version")
            context = (event.get("requestContext") or {}).get("authorizer") or {}
            return Call(
                name,
                unquote(parts.get("model") or ""),
                unquote(version) if version else None,
                _body(event),
                context,
            )
    raise NotFound(f"no route {shown(method)} {shown(path)}")


def _body(event: Mapping[str, Any]) -> bytes:
    text = event.get("body") or ""
    encoded = bool(event.get("isBase64Encoded"))
    try:
        body = base64.b64decode(text, validate=True) if encoded else text.encode("utf-8")
    except ValueError as error:
        raise InvalidRequest(f"the body is no {'base64' if encoded else 'UTF-8'}") from error
    if len(body) > MAX_BODY_BYTES:
        raise InvalidRequest(f"the body has {len(body)} bytes; at most {MAX_BODY_BYTES} are taken")
    return body


def http_response(status: int, document: Mapping[str, Any]) -> dict[str, Any]:
    """A proxy response with a JSON body."""
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(document, allow_nan=False),
        "isBase64Encoded": False,
    }
