"""Version events by queue: versions of datasets that ask for it become snapshots of Iceberg tables."""

import os
from functools import cache
from typing import Any

from headgate import bootstrap
from headgate.domain.notification import publish_request
from headgate.domain.published_table import PublishRequest
from headgate.entrypoint import batch_response, count, function, log_failure, logger
from headgate.services.versions.publish_iceberg import PublishIceberg


@cache
def service() -> PublishIceberg:
    return bootstrap.publish(os.environ)


@function
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Messages of one batch that ask for the same are one look: it publishes all there is anyway."""
    failed: list[str] = []
    asked: dict[PublishRequest, list[str]] = {}
    for message in event["Records"]:
        try:
            asked.setdefault(publish_request(message["body"]), []).append(message["messageId"])
        except Exception as error:  # a message that asks for nothing must not harm its neighbours
            log_failure(message["messageId"], error)
            failed.append(message["messageId"])
    for request, messages in asked.items():
        try:
            publish(request)
        except Exception as error:  # these messages alone are delivered again
            log_failure(messages[0], error)
            failed += messages
    return batch_response(failed)


def publish(request: PublishRequest) -> None:
    done = service().publish(request)
    keys = {"product": request.product, "dataset": request.dataset, "state": done.state, "more": done.more}
    logger().info("table considered", extra={**keys, "published": done.published, "skipped": done.skipped})
    count("VersionsPublished", len(done.published))
