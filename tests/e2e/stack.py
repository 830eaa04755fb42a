"""One deployed stack as its users meet it: people over HTTP, a dropper over S3, an operator who looks.

Owns the identities. The administrator is the test's own eye and hand (what no user may read, or what a test
has to set up); nothing of the application ever gets those keys.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from headgate.cli.client import ApiClient, Reply, urllib_transport
from headgate.cli.doctor import QUEUES
from headgate.cli.drop import Dropped
from headgate.cli.logs import FUNCTIONS, LogLine, log_group, read_lines
from headgate.cli.state import Keys, LocalState
from headgate_local.issuer import LocalIssuer
from headgate_local.launch import EmulatorState

from tests.e2e.waiting import eventually

Document = dict[str, Any]


@dataclass(frozen=True)
class Stack:
    """``state`` is what a developer's machine keeps; ``emulator`` has the administrator's keys."""

    state: LocalState
    emulator: EmulatorState
    issuer: LocalIssuer
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    @property
    def outputs(self) -> Mapping[str, str]:
        return self.state.outputs

    # --- people, over HTTP

    def token(self, name: str) -> str:
        return self.issuer.issue_for(name)

    def api(self, name: str) -> ApiClient:
        """The typed client of one person; it raises ApiRefused with the status and the statement."""
        return ApiClient(self.state.api_url, self.token(name), urllib_transport())

    def call(
        self, method: str, path: str, authorization: str | None = None, body: Any = None
    ) -> tuple[int, Document]:
        """One request as it goes over the wire: status and JSON body, whatever they are."""
        headers = {} if authorization is None else {"Authorization": authorization}
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        if raw is not None:
            headers["Content-Type"] = "application/json"
        reply: Reply = urllib_transport()(method, self.state.api_url + path, headers, raw)
        found = json.loads(reply.body)
        assert isinstance(found, dict), found
        return reply.status, found

    # --- machines, over AWS APIs

    def client(self, service: str, keys: Keys, token: str | None = None) -> Any:
        """A boto3 client of one identity; made once, since every one costs 50 ms."""
        known = (service, keys.access_key_id)
        if known not in self._clients:
            session: Any = boto3.Session(
                keys.access_key_id, keys.secret_access_key, token, region_name=self.state.region
            )
            once = Config(retries={"total_max_attempts": 1})
            self._clients[known] = session.client(service, endpoint_url=self.state.endpoint, config=once)
        return self._clients[known]

    def administrator(self, service: str) -> Any:
        root = self.emulator.root_credentials
        return self.client(service, Keys(root.access_key_id, root.secret_access_key))

    @cached_property
    def account_root(self) -> str:
        return self.emulator.root_credentials.access_key_id

    def drop(self, key: str, body: bytes) -> Dropped:
        """Puts one object as the dropper, who may do nothing else."""
        bucket = self.outputs["LandingBucketName"]
        answer = self.client("s3", self.state.dropper).put_object(Bucket=bucket, Key=key, Body=body)
        product, _, rest = key.partition("/")
        digest = hashlib.sha256(body).hexdigest()
        return Dropped(product, rest.partition("/")[0], bucket, key, answer["VersionId"], digest, len(body))

    # --- what the operator sees

    def log(self, function: str, since: float = 0.0) -> list[LogLine]:
        return read_lines(
            self.client("logs", self.state.operator), log_group(self.state.stack, function), since
        )

    def logs(self, since: float) -> dict[str, list[LogLine]]:
        return {name: self.log(name, since) for name in FUNCTIONS}

    def depth(self, queue: str) -> int:
        """Messages waiting, in flight and delayed."""
        names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
        found = self.client("sqs", self.state.operator).get_queue_attributes(
            QueueUrl=self.outputs[f"{queue}Url"], AttributeNames=names
        )
        return sum(int(found["Attributes"][name]) for name in names)

    def given_up(self) -> dict[str, int]:
        """Dead letters by queue, where there are any."""
        depths = {name: self.depth(f"{name}Dlq") for name in QUEUES}
        return {name: depth for name, depth in depths.items() if depth}

    def drained(self, *queues: str) -> None:
        """Waits until nothing is waiting or in flight in these queues (all of them by default)."""
        eventually(
            f"empty queues {', '.join(queues) or 'everywhere'}",
            lambda: not any(self.depth(f"{name}Queue") for name in queues or QUEUES),
        )
