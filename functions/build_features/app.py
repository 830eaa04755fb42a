"""Version events by queue: dataset versions become feature versions and online rows."""

import os
from functools import cache
from typing import Any

from headgate import bootstrap
from headgate.domain.notification import bus_event
from headgate.entrypoint import batch_response, count, function, log_failure, logger
from headgate.services.build_features import BuildFeatures


@cache
def service() -> BuildFeatures:
    return bootstrap.build_features(os.environ)


@function
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Events of one batch that speak of the same dataset are one build: it reads the newest heads anyway."""
    failed: list[str] = []
    changed: dict[tuple[str, str], list[str]] = {}
    for message in event["Records"]:
        try:
            fact = bus_event(message["body"])
            changed.setdefault((fact.product, fact.detail["dataset"]), []).append(message["messageId"])
        except Exception as error:  # a message that is no event must not harm its neighbours
            log_failure(message["messageId"], error)
            failed.append(message["messageId"])
    for (product, dataset), messages in changed.items():
        try:
            _build(product, dataset)
        except Exception as error:  # these messages alone are delivered again
            log_failure(messages[0], error)
            failed += messages
    return batch_response(failed)


def _build(product: str, dataset: str) -> None:
    for outcome in service().on_dataset_version(product, dataset):
        keys = {"product": product, "feature_set": outcome.feature_set, "state": outcome.state}
        seconds = outcome.record.seconds if outcome.record else None
        logger().info("features considered", extra={**keys, "detail": outcome.detail, "seconds": seconds})
        count("FeatureVersionsBuilt", outcome.state == "built")
