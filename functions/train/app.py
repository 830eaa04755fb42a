"""Feature versions, drift, the schedule and requests by queue: decides, reserves budget, submits to Batch.

The same queue tells of the jobs that make a registered model's features again, and who asked for it.
"""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from headgate import bootstrap
from headgate.domain.notification import command, is_job_change, job_change
from headgate.domain.reproduction import KIND, Reproduction, ended_rebuild
from headgate.domain.training_request import training_request
from headgate.entrypoint import count, each_message, function, logger
from headgate.services.dispatch.answer_training_requests import AnswerTrainingRequests
from headgate.services.reproduction.run_reproduction import RunReproduction

REMEMBERED_SECONDS = 3600


@cache
def service() -> AnswerTrainingRequests:
    return bootstrap.train(os.environ)


@cache
def reproductions() -> RunReproduction:
    return bootstrap.reproductions(os.environ)


@function
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    store = DynamoDBPersistenceLayer(table_name=os.environ["IDEMPOTENCY_TABLE_NAME"])
    config = IdempotencyConfig(expires_after_seconds=REMEMBERED_SECONDS, lambda_context=context)
    once = idempotent_function(
        answer_message, data_keyword_argument="message_id", persistence_store=store, config=config
    )
    return each_message(event, lambda message_id, body: _log(once(message_id=message_id, body=body)))


def answer_message(message_id: str, body: str) -> dict[str, str]:  # noqa: ARG001 - the key that is remembered
    if is_job_change(body):
        return _reproduced(reproductions().on_rebuilt(ended_rebuild(job_change(body))))
    asked = command(body)
    if asked is not None and asked.get("kind") == KIND:
        return _reproduced(reproductions().start(asked["product"], asked["reproduction"]))
    request = training_request(body)
    outcome = service().answer(request)
    told = {"product": request.product, "asked": request.kind, "trigger": request.trigger}
    return {**told, "state": outcome.state, "reason": outcome.reason}


def _reproduced(record: Reproduction) -> dict[str, str]:
    told = record.problem or str(record.verdict.get("note", ""))
    return {"product": record.product, "state": f"reproduction {record.state}", "reason": told}


def _log(outcome: dict[str, str]) -> None:
    logger().info("training considered", extra=outcome)
    count("TrainingsSubmitted", outcome["state"] == "submitted")
