"""One route: method, path, what it takes, and the view that answers. Owns checking what a caller sends."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from headgate.domain.errors import InvalidRequest, Unauthenticated
from headgate.domain.identity import Principal
from headgate.domain.shape import Check, enforce, parse_json, record
from headgate.services.dispatch.control_plane import ControlPlane

from chalicelib.errors import PayloadTooLarge, UnsupportedMediaType

MAX_BODY_BYTES = 1024 * 1024
MAX_LIMIT = 1000
DEFAULT_LIMIT = 100
NOTHING: Check = record({})

_NAME = (re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}"), "a name of letters, digits and _")
_REF = (re.compile(r"[a-z0-9][a-z0-9._-]{0,62}"), "a name of small letters, digits, '.', '_' and '-'")
_PATH_PARAMETERS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "product": _NAME,
    "dataset": _NAME,
    "stage": _NAME,
    "reference": (
        re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"),
        "a version's name such as v12, a branch, a tag or a digest",
    ),
    "feature_set": _NAME,
    "view": _NAME,
    "build": (re.compile(r"[A-Za-z0-9-]{1,64}"), "the id of a build"),
    "parity": (re.compile(r"[A-Za-z0-9-]{1,64}"), "the id of a comparison"),
    "branch": _REF,
    "hold": _REF,
    "other": (re.compile(r"[1-9][0-9]{0,8}"), "a whole number from 1"),
    "version": (re.compile(r"[1-9][0-9]{0,8}"), "a whole number from 1"),
    "run": (re.compile(r"[0-9a-f]{64}"), "the 64 hex digits of a run"),
    "experiment": (re.compile(r"[0-9a-f]{64}"), "the 64 hex digits of an experiment"),
    "collection": (re.compile(r"[A-Za-z0-9-]{1,64}"), "the id of a collection"),
    "diff": (re.compile(r"[0-9a-f]{64}"), "the 64 hex digits of a diff"),
    "reproduction": (re.compile(r"[A-Za-z0-9-]{1,64}"), "the id of a reproduction"),
    "erasure": (re.compile(r"[A-Za-z0-9-]{1,64}"), "the id of an erasure"),
    "quarantine": (re.compile(r"[A-Za-z0-9-]{1,64}"), "the id of a refused drop"),
    "prediction": (re.compile(r"[A-Za-z0-9_.:-]{1,128}"), "the id of a prediction"),
}


@dataclass(frozen=True)
class Call:
    """One request, checked: ``query`` holds every declared parameter, None or its default where it was not
    sent.
    """

    principal: Principal
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Any

    @property
    def product(self) -> str:
        return self.path["product"]

    @property
    def limit(self) -> int:
        return int(self.query["limit"])

    @property
    def version(self) -> int:
        return int(self.path["version"])


View = Callable[[ControlPlane, Call], Any]


@dataclass(frozen=True)
class Parameter:
    """One query parameter: ``parse`` raises ``ValueError`` saying what is needed. One that may stand ``many``
    times is a list.
    """

    parse: Callable[[str], Any]
    default: Any = None
    required: bool = False
    many: bool = False


@dataclass(frozen=True)
class Endpoint:
    """``body`` is None for a route that takes none; ``status`` is what success is answered with."""

    method: str
    path: str
    view: View
    query: Mapping[str, Parameter] = field(default_factory=dict)
    body: Check | None = None
    status: int = 200

    @property
    def name(self) -> str:
        return self.view.__name__


def _limit(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= MAX_LIMIT:
        raise ValueError(f"a whole number between 1 and {MAX_LIMIT} is needed, found {text[:80]!r}")
    return int(text)


LIMIT: Mapping[str, Parameter] = {"limit": Parameter(_limit, DEFAULT_LIMIT)}


def read_call(endpoint: Endpoint, event: Mapping[str, Any], raw_body: bytes) -> Call:
    """The call in a REST proxy event. Raises InvalidRequest naming the field, and Unauthenticated."""
    return Call(
        principal=_principal(event["requestContext"]),
        path=_path(event.get("pathParameters") or {}),
        query=_query(endpoint.query, event),
        body=_body(endpoint, event.get("headers") or {}, raw_body),
    )


def _principal(context: Mapping[str, Any]) -> Principal:
    """Who the authorizer says is calling. Nothing else in a request is believed."""
    authorizer = context.get("authorizer") or {}
    try:
        return Principal.from_context(authorizer["principalId"], authorizer)
    except (KeyError, TypeError, ValueError) as error:
        raise Unauthenticated("the request carries no principal") from error


def _path(parameters: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in parameters.items():
        pattern, needed = _PATH_PARAMETERS[name]
        if not pattern.fullmatch(value):
            raise InvalidRequest(f"path.{name}: {needed} is needed, found {value[:80]!r}")
    return parameters


def _query(declared: Mapping[str, Parameter], event: Mapping[str, Any]) -> dict[str, Any]:
    sent: Mapping[str, list[str]] = event.get("multiValueQueryStringParameters") or {}
    found = {name: parameter.default for name, parameter in declared.items()}
    for name, values in sent.items():
        if name not in declared:
            known = ", ".join(declared) or "none"
            raise InvalidRequest(f"query.{name}: unknown parameter; known: {known}")
        if len(values) != 1 and not declared[name].many:
            raise InvalidRequest(f"query.{name}: stands {len(values)} times")
        try:
            parsed = [declared[name].parse(value) for value in values]
            found[name] = parsed if declared[name].many else parsed[0]
        except ValueError as error:
            raise InvalidRequest(f"query.{name}: {error}") from error
    for name, parameter in declared.items():
        if parameter.required and found[name] is None:
            raise InvalidRequest(f"query.{name}: missing")
    return found


def _body(endpoint: Endpoint, headers: Mapping[str, str], raw: bytes) -> Any:
    if len(raw) > MAX_BODY_BYTES:
        raise PayloadTooLarge(f"body: {len(raw)} bytes; at most {MAX_BODY_BYTES} are taken")
    if endpoint.body is None:
        if raw:
            raise InvalidRequest("body: this route takes none")
        return None
    if raw:
        media = next((v for k, v in headers.items() if k.lower() == "content-type"), "application/json")
        if media.partition(";")[0].strip().lower() != "application/json":
            raise UnsupportedMediaType(f"body: application/json is needed, found {media[:80]!r}")
    document = parse_json(raw, "body") if raw else {}
    enforce(endpoint.body, document, "body")
    return document
