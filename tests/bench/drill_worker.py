"""The ingest worker of the fault drill, a process made to be killed: `python -m tests.bench.drill_worker`.

It stands where Lambda's poller and runtime stand: it receives messages of the ingest queue, calls the handler
of functions/ingest as it is, and deletes what the handler's answer does not give back. Each step is a line in
a journal before it happens, so that the drill knows what a kill interrupted.

Arguments: the queue's URL, the journal. The environment is the function's. Ends when its parent has.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3

from tests.bench.measuring import ROOT

BATCH = 10
WAIT_SECONDS = 1
Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


class Journal:
    """Lines in a file that outlives the process: one write each, never buffered."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, line: str) -> None:
        os.write(self._file, f"{line}\n".encode())


class RequestNotes(logging.Handler):
    """Notes each request as botocore is about to make it."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.args, tuple) and str(record.msg).startswith("Making request"):
            self._journal.note(f"request {getattr(record.args[0], 'name', record.args[0])}")


def handler() -> Handler:
    """functions/ingest/app.py, loaded as the runtime loads it: from its own file."""
    spec = importlib.util.spec_from_file_location("app", ROOT / "functions/ingest/app.py")
    if spec is None or spec.loader is None:
        raise ImportError("functions/ingest/app.py cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Handler = module.handler
    return found


def work(queue_url: str, journal: Journal) -> None:
    parent = os.getppid()
    sqs: Any = boto3.Session().client("sqs")
    handle = handler()
    journal.note("ready")
    noted = logging.getLogger("botocore.endpoint")
    noted.setLevel(logging.DEBUG)
    noted.propagate = False
    noted.addHandler(RequestNotes(journal))
    while os.getppid() == parent:
        answer = sqs.receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=BATCH, WaitTimeSeconds=WAIT_SECONDS
        )
        messages = answer.get("Messages", [])
        if not messages:
            continue
        journal.note(f"batch {len(messages)}")
        records = [{"messageId": m["MessageId"], "body": m["Body"]} for m in messages]
        given_back = {f["itemIdentifier"] for f in handle({"Records": records}, None)["batchItemFailures"]}
        for message in messages:
            if message["MessageId"] not in given_back:
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        journal.note(f"done {len(given_back)}")


if __name__ == "__main__":
    work(sys.argv[1], Journal(Path(sys.argv[2])))
