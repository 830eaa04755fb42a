"""Commands by queue that delete what is stored, which no other function may, or that read whole versions."""

import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from headgate import bootstrap
from headgate.domain import erasure, garbage, version_diff
from headgate.domain.erasure import ErasureRequest
from headgate.domain.garbage import CollectionRequest
from headgate.domain.notification import maintenance
from headgate.domain.version_diff import DiffReport
from headgate.entrypoint import count, each_message, function, logger
from headgate.services.erasure.erase_subject import EraseSubject
from headgate.services.retention.collect_features import CollectFeatures
from headgate.services.retention.collect_garbage import CollectGarbage
from headgate.services.versions.diff_versions import DiffVersions

LAST_MILLISECONDS = 60_000
"""With less time left the rest is asked for by message."""


@cache
def collector() -> CollectGarbage:
    return bootstrap.collect_garbage(os.environ)


@cache
def feature_collector() -> CollectFeatures:
    return bootstrap.collect_features(os.environ)


@cache
def eraser() -> EraseSubject:
    return bootstrap.erase_subject(os.environ)


@cache
def differ() -> DiffVersions:
    return bootstrap.diff_versions(os.environ)


def erase(document: Mapping[str, Any], _context: Any) -> None:
    record = eraser().handle(ErasureRequest.from_message(document))
    keys = {"product": record.product, "dataset": record.dataset, "erasure": record.id}
    found = {"rows": record.findings.rows, "files": len(record.findings.files), "problem": record.problem}
    logger().info("erasure considered", extra={**keys, **found, "state": record.state})
    count("SubjectsErased", record.subjects if record.state == "erased" else 0)


def collect(document: Mapping[str, Any], context: Any) -> None:
    def out_of_time() -> bool:
        return int(context.get_remaining_time_in_millis()) < LAST_MILLISECONDS

    asked = CollectionRequest.from_message(document)
    service = collector() if asked.of == "dataset" else feature_collector()
    record = service.collect(asked, out_of_time)
    keys = {"product": record.product, record.of: record.dataset, "collection": record.id}
    found = {"objects": record.objects, "deleted": record.deleted, "bytes": record.deleted_bytes}
    logger().info("garbage considered", extra={**keys, **found, "state": record.state})
    count("ObjectsCollected", record.deleted if record.state == "done" else 0)


def compare(document: Mapping[str, Any], context: Any) -> None:
    seconds = (int(context.get_remaining_time_in_millis()) - LAST_MILLISECONDS) / 1000
    report = differ().compare(DiffReport.from_document(document), seconds)
    keys = {"product": report.product, "dataset": report.dataset, "diff": report.id}
    found = {"from": report.before.ordinal, "to": report.after.ordinal, "problem": report.problem}
    logger().info("versions compared", extra={**keys, **found, "state": report.state})
    count("VersionsCompared", report.state == "done")


COMMANDS: Mapping[str, Callable[[Mapping[str, Any], Any], None]] = {
    erasure.KIND: erase,
    garbage.KIND: collect,
    version_diff.KIND: compare,
}


@function
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return each_message(event, lambda _, body: act(body, context))


def act(body: str, context: Any) -> None:
    """One command, by its kind."""
    kind, document = maintenance(body, tuple(COMMANDS))
    COMMANDS[kind](document, context)
