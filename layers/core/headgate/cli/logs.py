"""CloudWatch logs of the platform's functions and of training jobs, through the operator's eyes.

Owns the names of log groups and the reading of structured lines. Only ever reads.
"""

import itertools
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from headgate.cli.failures import CommandFailed
from headgate.domain.job import LOG_GROUP

FUNCTIONS = (
    "ingest",
    "build-features",
    "train",
    "register",
    "infer",
    "api",
    "authorize",
    "monitor",
    "record",
    "maintain",
    "publish",
)
JOBS = "job"
# The runtime's own lines about each call.
_NOISE = ("START RequestId", "END RequestId", "REPORT RequestId", "INIT_START")
ERROR_LEVELS = ("ERROR", "CRITICAL")
# Fields of a structured line that say where it came from, not what happened.
_HIDDEN = frozenset(
    (
        *("level", "message", "event", "time", "timestamp", "service", "location", "_aws", "cold_start"),
        *("function_memory_size", "function_arn", "function_name", "function_request_id", "xray_trace_id"),
        *("request_id", "exception", "exception_name"),
    )
)


@dataclass(frozen=True)
class LogLine:
    """One event. ``level`` is that of a structured line, or ERROR for a traceback, else None."""

    time: float
    stream: str
    message: str
    level: str | None

    @property
    def failed(self) -> bool:
        return self.level in ERROR_LEVELS

    def to_document(self) -> dict[str, Any]:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.time))
        return {"time": stamp, "stream": self.stream, "level": self.level, "message": self.message}


def log_group(stack: str, name: str) -> str:
    """The group of a function, or of training jobs. Raises CommandFailed for another name."""
    plain = name.replace("_", "-")
    if plain == JOBS:
        return LOG_GROUP
    if plain not in FUNCTIONS:
        raise CommandFailed(
            f"no function {name!r}; there are {', '.join(FUNCTIONS)}, and {JOBS} for training jobs"
        )
    return f"/aws/lambda/{stack}-{plain}"


def read_lines(logs: Any, group: str, since: float, limit: int = 1000) -> list[LogLine]:
    """Lines of a group since ``since`` (epoch seconds), oldest first, at most the last ``limit``."""
    lines = list(_events(logs, group, since))
    return lines[-limit:]


def _events(logs: Any, group: str, since: float) -> Iterator[LogLine]:
    from botocore.exceptions import ClientError

    asked: dict[str, Any] = {"logGroupName": group, "startTime": max(0, int(since * 1000))}
    while True:
        try:
            page = logs.filter_log_events(**asked)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return
            raise CommandFailed(f"the logs of {group} cannot be read: {error}") from error
        for event in page.get("events", ()):
            message = event["message"].rstrip()
            if message and not message.startswith(_NOISE):
                yield LogLine(
                    event["timestamp"] / 1000, event.get("logStreamName", ""), message, level_of(message)
                )
        if not page.get("nextToken"):
            return
        asked["nextToken"] = page["nextToken"]


def level_of(message: str) -> str | None:
    """The level of a structured line; a traceback is an error."""
    if message.startswith("{"):
        try:
            return str(json.loads(message).get("level") or "") or None
        except ValueError:
            return None
    return (
        "ERROR" if "Traceback (most recent call last)" in message or message.startswith("[ERROR]") else None
    )


def told(line: LogLine) -> str:
    """A structured line as a sentence: message (or event), then what it is about; other lines as they are."""
    if not line.message.startswith("{"):
        return line.message
    try:
        found: dict[str, Any] = json.loads(line.message)
    except ValueError:
        return line.message
    said = found.get("message") or found.get("event")
    if said is None:
        return line.message if "_aws" not in found else ""
    rest = " ".join(
        f"{k}={_value(v)}" for k, v in found.items() if k not in _HIDDEN and not isinstance(v, dict | list)
    )
    trace = str(found.get("exception", ""))
    return f"{said} {rest}".rstrip() if not trace else f"{said}\n{trace}"


def _value(value: Any) -> str:
    """Digests short, the rest as it is."""
    text = str(value)
    return text[:12] if len(text) == 64 and text.isalnum() else text


def failures(lines: Sequence[LogLine]) -> list[str]:
    """The errors among the lines of a group, each with the traceback that follows it in its stream."""
    found: list[str] = []
    for position, line in enumerate(lines):
        if line.failed:
            follow = [one.message for one in lines[position + 1 :] if one.stream == line.stream]
            trace = list(itertools.takewhile(_continues, follow)) if not line.message.startswith("{") else []
            found.append("\n".join([told(line), *trace]))
    return found


def _continues(message: str) -> bool:
    """A line of plain text after a traceback's first belongs to it."""
    return not message.startswith("{") and "Traceback (most recent call last)" not in message
