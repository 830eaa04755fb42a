"""The MessageQueue port over one SQS queue."""

from collections.abc import Mapping
from typing import Any

from headgate.adapters import documents
from headgate.adapters.aws.errors import translated
from headgate.adapters.aws.session import AwsClients


class SqsQueue:
    """Sends JSON to the queue at ``url``."""

    def __init__(self, clients: AwsClients, url: str) -> None:
        self._clients = clients
        self._url = url

    def send(self, body: Mapping[str, Any], delay_seconds: int = 0) -> None:
        with translated(f"sending to {self._url}", write=True):
            self._clients.client("sqs").send_message(
                QueueUrl=self._url, MessageBody=documents.text_of(body), DelaySeconds=delay_seconds
            )
