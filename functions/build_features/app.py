"""Version events by queue: dataset versions become feature versions and online rows.

The same queue tells of the jobs that large builds are handed to, of models that answer from now on, and of
what someone asked for.
"""

import os
from functools import cache
from typing import Any

from headgate import bootstrap
from headgate.domain import events
from headgate.domain.feature_job import ended_job
from headgate.domain.feature_request import FeatureRequest
from headgate.domain.notification import bus_event, feature_request, is_job_change, job_change
from headgate.entrypoint import batch_response, count, function, log_failure, logger
from headgate.services.dispatch.answer_feature_requests import AnswerFeatureRequests
from headgate.services.features.build_features import BuildFeatures
from headgate.services.features.feature_build import BuildOutcome


@cache
def service() -> BuildFeatures:
    return bootstrap.build_features(os.environ)


@cache
def requests() -> AnswerFeatureRequests:
    return bootstrap.feature_requests(os.environ)


@function
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Events of one batch that speak of the same dataset are one build: it reads the newest heads anyway."""
    failed: list[str] = []
    changed: dict[tuple[str, str], list[str]] = {}
    for message in event["Records"]:
        try:
            if is_job_change(message["body"]):
                _go_on(message["body"])
                continue
            if (asked := feature_request(message["body"])) is not None:
                _answer(asked)
                continue
            fact = bus_event(message["body"])
            if fact.type == events.ALIAS_MOVED:
                _keep(fact.product)
                continue
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
        _tell(product, outcome)


def _keep(product: str) -> None:
    """Another model answers: its rows have to be there."""
    for outcome in service().on_alias_moved(product):
        _tell(product, outcome)


def _go_on(body: str) -> None:
    """A job has ended, or one worker of an array."""
    ended = ended_job(job_change(body))
    _tell(ended.job.product, service().on_job_ended(ended))


def _answer(asked: FeatureRequest) -> None:
    report = requests().answer(asked)
    keys = {"product": asked.product, "feature_set": asked.feature_set, "request": asked.id}
    found = {"kind": asked.kind, "state": report.state, "outcome": report.result.get("outcome")}
    logger().info("request answered", extra={**keys, **found, "different": report.result.get("different")})
    count("FeatureVersionsBuilt", report.result.get("outcome") == "built")
    count("ParityDifferences", report.result.get("different", 0))


def _tell(product: str, outcome: BuildOutcome) -> None:
    keys = {"product": product, "feature_set": outcome.feature_set, "state": outcome.state}
    seconds = outcome.record.seconds if outcome.record else None
    logger().info("features considered", extra={**keys, "detail": outcome.detail, "seconds": seconds})
    count("FeatureVersionsBuilt", outcome.state == "built")
    if outcome.record is not None:
        count("ParityDifferences", sum(each["different"] for each in outcome.record.parity.values()))
