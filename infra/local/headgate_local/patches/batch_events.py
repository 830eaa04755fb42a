"""EventBridge rules start Batch jobs, and what cannot be delivered goes to the target's dead-letter queue.

Missing: MiniStack accepts a Batch target and a DeadLetterConfig, and drops both without a word.
So: a matched rule submits the job its BatchParameters describe; an event for a function or queue that is
gone, or for a job that Batch refuses, is sent to the target's dead-letter queue with the attributes
EventBridge puts on it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from headgate_local.batch.errors import BatchError
from headgate_local.patches.batch import engine
from headgate_local.patches.batch_resources import request_document
from headgate_local.patches.settings import PatchSettings

logger = logging.getLogger("headgate_local.events")
Target = Mapping[str, Any]


def apply(_settings: PatchSettings) -> None:
    """Wrap the delivery of one event to one target."""
    from ministack.services import eventbridge

    deliver = eventbridge._invoke_target

    def deliver_or_keep(
        target: Target, event: dict[str, Any], rule: Mapping[str, Any], view: Any = None
    ) -> Any:
        problem = undeliverable(target)
        if problem is None and ":batch:" in target.get("Arn", ""):
            problem = submit_job(target, event, rule, view)
        elif problem is None:
            return deliver(target, event, rule, view)
        if problem is not None:
            send_to_dead_letters(target, event, rule, view, problem)
        return None

    eventbridge._invoke_target = deliver_or_keep


def undeliverable(target: Target) -> str | None:
    """Why a function or queue target cannot be reached; None when it can, or is of another kind."""
    from ministack.services import lambda_svc, sqs

    arn = str(target.get("Arn", ""))
    if ":lambda:" in arn and not lambda_svc._get_func_record_for_ref(arn)[0]:
        return f"function {arn} does not exist"
    if arn.startswith("arn:aws:sqs:") and not sqs._queue_by_arn(arn):
        return f"queue {arn} does not exist"
    return None


def submit_job(target: Target, event: Mapping[str, Any], rule: Mapping[str, Any], view: Any) -> str | None:
    """Submit the job the target describes. Returns why it was refused, or None."""
    from ministack.services import eventbridge

    parameters = target.get("BatchParameters") or {}
    request: dict[str, Any] = {
        "jobQueue": target["Arn"],
        "jobName": parameters.get("JobName"),
        "jobDefinition": parameters.get("JobDefinition"),
    }
    for key in ("ArrayProperties", "RetryStrategy"):
        if parameters.get(key):
            request |= request_document({key: parameters[key]})
    given = target.get("Input")
    if target.get("InputTransformer"):
        shown = view or eventbridge._pattern_event_view(event)
        given = eventbridge._apply_input_transformer(target["InputTransformer"], rule, shown)
    try:
        if given:
            request |= request_document(json.loads(given))
        engine().submit(request)
    except (BatchError, ValueError) as error:
        return str(error)
    return None


def send_to_dead_letters(
    target: Target, event: Mapping[str, Any], rule: Mapping[str, Any], view: Any, problem: str
) -> None:
    """Keep the event in the target's dead-letter queue; without one it is lost, as on AWS."""
    from ministack.core.arn import parse_arn
    from ministack.services import eventbridge, sqs

    queue_arn = (target.get("DeadLetterConfig") or {}).get("Arn")
    queue = sqs._queue_by_arn(queue_arn) if queue_arn else None
    if queue is None:
        logger.warning("an event of rule %s was lost: %s", rule.get("Name"), problem)
        return
    shown = view or eventbridge._pattern_event_view(event)
    eventbridge._dispatch_to_sqs(parse_arn(queue_arn), json.dumps(shown.event_with_detail()))
    attributes = {
        "RULE_ARN": rule.get("Arn", ""),
        "TARGET_ARN": target.get("Arn", ""),
        "ERROR_CODE": "NO_RESOURCE" if "exist" in problem else "INVALID_PARAMETER",
        "ERROR_MESSAGE": problem,
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
        "RETRY_ATTEMPTS": "0",
    }
    queue["messages"][-1]["message_attributes"] = {
        name: {"DataType": "String", "StringValue": str(value)} for name, value in attributes.items() if value
    }
