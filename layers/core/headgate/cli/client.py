"""The HTTP door: a small typed client of the control plane and of serving.

Owns addresses, bearer token and error mapping. Knows nothing of the terminal, and keeps no state. Built on
urllib: the whole conversation is JSON over a handful of requests, which does not pay for another dependency.
"""

import json
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from headgate.cli.failures import ApiRefused, Unreachable

Document = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """One HTTP response: status and body."""

    status: int
    body: bytes


class Transport(Protocol):
    """Sends one request. Raises Unreachable when no reply came; an error status is a reply."""

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply: ...


def urllib_transport(timeout_seconds: float = 60.0) -> Transport:
    """A transport over urllib, for http and https addresses alone."""

    def send(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        if not url.startswith(("http://", "https://")):
            raise Unreachable(f"{url!r} is no http address; set HEADGATE_API_URL to the stack's ApiUrl")
        request = Request(url, data=body, headers=dict(headers), method=method)  # noqa: S310 - checked above
        try:
            with urlopen(request, timeout=timeout_seconds) as response:  # noqa: S310
                return Reply(response.status, response.read())
        except HTTPError as error:
            with error:
                return Reply(error.code, error.read())
        except (URLError, OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise Unreachable(
                f"nobody answers at {url}: {reason}; is the platform up? (`headgate status`)"
            ) from error

    return send


@dataclass(frozen=True)
class ApiClient:
    """The platform as its HTTP door shows it. Every method raises ApiRefused or Unreachable."""

    url: str
    token: str | None
    transport: Transport

    def call(self, method: str, path: str, body: Any = None) -> Document:
        """One request; the decoded JSON document."""
        headers = {"Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode("utf-8")
        reply = self.transport(method, self.url.rstrip("/") + path, headers, data)
        document = _decode(reply)
        if reply.status >= 400:
            raise _refusal(method, path, reply, document)
        return document

    def get(self, path: str, **query: str | int | None) -> Document:
        given = {key: value for key, value in query.items() if value is not None}
        return self.call("GET", path + (f"?{urlencode(given)}" if given else ""))

    # --- products and data

    def products(self) -> Document:
        return self.get("/products")

    def product(self, product: str) -> Document:
        return self.get(path("products", product))

    def apply_product(self, product: str, bundle: Document) -> Document:
        return self.call("PUT", path("products", product), bundle)

    def dataset_versions(self, product: str, dataset: str) -> Document:
        return self.get(path("products", product, "datasets", dataset, "versions"))

    def dataset_version(self, product: str, dataset: str, version: str) -> Document:
        return self.get(path("products", product, "datasets", dataset, "versions", version))

    def quarantine(
        self,
        product: str,
        *,
        dataset: str | None = None,
        rule: str | None = None,
        state: str | None = None,
        limit: int | None = None,
    ) -> Document:
        where = path("products", product, "quarantine")
        return self.get(where, dataset=dataset, rule=rule, state=state, limit=limit)

    def quarantined(self, product: str, dataset: str, name: str) -> Document:
        return self.get(_quarantined(product, dataset, name))

    def replay(self, product: str, dataset: str, name: str, fixed: Document | None = None) -> Document:
        body = {"fixed": fixed} if fixed else {}
        return self.call("POST", f"{_quarantined(product, dataset, name)}/replay", body)

    def replay_rule(self, product: str, rule: str, dataset: str | None = None) -> Document:
        body = {"rule": rule} | ({"dataset": dataset} if dataset else {})
        return self.call("POST", path("products", product, "quarantine", "replay"), body)

    def discard(self, product: str, dataset: str, name: str, reason: str) -> Document:
        return self.call("POST", f"{_quarantined(product, dataset, name)}/discard", {"reason": reason})

    def erase(
        self,
        product: str,
        dataset: str,
        columns: Sequence[str],
        values: Sequence[Sequence[str]],
        reason: str,
        dry_run: bool,
    ) -> Document:
        body = {"columns": columns, "values": values, "reason": reason, "dry_run": dry_run}
        return self.call("POST", path("products", product, "datasets", dataset, "erasures"), body)

    def erasures(self, product: str) -> Document:
        return self.get(path("products", product, "erasures"))

    def erasure(self, product: str, name: str) -> Document:
        return self.get(path("products", product, "erasures", name))

    def features(self, product: str) -> Document:
        return self.get(path("products", product, "features"))

    # --- runs and models

    def runs(self, product: str) -> Document:
        return self.get(path("products", product, "runs"))

    def models(self, product: str) -> Document:
        return self.get(path("products", product, "models"))

    def model(self, product: str, version: str) -> Document:
        return self.get(path("products", product, "models", version))

    def promote(self, product: str, version: str, alias: str, reason: str) -> Document:
        body = {"alias": alias, "reason": reason}
        return self.call("POST", path("products", product, "models", version, "promote"), body)

    def reproduce(self, product: str, version: str, against: str) -> Document:
        return self.call("POST", path("products", product, "models", version, "reproduce"), {"with": against})

    def reproductions(self, product: str, version: str) -> Document:
        return self.get(path("products", product, "models", version, "reproductions"))

    def reproduction(self, product: str, version: str, name: str) -> Document:
        return self.get(path("products", product, "models", version, "reproductions", name))

    def monitoring(self, product: str) -> Document:
        return self.get(path("products", product, "monitoring"))

    # --- governance

    def trace(self, product: str, prediction: str) -> Document:
        return self.get(path("products", product, "predictions", prediction, "trace"))

    def explain(self, product: str, action: str, resource: str) -> Document:
        return self.get(path("products", product, "access", "explain"), action=action, resource=resource)

    def decisions(self, product: str) -> Document:
        return self.get(path("products", product, "decisions"))

    def costs(self, product: str, month: str | None = None) -> Document:
        return self.get(path("products", product, "costs"), month=month)

    def gates(self, product: str) -> Document:
        return self.get(path("products", product, "gates"))

    def check_gate(self, product: str, stage: str) -> Document:
        return self.call("POST", path("products", product, "gates", stage, "check"), {})

    def set_stage(self, product: str, stage: str) -> Document:
        return self.call("POST", path("products", product, "stage"), {"to_stage": stage})

    # --- serving

    def live(self) -> Document:
        return self.get("/v2/health/live")

    def model_metadata(self, model: str, version: str | None = None) -> Document:
        return self.get(_served(model, version))

    def infer(self, model: str, request: Document, version: str | None = None) -> Document:
        return self.call("POST", _served(model, version) + "/infer", request)


def reach_loopback_directly(environ: MutableMapping[str, str]) -> None:
    """Keeps calls to this machine away from a proxy that the environment names for everything else."""
    for name in ("no_proxy", "NO_PROXY"):
        known = [host for host in environ.get(name, "").split(",") if host]
        environ[name] = ",".join(dict.fromkeys([*known, "127.0.0.1", "localhost"]))


def path(*parts: str) -> str:
    """``/a/b`` with every part percent-encoded."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _quarantined(product: str, dataset: str, name: str) -> str:
    return path("products", product, "datasets", dataset, "quarantine", name)


def _served(model: str, version: str | None) -> str:
    return path("v2", "models", model) + (path("versions", version) if version else "")


def _decode(reply: Reply) -> Document:
    try:
        document = json.loads(reply.body or b"{}")
    except ValueError:
        document = {"error": reply.body.decode("utf-8", "replace").strip() or f"HTTP {reply.status}"}
    return document if isinstance(document, dict) else {"items": document}


def _refusal(method: str, where: str, reply: Reply, document: Document) -> ApiRefused:
    message = str(
        document.get("error") or document.get("message") or document.get("Message") or "no reason given"
    )
    if reply.status == 401:
        message = f"not logged in, or the token has expired: {message}; run `headgate login --as <name>`"
    elif reply.status >= 500:
        function = "infer" if where.startswith("/v2") else "api"
        message = f"{method} {where} failed inside the platform: {message}; see `headgate logs {function}`"
    return ApiRefused(message, reply.status, document.get("type"), document.get("statement"))
