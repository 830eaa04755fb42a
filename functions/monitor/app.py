"""Feature versions, alias moves and a schedule, by queue: drift and live performance of champions."""

import os
from functools import cache
from typing import Any

from headgate import bootstrap
from headgate.domain.notification import bus_event, is_scheduled
from headgate.entrypoint import count, each_message, function, logger
from headgate.services.serving.monitor_model import MonitorModel


@cache
def service() -> MonitorModel:
    return bootstrap.monitor(os.environ)


@function
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    return each_message(event, lambda _, body: observe(body))


def observe(body: str) -> None:
    reports = service().observe_all() if is_scheduled(body) else service().observe(bus_event(body).product)
    for report in reports:
        keys = {k: report.get(k) for k in ("kind", "model", "version", "auc", "drifted", "rows")}
        logger().info("model observed", extra=keys)
    count("ModelsObserved", len(reports))
