"""The Chalice application made of the endpoints, and the way an API Gateway event takes through it."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, Protocol

from chalice.app import Chalice, Request, Response
from headgate.domain.errors import AccessDenied, HeadgateError, InvalidRequest, NotFound
from headgate.services.dispatch.control_plane import ControlPlane

from chalicelib.endpoint import Endpoint, read_call
from chalicelib.errors import MethodNotAllowed, error_document, error_headers, json_response


class Log(Protocol):
    """What is used of a logger: the standard library's and Powertools' both fit."""

    def info(self, message: str, /, *, extra: Mapping[str, object]) -> None: ...

    def exception(self, message: str, /, *, extra: Mapping[str, object]) -> None: ...


def create_app(
    endpoints: tuple[Endpoint, ...],
    plane: Callable[[], ControlPlane],
    log: Callable[[], Log],
    count: Callable[[str], None],
) -> Chalice:
    """Registers every endpoint; the rest is called when a request is there. ``count`` adds 1 to a metric."""
    app = Chalice(app_name="headgate-api", configure_logs=False)
    desk = _Desk(app, plane, log, count)
    for endpoint in endpoints:
        route = app.route(endpoint.path, methods=[endpoint.method], name=endpoint.name, content_types=["*/*"])
        route(desk.view(endpoint))
    return app


def answer(app: Chalice, event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The REST proxy response to ``event``."""
    try:
        located = _located(app, event)
    except HeadgateError as error:
        return json_response(error.status, _json(error_document(error))).to_dict()
    return app(located, context)


@dataclass(frozen=True)
class _Desk:
    """Answers the calls of every endpoint: one line of log each, and an error is never left to Chalice."""

    app: Chalice
    plane: Callable[[], ControlPlane]
    log: Callable[[], Log]
    count: Callable[[str], None]

    def view(self, endpoint: Endpoint) -> Callable[..., Response]:
        """The function Chalice calls; it bears the view's name and docstring: the OpenAPI is made of them."""

        @wraps(endpoint.view)
        def respond(**_path: str) -> Response:
            request = _current_request(self.app)
            facts: dict[str, object] = {
                "route": f"{endpoint.method} {endpoint.path}",
                "api_request_id": request.context.get("requestId", ""),
                **(request.uri_params or {}),
            }
            response = self._respond(endpoint, request, facts)
            self.log().info("request answered", extra={**facts, "status": response.status_code})
            return response

        return respond

    def _respond(self, endpoint: Endpoint, request: Request, facts: dict[str, object]) -> Response:
        try:
            call = read_call(endpoint, request.to_original_event(), _raw_body(request))
            facts["principal"] = call.principal.id
            return json_response(endpoint.status, _json(endpoint.view(self.plane(), call)))
        except HeadgateError as error:
            return self._refusal(error, facts)
        except Exception:
            self.log().exception("request failed", extra=facts)
            self.count("RequestsFailed")
            unknown = {"error": "internal error", "type": "InternalError"}
            return json_response(500, _json({**unknown, "request_id": facts["api_request_id"]}))

    def _refusal(self, error: HeadgateError, facts: dict[str, object]) -> Response:
        document = error_document(error)
        facts["error_type"] = document["type"]
        if error.status == 500:
            self.log().exception("request failed", extra=facts)
            self.count("RequestsFailed")
            document["request_id"] = facts["api_request_id"]
        if isinstance(error, AccessDenied):
            self.count("AccessRefused")
        return json_response(error.status, _json(document), error_headers(error))


def _current_request(app: Chalice) -> Request:
    if app.current_request is None:
        raise RuntimeError("a view was called outside of a request")
    return app.current_request


def _raw_body(request: Request) -> bytes:
    try:
        raw = request.raw_body
    except ValueError as error:
        raise InvalidRequest(f"body: cannot be decoded: {error}") from error
    return raw.encode("utf-8") if isinstance(raw, str) else raw


def _json(document: Any) -> bytes:
    """Key order is kept, for people. NaN is refused: no reader has to take it. Surrogates are escaped."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


def _located(app: Chalice, event: Mapping[str, Any]) -> dict[str, Any]:
    """The event as Chalice wants it: every key it reads is there, and the resource path is one of its own.

    A deployment behind one greedy resource, or a path that still carries its stage, is brought to the same
    form.
    """
    context = dict(event["requestContext"])
    method = context.get("httpMethod") or event["httpMethod"]
    template, parameters = context.get("resourcePath"), event.get("pathParameters") or {}
    if template not in app.routes:
        template, parameters = _match(app, str(event.get("path", "")), str(context.get("stage", "")))
    if method not in app.routes[template]:
        raise MethodNotAllowed(f"{method} {template}: allowed are {', '.join(sorted(app.routes[template]))}")
    return {
        **dict.fromkeys(("headers", "multiValueQueryStringParameters", "stageVariables", "body")),
        **event,
        "requestContext": {**context, "resourcePath": template, "httpMethod": method},
        "pathParameters": parameters,
    }


def _match(app: Chalice, path: str, stage: str) -> tuple[str, dict[str, str]]:
    wanted = path.rstrip("/") or "/"
    for candidate in dict.fromkeys((wanted, wanted.removeprefix(f"/{stage}"))):
        for template in app.routes:
            found = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template), candidate)
            if found:
                return template, found.groupdict()
    raise NotFound(f"no route {path[:200]}")
