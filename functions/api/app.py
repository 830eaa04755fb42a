"""The control plane's function: wiring only. Routes are in chalicelib, what they do in the services."""

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from chalicelib import governance, models, products
from chalicelib.application import answer, create_app
from headgate.services.control_plane import ControlPlane

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger


@cache
def _plane() -> ControlPlane:
    """Made on the first request and kept. Imported here, so that the routes can be read where nothing is
    deployed.
    """
    from headgate.bootstrap import control_plane

    return control_plane(os.environ)


@cache
def _log() -> "Logger":
    from aws_lambda_powertools import Logger

    return Logger()


app = create_app((*products.ENDPOINTS, *models.ENDPOINTS, *governance.ENDPOINTS), _plane, _log)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answers a REST proxy event (payload format 1.0)."""
    return answer(app, event, context)
