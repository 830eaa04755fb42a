"""A platform that answers from a table: the HTTP door and the S3 door as the command line sees them."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from headgate.cli.app import execute
from headgate.cli.client import Reply
from headgate.cli.failures import Unreachable
from headgate.cli.state import Home, Keys, LocalState
from rich.console import Console

API = "http://127.0.0.1:9/api"


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: str
    token: str | None
    body: Any


@dataclass
class FakeApi:
    """Answers (method, path) with (status, document); everything else with 404. Keeps what it was asked."""

    answers: dict[tuple[str, str], tuple[int, Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    down: bool = False

    def on(self, method: str, path: str, document: Any, status: int = 200) -> "FakeApi":
        self.answers[(method, path)] = (status, document)
        return self

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        if self.down:
            raise Unreachable(f"nobody answers at {url}: connection refused")
        parts = urlsplit(url)
        path = unquote(parts.path.removeprefix("/api"))
        token = headers.get("Authorization", "").removeprefix("Bearer ") or None
        self.asked.append(Asked(method, path, parts.query, token, json.loads(body) if body else None))
        status, document = self.answers.get(
            (method, path), (404, {"error": f"no {path}", "type": "NotFound"})
        )
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        return Reply(status, raw)


@dataclass
class FakeAws:
    """S3, SQS and CloudWatch Logs as far as the command line uses them."""

    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)
    depths: dict[str, int] = field(default_factory=dict)
    log_events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    identities: list[Keys | None] = field(default_factory=list)

    def session(self, keys: Keys | None, region: str | None) -> "FakeAws":
        self.identities.append(keys)
        return self

    def client(self, service: str, endpoint_url: str | None = None) -> "FakeAws":
        return self

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> dict[str, Any]:  # noqa: N803 - named as boto3 names them
        self.objects[(Bucket, Key)] = Body
        return {"VersionId": f"v{len(self.objects)}"}

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:  # noqa: N803 - named as boto3 names them
        count = str(self.depths.get(QueueUrl, 0))
        return {"Attributes": {AttributeNames[0]: count, AttributeNames[1]: "0"}}

    def filter_log_events(self, logGroupName: str, startTime: int, nextToken: str = "") -> dict[str, Any]:  # noqa: N803 - named as boto3 names them
        events = self.log_events.get(logGroupName, [])
        first = not nextToken
        return (
            {"events": events[:1], "nextToken": "more"}
            if first and len(events) > 1
            else {"events": events if first else events[1:]}
        )


QUEUES = ("Ingest", "Feature", "Train", "Register", "Monitor", "Prediction", "Record", "Maintain", "Publish")


@dataclass
class Workplace:
    """A folder with a platform set up in it, and the command line over it."""

    folder: Path
    api: FakeApi = field(default_factory=FakeApi)
    aws: FakeAws = field(default_factory=FakeAws)
    environ: dict[str, str] = field(default_factory=dict)
    notes: str = ""

    @property
    def home(self) -> Home:
        return Home(self.folder / "build" / "local")

    def set_up(self, product: str | None = "shop") -> "Workplace":
        outputs = {"LandingBucketName": "landing"}
        outputs |= {f"{name}{kind}Url": f"{name}{kind}" for name in QUEUES for kind in ("Queue", "Dlq")}
        state = LocalState(
            endpoint="http://127.0.0.1:9",
            region="us-east-1",
            stack="headgate",
            api_url=API,
            outputs=outputs,
            dropper=Keys("dropper-key", "dropper-secret"),
            operator=Keys("operator-key", "operator-secret"),
            product=product,
            principal="alice",
        )
        self.home.save(state)
        self.home.save_token("alice", "token-of-alice")
        return self

    def run(self, *arguments: str) -> tuple[int, str]:
        """(exit code, standard output)."""
        out, notes = io.StringIO(), io.StringIO()
        code = execute(
            arguments,
            environ=self.environ,
            folder=self.folder,
            out=Console(file=out, width=200),
            notes=Console(file=notes, width=200),
            transport=self.api,
            session=self.aws.session,
        )
        self.notes = notes.getvalue()
        return code, out.getvalue()

    def json(self, *arguments: str) -> tuple[int, Any]:
        """The exit code and the one document that stands on standard output."""
        code, text = self.run("--json", *arguments)
        return code, json.loads(text)
