"""The api function's routes over a platform in memory, as the HTTP door that a client sees."""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

from headgate.bootstrap import price_table
from headgate.cli.client import Reply
from headgate.services.dispatch.control_plane import ControlPlane
from headgate.services.features.feature_compute import FeatureCompute
from headgate.services.features.hand_out_features import HandOutFeatures
from headgate.services.features.plan_features import PlanFeatures
from headgate.services.features.read_online import ReadOnline
from headgate.services.features.show_features import ShowFeatures
from headgate.services.governance.read_platform import ReadPlatform

from tests.support.feature_set_desk import FeatureDesk

API = Path(__file__).resolve().parents[2] / "functions" / "api"


class InProcessApi:
    """A `headgate.cli.client.Transport` that answers what concerns products and features. What is asked for
    by message is done at once unless ``at_work`` is False.
    """

    def __init__(self, desk: FeatureDesk) -> None:
        if str(API) not in sys.path:
            sys.path.insert(0, str(API))
        from chalicelib import features, products
        from chalicelib.application import create_app

        it = desk.platform
        self.desk, self.at_work = desk, True
        parts = (it.products, it.catalog, it.catalog, it.catalog, it.ledger, it.guard, it.clock)
        plane = SimpleNamespace(
            read=ReadPlatform(*parts),
            features=ShowFeatures(desk.sets),
            feature_files=HandOutFeatures(desk.sets),
            feature_requests=desk.asking,
            feature_plans=PlanFeatures(
                *(it.products, it.catalog, it.catalog, it.lake, it.guard),
                FeatureCompute(price_table(), 1 << 30, 3008),
            ),
            online=ReadOnline(desk.sets, it.online),
        )
        log, counted = logging.getLogger("in-process-api"), cast("Callable[[str], None]", lambda _: None)
        endpoints = (*products.ENDPOINTS, *features.ENDPOINTS)
        self._app = create_app(endpoints, lambda: cast(ControlPlane, plane), lambda: log, counted)

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        from chalicelib.application import answer

        parts, caller = urlsplit(url), self.desk.caller
        event = {
            "path": unquote(parts.path.removeprefix("/api")),
            "httpMethod": method,
            "headers": dict(headers),
            "multiValueQueryStringParameters": parse_qs(parts.query) or None,
            "body": body.decode() if body else None,
            "isBase64Encoded": False,
            "requestContext": {
                "httpMethod": method,
                "requestId": "r-1",
                "authorizer": {"principalId": caller.id, **caller.to_context()},
            },
        }
        found: dict[str, Any] = answer(self._app, event, SimpleNamespace(aws_request_id="r-1"))
        if self.at_work and self.desk.queue.messages:
            self.desk.answer()
        return Reply(found["statusCode"], found["body"].encode())

    def json(self, method: str, url: str) -> Any:
        return json.loads(self(method, url, {}, None).body)
