"""AWS Batch runs jobs.

Missing: MiniStack's Batch answers SUCCEEDED at once, for any queue, and runs nothing; IAM sees every Batch call as one
on `*`, so a policy that names a queue denies everything.
So: the engine of `headgate_local.batch` answers Batch requests, one engine for each account and region; jobs get their
role's session, log to CloudWatch Logs, and publish `Batch Job State Change`. IAM checks SubmitJob on the queue and on
the job definition, as AWS does.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from headgate_local.batch.api import BatchApi
from headgate_local.batch.attempts import AttemptStarter
from headgate_local.batch.engine import Engine
from headgate_local.batch.errors import BatchError, ClientError
from headgate_local.batch.runner import LocalRunner
from headgate_local.batch.sinks import SystemClock
from headgate_local.patches.scope import in_scope
from headgate_local.patches.settings import PatchSettings

Answer = tuple[int, dict[str, str], bytes]
# AWS gives a task's role credentials for six hours.
SESSION_SECONDS = 6 * 3600
# Request field -> resource type, for operations that IAM can scope to a resource.
RESOURCE_FIELDS = {
    "jobQueue": "job-queue",
    "jobQueueName": "job-queue",
    "computeEnvironment": "compute-environment",
    "computeEnvironmentName": "compute-environment",
    "jobDefinition": "job-definition",
    "jobDefinitionName": "job-definition",
    "jobId": "job",
}
SCOPED = (
    "submitjob",
    "createjobqueue",
    "updatejobqueue",
    "deletejobqueue",
    "createcomputeenvironment",
    "updatecomputeenvironment",
    "deletecomputeenvironment",
    "registerjobdefinition",
    "deregisterjobdefinition",
    "canceljob",
    "terminatejob",
)


class MiniStackCredentials:
    """A CredentialSource: a session of the job's role, which must exist."""

    def __init__(self, account_id: str, region: str) -> None:
        self._account_id, self._region = account_id, region

    def for_role(self, role_arn: str | None, job_id: str) -> Mapping[str, str]:
        """Session credentials as variables; none for a job without a role."""
        if not role_arn:
            return {}
        return in_scope(self._account_id, self._region, lambda: self._session(role_arn, job_id))

    def _session(self, role_arn: str, job_id: str) -> Mapping[str, str]:
        from ministack.core.iam_evaluator import validate_role_arn
        from ministack.services import sts

        if problem := validate_role_arn(role_arn):
            raise LookupError(f"unable to assume the job role: {problem}")
        role, key = role_arn.rsplit("/", 1)[-1], f"ASIA{secrets.token_hex(8).upper()}"
        session = {
            "Arn": f"arn:aws:sts::{self._account_id}:assumed-role/{role}/{job_id.replace(':', '-')[:64]}",
            "UserId": f"{role}:{job_id}",
            "SecretAccessKey": secrets.token_hex(20),
            "SessionToken": secrets.token_hex(32),
            "Expiration": time.time() + SESSION_SECONDS,
        }
        sts.register_session(key, session)
        return {
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
            "AWS_SESSION_TOKEN": session["SessionToken"],
        }


class MiniStackLogs:
    """A LogSink into MiniStack's CloudWatch Logs."""

    def __init__(self, account_id: str, region: str) -> None:
        self._account_id, self._region = account_id, region

    def write(self, group: str, stream: str, timestamp_ms: int, message: str) -> None:
        in_scope(self._account_id, self._region, lambda: self._write(group, stream, timestamp_ms, message))

    def close(self) -> None:
        return None

    def _write(self, group: str, stream: str, timestamp_ms: int, message: str) -> None:
        from ministack.services import cloudwatch_logs

        if group not in cloudwatch_logs._log_groups:
            cloudwatch_logs._create_log_group({"logGroupName": group})
        if stream not in cloudwatch_logs._log_groups[group]["streams"]:
            cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
        cloudwatch_logs._put_log_events(
            {
                "logGroupName": group,
                "logStreamName": stream,
                "logEvents": [{"timestamp": timestamp_ms, "message": message}],
            }
        )


class MiniStackEvents:
    """An EventSink onto the default bus, with the source only AWS itself may use."""

    def __init__(self, account_id: str, region: str) -> None:
        self._account_id, self._region = account_id, region

    def job_changed(self, detail: Mapping[str, Any]) -> None:
        from ministack.services import eventbridge

        entry = {
            "Source": "aws.batch",
            "DetailType": "Batch Job State Change",
            "Resources": [detail["jobArn"]],
            "Detail": json.dumps(detail),
        }
        in_scope(
            self._account_id,
            self._region,
            lambda: eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True),
        )


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
    for arn in resource_arns(path, body, prefix)[1:]:
        if denied := _denied(arn, headers):
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


def resource_arns(path: str, body: bytes, prefix: str) -> list[str]:
    """What IAM checks a request on: each resource it names, or `*` where AWS knows none."""
    if path.rstrip("/").rsplit("/", 1)[-1].lower() not in SCOPED:
        return ["*"]
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        return ["*"]
    found = []
    for name, kind in RESOURCE_FIELDS.items():
        value = document.get(name) if isinstance(document, dict) else None
        if isinstance(value, str) and value:
            found.append(value if value.startswith("arn:") else f"{prefix}:{kind}/{value}")
    return found or ["*"]


def _denied(resource_arn: str, headers: Mapping[str, str]) -> Answer | None:
    from ministack import app
    from ministack.core import iam_actions, iam_evaluator, router
    from ministack.core.responses import get_region

    if not app.AUTH:
        return None
    action = "batch:SubmitJob"
    key = router.extract_access_key_id(headers, {})
    refusal = iam_evaluator.enforce(key, action, "batch", get_region(), resource_arn=resource_arn)
    if refusal is None:
        return None
    answer: Answer = iam_actions.access_denied_response(
        "batch",
        action,
        getattr(refusal, "principal_arn", ""),
        "",
        headers=dict(headers),
        resource_arn=resource_arn,
        explicit_deny=getattr(refusal, "decision", "") == "Deny",
        resource_policy_arn=None,
    )
    return answer
