"""A function's errors carry their own name.

Missing: MiniStack reports every exception as `Runtime.HandlerError`, so a Step Functions Catch or a
caller that looks at `errorType` never matches, and the log of a failed import is lost. It also throws the
process away after every exception, where AWS keeps the environment warm.
So: the exception's class name and stack trace are in the response, the log keeps the import's traceback,
and a worker survives an exception of its handler.
"""

from __future__ import annotations

import threading
from typing import Any

from headgate_local.patches.settings import PatchSettings


def apply(_settings: PatchSettings) -> None:
    """Wrap one invocation on a worker, and the step that makes Lambda's answer of it."""
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    newest = threading.local()
    invoke = lambda_runtime.Worker.invoke
    execute = lambda_svc._execute_function_warm

    def invoke_keeping_failure(worker: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        newest.worker = worker
        reply: dict[str, Any] = invoke(worker, *args, **kwargs)
        failure = reply.pop("failure", None)
        newest.failure = failure
        if failure:
            reply.update(status="error", error=failure["error"], trace=failure["trace"])
        return reply

    def execute_naming_error(func: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        newest.worker = newest.failure = None
        result: dict[str, Any] = execute(func, event, request_id)
        body = result.get("body")
        if not result.get("error") or not isinstance(body, dict):
            return result
        if newest.failure:
            body.update(
                errorType=newest.failure["error_type"],
                stackTrace=newest.failure["stack"],
                requestId=request_id,
            )
        elif log := getattr(newest.worker, "initialization_log", ""):
            result["log"] = log
        return result

    lambda_runtime.Worker.invoke = invoke_keeping_failure
    lambda_svc._execute_function_warm = execute_naming_error
