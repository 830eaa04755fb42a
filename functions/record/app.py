"""The bus and the prediction queue: lineage, audit chain, cost ledger, prediction log."""

import os
from functools import cache
from typing import Any

from headgate import bootstrap
from headgate.domain.notification import bus_event, prediction_message
from headgate.entrypoint import count, each_message, function
from headgate.services.governance.record_events import RecordEvents


@cache
def service() -> RecordEvents:
    return bootstrap.record(os.environ)


@function
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    return each_message(event, lambda _, body: record(body))


def record(body: str) -> None:
    prediction = prediction_message(body)
    if prediction is not None:
        service().record_prediction(prediction)
        count("PredictionsLogged", len(prediction["rows"]))
    else:
        service().record(bus_event(body))
        count("EventsRecorded")
