"""What can be wrong on a developer's machine or with its platform; each finding says what to do.

Owns the list of checks. Repairs nothing.
"""

import importlib.metadata
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from headgate.cli.failures import CommandFailed
from headgate.cli.invocation import Invocation
from headgate.cli.state import repository
from headgate.domain.errors import HeadgateError

PYTHONS = ((3, 11), (3, 12), (3, 13))
ENVIRONMENTS = (".venv", ".envs/emulator", ".envs/function", ".envs/trainer")
QUEUES = ("Ingest", "Feature", "Train", "Register", "Monitor", "Prediction", "Record", "Maintain", "Publish")


@dataclass(frozen=True)
class Finding:
    """One check: what was found, and what to do when it is not well."""

    check: str
    well: bool
    found: str
    to_do: str = ""

    def to_document(self) -> dict[str, Any]:
        return asdict(self)


def examine(call: Invocation) -> Iterator[Finding]:
    """Every finding, from the machine outwards; without a platform that is the last finding."""
    yield python()
    yield from environments(call)
    yield versions()
    state = call.state()
    if state is None and not call.environ.get("HEADGATE_API_URL"):
        yield Finding(
            "platform", False, "none is set up", "make up (or set HEADGATE_API_URL and HEADGATE_TOKEN)"
        )
        return
    yield attempt("api", lambda: _api(call), "headgate status; headgate up")
    yield attempt("token", lambda: _token(call), "headgate login --as alice")
    if state is not None or call.environ.get("HEADGATE_STACK"):
        yield from queues(call)


def attempt(check: str, look: Callable[[], str], to_do: str) -> Finding:
    try:
        return Finding(check, True, look())
    except HeadgateError as error:
        return Finding(check, False, str(error), to_do)


def python() -> Finding:
    found = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro} at {sys.executable}"
    well = sys.version_info[:2] in PYTHONS
    return Finding("python", well, found, "" if well else "install CPython 3.13, then `make setup`")


def environments(call: Invocation) -> Iterator[Finding]:
    root = repository(call.folder)
    for name in ENVIRONMENTS:
        there = (root / name / "bin" / "python").exists()
        yield Finding(
            f"environment {name}", there, "there" if there else "missing", "" if there else "make setup"
        )


def versions() -> Finding:
    wanted = ("boto3", "duckdb", "typer", "rich")
    found = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in wanted)
    return Finding("versions", True, found)


def _api(call: Invocation) -> str:
    call.anonymous().live()
    return f"alive at {call.api_url()}"


def _token(call: Invocation) -> str:
    found = call.client().products().get("products") or []
    who = call.caller() or "HEADGATE_TOKEN"
    return f"{who} is let in and sees {len(found)} product(s)"


def queues(call: Invocation) -> Iterator[Finding]:
    try:
        outputs, sqs = call.outputs(), call.aws("operator").client("sqs")
        for name in QUEUES:
            waiting, _ = depth(sqs, outputs[f"{name}QueueUrl"])
            dead, _ = depth(sqs, outputs[f"{name}DlqUrl"])
            to_do = f"headgate logs {_reader(name)} --errors" if dead else ""
            yield Finding(f"queue {name}", dead == 0, f"{waiting} waiting, {dead} given up", to_do)
    except (HeadgateError, KeyError) as error:
        yield Finding("queues", False, f"cannot be read: {error}", "headgate up")


def _reader(queue: str) -> str:
    return {"Feature": "build-features", "Prediction": "record"}.get(queue, queue.lower())


def depth(sqs: Any, url: str) -> tuple[int, int]:
    """(messages waiting, messages being worked on). Raises CommandFailed."""
    from botocore.exceptions import BotoCoreError, ClientError

    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    try:
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    except (BotoCoreError, ClientError) as error:
        raise CommandFailed(f"{url}: {error}") from error
    return int(found[names[0]]), int(found[names[1]])
