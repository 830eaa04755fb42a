"""S3 notifications by queue: dropped objects become dataset versions, or go to quarantine.

The same queue brings replays (notifications of the control plane), jobs of large drops that failed, and
imports.
"""

import os
from dataclasses import replace
from functools import cache
from typing import Any

from headgate import bootstrap
from headgate.domain.dataset import Drop
from headgate.domain.errors import InvalidRequest
from headgate.domain.external_object import ImportRequest
from headgate.domain.notification import drops_of, import_request, is_job_change, job_change
from headgate.entrypoint import batch_response, count, function, log_failure, logger
from headgate.services.ingestion.hand_over_drop import failed_drop
from headgate.services.ingestion.import_prefix import ImportPrefix
from headgate.services.ingestion.ingest_drops import IngestDrops
from headgate.services.ingestion.ingest_report import IngestReport


@cache
def service() -> IngestDrops:
    return bootstrap.ingest(os.environ)


@cache
def importer() -> ImportPrefix:
    return bootstrap.import_prefix(os.environ)


@function
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """The whole batch is one call, so that a burst is folded into few commits."""
    drops: list[Drop] = []
    gave_up: list[tuple[Drop, str]] = []
    failed: list[str] = []
    imports: list[ImportRequest] = []
    for message in event["Records"]:
        try:
            if is_job_change(message["body"]):
                drop, reason = failed_drop(job_change(message["body"]))
                gave_up.append((replace(drop, message_id=message["messageId"]), reason))
            elif (asked := import_request(message["messageId"], message["body"])) is not None:
                imports.append(asked)
            else:
                drops += drops_of(message["messageId"], message["body"])
        except InvalidRequest as error:
            log_failure(message["messageId"], error)
            failed.append(message["messageId"])
    report = service().ingest(drops)
    for drop, reason in gave_up:
        service().job_failed(drop, reason, report)
    for asked in imports:
        bring_in(asked, report)
    tell(report)
    return batch_response([*failed, *report.failed])


def bring_in(asked: ImportRequest, report: IngestReport) -> None:
    """One import, into the batch's report."""
    try:
        done = importer().handle(asked)
    except Exception as error:  # this message alone is delivered again
        report.failed[asked.message_id] = error
        return
    keys = {"product": asked.product, "dataset": asked.dataset, "objects": len(asked.objects)}
    logger().info("import considered", extra={**keys, "messages": done.batches, "known": len(done.repeated)})
    report.committed += [done.committed] if done.committed else []
    report.quarantined += done.quarantined


def tell(report: IngestReport) -> None:
    """Logs and counts what became of the batch."""
    for message_id, problem in report.failed.items():
        log_failure(message_id, problem)
    for version in report.committed:
        keys = {"product": version.product, "dataset": version.dataset, "ordinal": version.ordinal}
        logger().info(
            "version committed", extra={**keys, "rows": version.rows, "added_rows": version.added_rows}
        )
    for message_id, job in report.handed_over.items():
        logger().info("drop handed over", extra={"message_id": message_id, "job_id": job})
    for record in report.quarantined:
        keys = {"product": record.product, "dataset": record.dataset, "key": record.key, "rule": record.rule}
        logger().warning("drop quarantined", extra={**keys, "reason": record.reason})
    count("VersionsCommitted", len(report.committed))
    count("DropsQuarantined", len(report.quarantined))
    count("DropsHandedOver", len(report.handed_over))
