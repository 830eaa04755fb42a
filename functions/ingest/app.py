"""S3 notifications by queue: dropped objects become dataset versions, or go to quarantine."""

import os
from functools import cache
from typing import Any

from headgate import bootstrap
from headgate.domain.errors import InvalidRequest
from headgate.domain.notification import drops_of
from headgate.entrypoint import batch_response, count, function, log_failure, logger
from headgate.services.ingest_drops import IngestDrops


@cache
def service() -> IngestDrops:
    return bootstrap.ingest(os.environ)


@function
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """The whole batch is one call, so that a burst is folded into few commits."""
    drops, failed = [], []
    for message in event["Records"]:
        try:
            drops += drops_of(message["messageId"], message["body"])
        except InvalidRequest as error:
            log_failure(message["messageId"], error)
            failed.append(message["messageId"])
    report = service().ingest(drops)
    for message_id, problem in report.failed.items():
        log_failure(message_id, problem)
    for version in report.committed:
        keys = {"product": version.product, "dataset": version.dataset, "ordinal": version.ordinal}
        logger().info(
            "version committed", extra={**keys, "rows": version.rows, "added_rows": version.added_rows}
        )
    for record in report.quarantined:
        keys = {"product": record.product, "dataset": record.dataset, "key": record.key, "rule": record.rule}
        logger().warning("drop quarantined", extra={**keys, "reason": record.reason})
    count("VersionsCommitted", len(report.committed))
    count("DropsQuarantined", len(report.quarantined))
    return batch_response([*failed, *report.failed])
