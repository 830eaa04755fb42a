"""The engine's ports onto MiniStack: role sessions, CloudWatch Logs, the default event bus.

It owns nothing of its own; each call reaches MiniStack's tables in the scope of one account and region.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

from headgate_local.patches.scope import in_scope

# AWS gives a task's role credentials for six hours.
SESSION_SECONDS = 6 * 3600


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
        secret, token = secrets.token_hex(20), secrets.token_hex(32)
        session = {
            "Arn": f"arn:aws:sts::{self._account_id}:assumed-role/{role}/{job_id.replace(':', '-')[:64]}",
            "UserId": f"{role}:{job_id}",
            "SecretAccessKey": secret,
            "SessionToken": token,
            "Expiration": time.time() + SESSION_SECONDS,
        }
        sts.register_session(key, session)
        return {
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_SESSION_TOKEN": token,
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
