"""EventBridge delivers what its targets allow, starts Batch jobs, and keeps what it cannot deliver.

Missing: MiniStack accepts a Batch target and a DeadLetterConfig and drops both without a word, and
delivers to a queue or function whose policy does not allow it, which on AWS loses every event.
So: a matched rule submits the job its BatchParameters describe; a queue or function needs a policy that
lets the rule in; an event for a function or queue that is gone, or for a job that Batch refuses, goes to
the target's dead-letter queue with the attributes EventBridge puts on it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headgate_local.batch.errors import BatchError
from headgate_local.patches.batch import engine
from headgate_local.patches.batch_resources import request_document
from headgate_local.patches.invoke_permissions import may_invoke
from headgate_local.patches.settings import PatchSettings

logger = logging.getLogger("headgate_local.events")
Target = Mapping[str, Any]
Rule = Mapping[str, Any]
SERVICE = "events.amazonaws.com"


@dataclass(frozen=True)
class Problem:
    """Why an event was not delivered, as the dead-letter queue's attributes say it."""

    code: str
    message: str


def apply(_settings: PatchSettings) -> None:
    """Wrap the delivery of one event to one target."""
    from ministack.services import eventbridge

    deliver = eventbridge._invoke_target

    def deliver_or_keep(target: Target, event: dict[str, Any], rule: Rule, view: Any = None) -> Any:
        problem = undeliverable(target, rule)
        if problem is None and ":batch:" not in target.get("Arn", ""):
            return deliver(target, event, rule, view)
        problem = problem or submit_job(target, event, rule, view)
        if problem is not None:
            send_to_dead_letters(target, event, rule, view, problem)
        return None

    eventbridge._invoke_target = deliver_or_keep


def undeliverable(target: Target, rule: Rule) -> Problem | None:
    """Why a function or queue cannot be reached; None when it can, or for another kind of target."""
    from ministack.services import lambda_svc, sqs

    arn = str(target.get("Arn", ""))
    if ":lambda:" in arn:
        if not lambda_svc._get_func_record_for_ref(arn)[0]:
            return Problem("NO_RESOURCE", f"function {arn} does not exist")
        permitted = may_invoke(arn, SERVICE, str(rule.get("Arn", "")))
        return None if permitted else Problem("NO_PERMISSIONS", f"the policy of {arn} refuses the rule")
    if not arn.startswith("arn:aws:sqs:"):
        return None
    if not sqs._queue_by_arn(arn):
        return Problem("NO_RESOURCE", f"queue {arn} does not exist")
    return None if may_send(arn, rule) else Problem("NO_PERMISSIONS", f"the policy of {arn} refuses the rule")


def may_send(queue_arn: str, rule: Rule) -> bool:
    """Whether the queue's policy lets EventBridge send on behalf of the rule."""
    from ministack.core.responses import get_account_id
    from ministack.services import sqs

    allowed: bool = sqs.queue_policy_allows(queue_arn, SERVICE, str(rule.get("Arn", "")), get_account_id())
    return allowed


def submit_job(target: Target, event: Mapping[str, Any], rule: Rule, view: Any) -> Problem | None:
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
        return Problem("INVALID_PARAMETER", str(error))
    return None


def send_to_dead_letters(
    target: Target, event: Mapping[str, Any], rule: Rule, view: Any, problem: Problem
) -> None:
    """Keep the event in the target's dead-letter queue; without one it is lost, as on AWS."""
    from ministack.core.arn import parse_arn
    from ministack.services import eventbridge, sqs

    arn = str((target.get("DeadLetterConfig") or {}).get("Arn") or "")
    queue = sqs._queue_by_arn(arn) if arn else None
    if queue is None or not may_send(arn, rule):
        logger.warning("an event of rule %s was lost: %s", rule.get("Name"), problem.message)
        return
    shown = view or eventbridge._pattern_event_view(event)
    eventbridge._dispatch_to_sqs(parse_arn(arn), json.dumps(shown.event_with_detail()))
    attributes = {
        "RULE_ARN": rule.get("Arn", ""),
        "TARGET_ARN": target.get("Arn", ""),
        "ERROR_CODE": problem.code,
        "ERROR_MESSAGE": problem.message,
        "RETRY_ATTEMPTS": "0",
    }
    queue["messages"][-1]["message_attributes"] = {
        name: {"DataType": "String", "StringValue": str(value)} for name, value in attributes.items() if value
    }
