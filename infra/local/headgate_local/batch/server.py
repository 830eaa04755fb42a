"""The engine as a stand-alone AWS Batch endpoint, for AWS_ENDPOINT_URL_BATCH beside any other emulator.

It owns HTTP and the choice of adapters. It checks no signatures: it listens on 127.0.0.1 and is for one
developer. Logs go to files, or with --aws-endpoint to CloudWatch Logs there; events go to the default bus
there under a source of their own, because PutEvents refuses `aws.batch`. Job roles are assumed through STS
at that endpoint.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from headgate_local.batch.api import BatchApi
from headgate_local.batch.attempts import AttemptStarter
from headgate_local.batch.engine import Engine, EngineSettings
from headgate_local.batch.errors import BatchError, ClientError
from headgate_local.batch.images import PatternImages, parse_image_option
from headgate_local.batch.placement import Capacity
from headgate_local.batch.ports import CredentialSource, EventSink, LogSink
from headgate_local.batch.runner import LocalRunner
from headgate_local.batch.sinks import (
    AssumedRoles,
    CloudWatchLogs,
    EventBridgeEvents,
    FileLogs,
    NoCredentials,
    NoEvents,
    SystemClock,
)

DEFAULT_SOURCE = "headgate.batch"


class BatchServer(ThreadingHTTPServer):
    """An HTTP server with an API to hand requests to."""

    daemon_threads = True

    def __init__(self, port: int, api: BatchApi) -> None:
        super().__init__(("127.0.0.1", port), BatchRequestHandler)
        self.api = api

    @property
    def endpoint(self) -> str:
        """The URL for AWS_ENDPOINT_URL_BATCH."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class BatchRequestHandler(BaseHTTPRequestHandler):
    """Turns one HTTP request into one call of the API."""

    server: BatchServer
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        target = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            document = _document(body)
            found = self.server.api.call(self.command, target.path, document, parse_qs(target.query))
            self._send(200, found, {})
        except BatchError as error:
            self._send(error.status, {"message": str(error)}, {"x-amzn-errortype": error.code})

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names http.server looks for

    def _send(self, status: int, document: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature of http.server
        """Requests are not logged; jobs are."""


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body or b"{}")
    except ValueError as error:
        raise ClientError(f"The body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ClientError("The body must be a JSON object.")
    return document


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m headgate_local.batch", description="A local AWS Batch.")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--image", action="append", default=[], metavar="PATTERN=ENVDIR")
    parser.add_argument("--cwd", help="working directory of jobs (default: a scratch directory a job)")
    parser.add_argument("--python-path", action="append", default=[], help="goes into the jobs' PYTHONPATH")
    parser.add_argument("--entrypoint", default="", help="what stands before every job's command")
    parser.add_argument("--vcpus", type=float, default=float(os.cpu_count() or 1))
    parser.add_argument("--gpus", type=int, default=0)
    parser.add_argument("--minimum-timeout", type=int, default=60, help="seconds; AWS takes no less than 60")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--account-id", default="000000000000")
    parser.add_argument("--aws-endpoint", help="where jobs call AWS, and where logs, events and roles live")
    parser.add_argument("--event-source", default=DEFAULT_SOURCE, help="source of the state-change events")
    parser.add_argument("--log-dir", type=Path, help="job logs as files (default without --aws-endpoint)")
    return parser.parse_args(arguments)


def build_engine(options: argparse.Namespace) -> tuple[Engine, LogSink]:
    """Wire an engine from the command line."""
    images = []
    for option in options.image:
        pattern, image = parse_image_option(option, options.cwd, options.python_path)
        images.append((pattern, replace(image, entrypoint=tuple(shlex.split(options.entrypoint)))))
    capacity = Capacity(options.vcpus, options.gpus)
    settings = EngineSettings(options.account_id, options.region, capacity, options.minimum_timeout)
    credentials, logs, events = _adapters(options)
    starter = AttemptStarter(
        PatternImages(images),
        credentials,
        logs,
        LocalRunner.detect(),
        SystemClock(),
        options.region,
        options.aws_endpoint,
    )
    return Engine(settings, starter, events), logs


def _adapters(options: argparse.Namespace) -> tuple[CredentialSource, LogSink, EventSink]:
    if not options.aws_endpoint:
        directory = options.log_dir or Path(tempfile.mkdtemp(prefix="headgate-batch-logs-"))
        return NoCredentials(), FileLogs(directory), NoEvents()
    import boto3

    session = boto3.Session(region_name=options.region)
    logs: LogSink = CloudWatchLogs(session.client("logs", endpoint_url=options.aws_endpoint))
    if options.log_dir:
        logs = FileLogs(options.log_dir)
    events = EventBridgeEvents(
        session.client("events", endpoint_url=options.aws_endpoint), options.event_source
    )
    return AssumedRoles(session.client("sts", endpoint_url=options.aws_endpoint)), logs, events


def main(arguments: Sequence[str]) -> None:
    """Serve until SIGTERM or SIGINT; prints `{"endpoint": …, "pid": …}` once listening."""
    options = parse(arguments)
    engine, logs = build_engine(options)
    server = BatchServer(options.port, BatchApi(engine))

    def stop(_number: int, _frame: FrameType | None) -> None:
        # shutdown() waits for serve_forever, which runs in the thread that takes the signal.
        threading.Thread(target=server.shutdown, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    print(json.dumps({"endpoint": server.endpoint, "pid": os.getpid()}), flush=True)
    with contextlib.closing(logs):
        try:
            server.serve_forever(poll_interval=0.1)
        finally:
            engine.close()
            server.server_close()
    sys.exit(0)
