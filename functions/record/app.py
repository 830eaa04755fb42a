"""The bus and the prediction queue: lineage, audit chain, cost ledger, prediction log."""

import json
import os
from functools import cache
from typing import Any

from headgate import bootstrap
from headgate.domain.notification import bus_event
from headgate.entrypoint import count, each_message, function
from headgate.services.record_events import RecordEvents


@cache
def service() -> RecordEvents:
    return bootstrap.record(os.environ)


@function
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    return each_message(event, lambda _, body: record(body))


def record(body: str) -> None:
    document = json.loads(body)
    if "prediction" in document:
        service().record_prediction(document)
        count("PredictionsLogged", len(document["rows"]))
    else:
        service().record(bus_event(body))
        count("EventsRecorded")
