"""AWS Batch runs jobs.

Missing: MiniStack's Batch answers SUCCEEDED at once, for any queue, and runs nothing; IAM sees every
Batch call as one on `*`, so a policy that names a queue denies everything.
So: the engine of `headgate_local.batch` answers Batch requests, one engine for each account and region;
jobs get their role's session, log to CloudWatch Logs, and publish `Batch Job State Change`. IAM checks
SubmitJob on the queue and on the job definition, as AWS does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from headgate_local.batch.api import RECLAIM, BatchApi
from headgate_local.batch.attempts import AttemptStarter
from headgate_local.batch.engine import Engine
from headgate_local.batch.errors import BatchError, ClientError
from headgate_local.batch.runner import LocalRunner
from headgate_local.batch.sinks import SystemClock
from headgate_local.patches.batch_access import SUBMIT, TERMINATE, denial, resource_arns
from headgate_local.patches.batch_ports import MiniStackCredentials, MiniStackEvents, MiniStackLogs
from headgate_local.patches.settings import PatchSettings

Answer = tuple[int, dict[str, str], bytes]


class Engines:
    """One engine for each account and region that Batch was called in."""

    def __init__(self, settings: PatchSettings) -> None:
        self._settings = settings
        self._engines: dict[tuple[str, str], Engine] = {}

    def current(self) -> Engine:
        """The engine of the request being served."""
        from ministack.core.responses import get_account_id, get_region

        scope = (get_account_id(), get_region())
        if scope not in self._engines:
            self._engines[scope] = self._new(*scope)
        return self._engines[scope]

    def _new(self, account_id: str, region: str) -> Engine:
        starter = AttemptStarter(
            self._settings.images,
            MiniStackCredentials(account_id, region),
            MiniStackLogs(account_id, region),
            LocalRunner.detect(),
            SystemClock(),
            region,
            self._settings.endpoint,
            str(self._settings.scratch),
        )
        return Engine(
            replace(self._settings.engine, account_id=account_id, region=region),
            starter,
            MiniStackEvents(account_id, region),
        )

    def reset(self) -> None:
        """Stop all jobs and forget everything."""
        for engine in list(self._engines.values()):
            engine.reset()

    def close(self) -> None:
        """Stop all jobs for good."""
        for engine in list(self._engines.values()):
            engine.close()


# The engines of this process, set by apply; the other batch patches reach them through `engine`.
_engines: list[Engines] = []


def engine() -> Engine:
    """The engine of the request being served."""
    return _engines[-1].current()


def apply(settings: PatchSettings) -> None:
    """Put the engines behind MiniStack's Batch endpoint, and teach IAM Batch's resources."""
    from ministack.core import iam_actions
    from ministack.services import batch

    engines = Engines(settings)
    _engines[:] = [engines]
    settings.on_exit.append(engines.close)
    batch.handle_request = handle_request
    batch.reset = engines.reset
    resource_arn = iam_actions.extract_resource_arn

    def resource_arn_with_batch(
        service: str,
        method: str,
        path: str,
        headers: Any,
        body: bytes,
        query: Any,
        region: str,
        account_id: str,
    ) -> Any:
        if service == "batch":
            return resource_arns(path, body, f"arn:aws:batch:{region}:{account_id}")[0]
        return resource_arn(service, method, path, headers, body, query, region, account_id)

    iam_actions.extract_resource_arn = resource_arn_with_batch


async def handle_request(
    method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any
) -> Answer:
    """Answer one Batch request, whose first resource IAM has already allowed."""
    from ministack.core.responses import get_account_id, get_region

    prefix = f"arn:aws:batch:{get_region()}:{get_account_id()}"
    named = resource_arns(path, body, prefix)
    checks = [(arn, SUBMIT) for arn in named[1:]]
    if path.rstrip("/") == RECLAIM:
        # IAM knows no such action, and would let everybody pass: it takes who may end the job.
        checks = [(named[0], TERMINATE)]
    for arn, action in checks:
        if denied := denial(arn, headers, action):
            return denied
    try:
        document = json.loads(body or b"{}")
        if not isinstance(document, dict):
            raise ClientError("The body must be a JSON object.")
        answer = BatchApi(engine()).call(method, path, document, query or {})
    except ValueError as error:
        return error_answer(ClientError(f"The body is not JSON: {error}"))
    except BatchError as error:
        return error_answer(error)
    return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()


def error_answer(error: BatchError) -> Answer:
    """An error as the REST-JSON protocol carries it."""
    headers = {"Content-Type": "application/json", "x-amzn-errortype": error.code}
    return error.status, headers, json.dumps({"message": str(error)}).encode()
