"""A queue feeds a function as on AWS: with its role's permission, in batches that are given time to fill.

Missing: MiniStack ignores MaximumBatchingWindowInSeconds, takes at most ten messages whatever BatchSize says,
and polls for functions whose role may not read the queue; on AWS such a mapping cannot be made.
So: a mapping is refused unless the role allows ReceiveMessage, DeleteMessage and GetQueueAttributes on the
queue; a batch waits until it is full or the window has passed; large batches are collected.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from headgate_local.patches.settings import PatchSettings

NEEDED = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
# One ReceiveMessage takes at most ten.
RECEIVE_LIMIT = 10


class Windows:
    """When each mapping may take its next batch."""

    def __init__(self, wake: Callable[[], None], now: Callable[[], float] = time.monotonic) -> None:
        self._wake = wake
        self._now = now
        self._opened: dict[str, float] = {}

    def holds(self, mapping_id: str, waiting: int, batch_size: int, window_seconds: float) -> bool:
        """Whether messages that wait should go on waiting for others."""
        if not waiting or waiting >= batch_size or not window_seconds:
            self._opened.pop(mapping_id, None)
            return False
        opened = self._opened.get(mapping_id)
        if opened is None:
            self._opened[mapping_id] = self._now()
            timer = threading.Timer(window_seconds, self._wake)
            timer.daemon = True
            timer.start()
            return True
        if self._now() - opened < window_seconds:
            return True
        del self._opened[mapping_id]
        return False


def apply(_settings: PatchSettings) -> None:
    """Wrap the making of mappings and the taking of batches."""
    from ministack.services import lambda_svc
    from ministack.services.cloudformation import provisioners

    _hold_batches(lambda_svc)
    _collect_large_batches()
    create = lambda_svc._create_esm

    def create_permitted(data: Mapping[str, Any]) -> Any:
        function = lambda_svc._get_func_record_for_ref(str(data.get("FunctionName", "")))[1]
        if problem := missing_permission(function, str(data.get("EventSourceArn", ""))):
            return lambda_svc.error_response_json("InvalidParameterValueException", problem, 400)
        return create(data)

    lambda_svc._create_esm = create_permitted
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"]
    provision = handlers["create"]

    def provision_permitted(logical_id: str, properties: Mapping[str, Any], stack: str) -> Any:
        function = provisioners._lambda_function_for_cfn_ref(properties.get("FunctionName", ""))[0] or {}
        source = str(properties.get("EventSourceArn", ""))
        if problem := missing_permission(function.get("config") or function, source):
            raise ValueError(problem)
        return provision(logical_id, properties, stack)

    handlers["create"] = provision_permitted


def missing_permission(function: Mapping[str, Any] | None, source_arn: str) -> str | None:
    """What AWS says when the function's role may not read the queue; None when it may."""
    role = str((function or {}).get("Role", ""))
    if not role or not source_arn.startswith("arn:aws:sqs:"):
        return None
    for action in NEEDED:
        if not role_allows(role, f"sqs:{action}", source_arn):
            return f"The function execution role does not have permissions to call {action} on SQS"
    return None


def role_allows(role_arn: str, action: str, resource_arn: str) -> bool:
    """Whether the role's own policies, within its boundary, allow the action."""
    from ministack.core import iam_evaluator
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import iam

    name, account = role_arn.rsplit("/", 1)[-1], get_account_id()
    context = iam_evaluator.EvalContext(role_arn, "AssumedRole", account, action, resource_arn, get_region())
    limits = iam_evaluator._permissions_boundary(iam._roles, name, account)
    policies = iam_evaluator._gather_role_policies(name, account)
    return bool(iam_evaluator.evaluate(context, policies, *limits).decision == "Allow")


def _hold_batches(lambda_svc: Any) -> None:
    """MiniStack asks for a mapping's concurrency right before it takes a batch: none while one fills."""
    windows = Windows(lambda_svc._esm_wake.set)
    concurrency = lambda_svc._sqs_esm_concurrency

    def concurrency_unless_filling(
        mapping: Mapping[str, Any], function: Any, config: Any, queue: Mapping[str, Any] | None = None
    ) -> int:
        size = int(mapping.get("BatchSize") or RECEIVE_LIMIT)
        window = float(mapping.get("MaximumBatchingWindowInSeconds") or 0)
        if window and windows.holds(mapping["UUID"], visible(queue or {}), size, window):
            return 0
        limit: int = concurrency(mapping, function, config, queue)
        return limit

    lambda_svc._sqs_esm_concurrency = concurrency_unless_filling


def visible(queue: Mapping[str, Any]) -> int:
    """How many messages could be received now."""
    now = time.time()
    return sum(1 for message in list(queue.get("messages", ())) if message.get("visible_at", 0) <= now)


def _collect_large_batches() -> None:
    from ministack.services import sqs

    receive = sqs._receive_messages_for_esm

    def receive_all(queue_url: str, wanted: int) -> list[Any]:
        found: list[Any] = []
        while len(found) < int(wanted):
            part = receive(queue_url, min(RECEIVE_LIMIT, int(wanted) - len(found)))
            found += part
            if len(part) < RECEIVE_LIMIT:
                break
        return found

    sqs._receive_messages_for_esm = receive_all
