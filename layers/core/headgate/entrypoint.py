"""What every function does the same way: logging, metrics, partial batches, and errors turned into redelivery
or a status.

A message whose handling raises is reported back alone: the queue delivers it again and, after its receive
count, moves it to the dead-letter queue. Its neighbours are not harmed.
"""

import sys
from collections.abc import Callable, Mapping
from functools import cache, wraps
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from headgate.domain.errors import HeadgateError, Permanent

Event = dict[str, Any]
Handler = Callable[[Event, Any], dict[str, Any]]


@cache
def logger() -> Logger:
    """Structured logs on standard error: standard output is left to metrics."""
    return Logger(stream=sys.stderr)


@cache
def metrics() -> Metrics:
    """Business counts in the namespace that the deployment names."""
    return Metrics()


def count(name: str, value: float = 1) -> None:
    """Adds to a business metric of this invocation."""
    metrics().add_metric(name=name, unit=MetricUnit.Count, value=value)


def function(handler: Handler) -> Handler:
    """Wraps a handler: request id in every log line, metrics flushed at the end, also after an error."""

    @wraps(handler)
    def wrapped(event: Event, context: Any) -> dict[str, Any]:
        logger().append_keys(request_id=getattr(context, "aws_request_id", None))
        try:
            return handler(event, context)
        finally:
            if metrics().metric_set:
                metrics().flush_metrics()

    return wrapped


def each_message(event: Event, handle: Callable[[str, str], None]) -> dict[str, Any]:
    """Calls ``handle(message_id, body)`` for every message of an SQS batch; returns the partial batch
    response.
    """
    failures = []
    for message in event["Records"]:
        try:
            handle(message["messageId"], message["body"])
        except (
            Exception
        ) as error:  # any failure must cost this message alone; it is logged and delivered again
            log_failure(message["messageId"], error)
            failures.append(message["messageId"])
    return batch_response(failures)


def batch_response(failed: list[str]) -> dict[str, Any]:
    """SQS's partial batch response for the messages that must be delivered again."""
    return {"batchItemFailures": [{"itemIdentifier": i} for i in failed]}


def log_failure(message_id: str, error: Exception) -> None:
    """One line for one failed message. A stack trace only where the platform did not raise the error on
    purpose.
    """
    extra = {
        "message_id": message_id,
        "error_type": type(error).__name__,
        "retry_helps": not isinstance(error, Permanent),
    }
    if isinstance(error, HeadgateError):
        logger().error(str(error), extra=extra)
    else:
        logger().exception("unexpected failure", extra=extra)
    count("MessagesFailed")


def status_of(error: HeadgateError) -> int:
    """The HTTP status of an error; of its class alone, never of its text."""
    return error.status


def lowered(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Header names in lower case: API Gateway keeps the client's case, HTTP does not care."""
    return {k.lower(): v for k, v in (headers or {}).items()}
