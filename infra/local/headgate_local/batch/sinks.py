"""Where logs, events and credentials of jobs come and go without an emulator: files, or an AWS endpoint.

Clients are handed in; nothing here makes one.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

logger = logging.getLogger("headgate_local.batch")
FLUSH_SECONDS = 0.5
# CloudWatch takes 10,000 events and 1 MiB a call; job lines are rarely longer than 1 KiB.
MAX_EVENTS = 1000


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


class NoCredentials:
    """A CredentialSource for jobs that call no AWS, or find credentials in their definition's environment."""

    def for_role(self, _role_arn: str | None, _job_id: str, /) -> Mapping[str, str]:
        return {}


class AssumedRoles:
    """A CredentialSource over an STS client: the job's role is assumed for each job."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def for_role(self, role_arn: str | None, job_id: str, /) -> Mapping[str, str]:
        if not role_arn:
            return {}
        try:
            answer = self._client.assume_role(RoleArn=role_arn, RoleSessionName=job_id.replace(":", "-")[:64])
        except self._client.exceptions.ClientError as error:
            raise LookupError(f"unable to assume the job role: {error}") from error
        found = answer["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
            "AWS_SESSION_TOKEN": found["SessionToken"],
        }


class NoEvents:
    """An EventSink for a Batch that no bus listens to."""

    def job_changed(self, _detail: Mapping[str, Any], /) -> None:
        return None


class FileLogs:
    """A LogSink that appends `<directory>/<group>/<stream>.log`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()

    def write(self, group: str, stream: str, timestamp_ms: int, message: str) -> None:
        path = self._directory / group.strip("/") / f"{stream}.log"
        with self._lock:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as lines:
                lines.write(f"{timestamp_ms} {message}\n")

    def close(self) -> None:
        return None


class CloudWatchLogs:
    """A LogSink over a CloudWatch Logs client; sends what has gathered twice a second."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._pending: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self._known: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._flush_until_closed, daemon=True, name="batch-logs")
        self._thread.start()

    def write(self, group: str, stream: str, timestamp_ms: int, message: str) -> None:
        with self._lock:
            # CloudWatch refuses an empty message.
            event = {"timestamp": timestamp_ms, "message": message or " "}
            self._pending.setdefault((group, stream), []).append(event)

    def close(self) -> None:
        """Send the rest and stop."""
        self._closed.set()
        self._thread.join(timeout=5)

    def _flush_until_closed(self) -> None:
        while not self._closed.wait(FLUSH_SECONDS):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        with self._lock:
            pending, self._pending = self._pending, {}
        for (group, stream), events in pending.items():
            try:
                self._ensure(group, stream)
                for start in range(0, len(events), MAX_EVENTS):
                    part = events[start : start + MAX_EVENTS]
                    self._client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=part)
            except Exception:
                logger.exception("%d lines of %s %s were not stored", len(events), group, stream)

    def _ensure(self, group: str, stream: str) -> None:
        if (group, stream) in self._known:
            return
        exists = self._client.exceptions.ResourceAlreadyExistsException
        with contextlib.suppress(exists):
            self._client.create_log_group(logGroupName=group)
        with contextlib.suppress(exists):
            self._client.create_log_stream(logGroupName=group, logStreamName=stream)
        self._known.add((group, stream))


class EventBridgeEvents:
    """An EventSink over an EventBridge client.

    PutEvents refuses sources that begin with `aws.` (AWS and emulators alike), so the source is a setting,
    and rules on such an endpoint match that source instead of `aws.batch`.
    """

    def __init__(self, client: Any, source: str) -> None:
        self._client = client
        self._source = source

    def job_changed(self, detail: Mapping[str, Any]) -> None:
        entry = {
            "Source": self._source,
            "DetailType": "Batch Job State Change",
            "Resources": [detail["jobArn"]],
            "Detail": json.dumps(detail),
        }
        try:
            answer = self._client.put_events(Entries=[entry])
        except Exception:
            logger.exception(
                "the change of job %s to %s was not published", detail["jobId"], detail["status"]
            )
            return
        if answer.get("FailedEntryCount"):
            logger.error("the change of job %s was refused: %s", detail["jobId"], answer["Entries"])
