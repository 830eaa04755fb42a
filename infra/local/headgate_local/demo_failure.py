"""What a failed demo shows: the error lines of whatever failed, refused drops and given-up messages.

Owns the report. Reads as the operator, but for dead letters, which only the administrator may receive.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError
from headgate.cli.doctor import QUEUES
from headgate.cli.logs import FUNCTIONS, JOBS, failures, log_group, read_lines, told
from headgate.domain.errors import HeadgateError
from headgate.domain.job import LOG_GROUP
from rich.console import Console
from rich.text import Text

from headgate_local.demo_context import PRODUCT, DemoContext
from headgate_local.launch import log_tail

MOST_LINES = 6


def explain(context: DemoContext, console: Console) -> None:
    """Prints whatever the platform can tell of a failure. What cannot be read is said, not raised."""
    for heading, lines in _report(context):
        console.print(Text(f"\n{heading}", style="bold"))
        for line in lines:
            console.print(Text(f"  {line}"))


def _report(context: DemoContext) -> Iterator[tuple[str, list[str]]]:
    emulator = context.emulator
    if emulator is None or emulator.process.poll() is not None or context.platform is None:
        yield (
            f"the emulator's log ({context.place.home.emulator_log})",
            log_tail(context.place.home.emulator_log).splitlines(),
        )
        return
    for find in (_function_errors, _refused_drops, _given_up):
        try:
            yield from find(context)
        except (HeadgateError, BotoCoreError, ClientError) as error:
            yield "this could not be read", [f"{find.__name__.strip('_')}: {error}"]


def _function_errors(context: DemoContext) -> Iterator[tuple[str, list[str]]]:
    logs = context.aws("logs", context.state.operator)
    for name in FUNCTIONS:
        lines = read_lines(logs, log_group(context.state.stack, name), context.started_at - 5)
        failed = failures(lines)
        if failed:
            yield f"{name}: {len(failed)} error line(s)", _lines(failed)
    jobs = [told(line) for line in read_lines(logs, LOG_GROUP, context.started_at - 5)]
    if jobs:
        yield f"the training {JOBS}'s last lines", _lines(jobs)


def _refused_drops(context: DemoContext) -> Iterator[tuple[str, list[str]]]:
    refused = context.api().quarantine(PRODUCT)["quarantine"]
    if refused:
        yield f"{len(refused)} refused drop(s)", [f"{r['key']}: {r['rule']}: {r['reason']}" for r in refused]


def _given_up(context: DemoContext) -> Iterator[tuple[str, list[str]]]:
    if context.emulator is None:
        return
    sqs = context.administrator("sqs")
    for name in QUEUES:
        url = context.state.outputs[f"{name}DlqUrl"]
        received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        bodies = [message["Body"] for message in received.get("Messages", ())]
        if bodies:
            yield f"{name}Dlq: given up after five attempts", _lines([_brief(body) for body in bodies])


def _brief(body: str) -> str:
    """What a message is about, on one line."""
    try:
        found = json.loads(body)
    except ValueError:
        return body[:300]
    return json.dumps(found.get("detail", found) if isinstance(found, dict) else found)[:300]


def _lines(lines: list[str]) -> list[str]:
    """The last few, each with the end of its traceback."""
    shown = []
    for line in lines[-MOST_LINES:]:
        parts = line.splitlines()
        shown += parts if len(parts) <= 12 else [parts[0], "…", *parts[-10:]]
    return shown
