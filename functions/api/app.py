"""The control plane's function: wiring only. Routes are in chalicelib, what they do in the services."""

import os
from functools import cache
from typing import Any

from chalicelib.application import answer, create_app
from chalicelib.routes import ENDPOINTS
from headgate import bootstrap
from headgate.entrypoint import count, function, logger
from headgate.services.dispatch.control_plane import ControlPlane


@cache
def plane() -> ControlPlane:
    return bootstrap.control_plane(os.environ)


app = create_app(ENDPOINTS, plane, logger, count)


@function
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answers a REST proxy event (payload format 1.0)."""
    return answer(app, event, context)
