"""A listener on the platform's bus, as any consumer outside of the template would be: a rule and a queue."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from headgate.domain.events import SOURCE, DomainEvent

from tests.e2e.stack import Stack
from tests.e2e.waiting import PATIENCE_SECONDS, eventually

NAME = "e2e-tap"


@dataclass
class EventTap:
    """Keeps every event it has received, in the order of arrival."""

    sqs: Any
    queue_url: str
    _heard: list[DomainEvent] = field(default_factory=list)

    def heard(self, kind: str, product: str | None = None) -> list[DomainEvent]:
        self._listen()
        return [e for e in self._heard if e.type == kind and product in (None, e.product)]

    def wait(
        self,
        kind: str,
        product: str | None = None,
        least: int = 1,
        seconds: float = PATIENCE_SECONDS,
        **detail: Any,
    ) -> list[DomainEvent]:
        """At least so many events of that kind whose detail holds these values."""

        def look() -> list[DomainEvent] | None:
            found = [
                e for e in self.heard(kind, product) if all(e.detail.get(k) == v for k, v in detail.items())
            ]
            return found if len(found) >= least else None

        return eventually(f"{least} {kind} of {product} with {detail}", look, seconds)

    def _listen(self) -> None:
        while True:
            batch = self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get(
                "Messages", []
            )
            if not batch:
                return
            for message in batch:
                body = json.loads(message["Body"])
                self._heard.append(DomainEvent.from_detail(body["detail-type"], body["detail"]))
                self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])


def open_tap(stack: Stack) -> EventTap:
    """Made by the administrator, beside the stack: the template knows nothing of it."""
    sqs, events = stack.administrator("sqs"), stack.administrator("events")
    url = sqs.create_queue(QueueName=NAME)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus = stack.outputs["EventBusName"]
    rule = events.put_rule(Name=NAME, EventBusName=bus, EventPattern=json.dumps({"source": [SOURCE]}))
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule["RuleArn"]}},
    }
    policy = {"Version": "2012-10-17", "Statement": [allow]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    events.put_targets(Rule=NAME, EventBusName=bus, Targets=[{"Id": NAME, "Arn": arn}])
    return EventTap(sqs, url)
