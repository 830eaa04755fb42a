"""The EventBus and MessageQueue contracts."""

from __future__ import annotations

import time

import pytest
from headgate.domain.errors import InvalidRequest
from headgate.domain.events import DomainEvent

from tests.unit.adapters import records
from tests.unit.adapters.backends import Backend, Sent


def published(backend: Backend, count: int) -> Sent:
    """What was published so far, waiting a little for a bus that delivers in its own time; sorted by id."""
    seen: Sent = []
    deadline = time.monotonic() + 10
    while True:
        seen += backend.published()
        if len(seen) >= count or time.monotonic() > deadline:
            return sorted(seen, key=lambda body: str(body["id"]))
        time.sleep(0.05)


class TestEventBus:
    def test_an_event_arrives_with_its_detail(self, backend: Backend) -> None:
        event = records.event("e1", price=0.1 + 0.2, note="ü", nested={"list": [1, None]})

        backend.bus.publish([event])

        (body,) = published(backend, 1)
        assert body == {"type": "ProductApplied", **event.to_detail()}
        kind = body.pop("type")
        assert DomainEvent.from_detail(kind, body) == event

    def test_more_events_than_one_request_takes_all_arrive(self, backend: Backend) -> None:
        events = [records.event(f"e{n:02d}", number=n) for n in range(23)]

        backend.bus.publish(events)

        assert [body["number"] for body in published(backend, 23)] == list(range(23))

    def test_large_events_are_spread_over_requests(self, backend: Backend) -> None:
        events = [records.event(f"e{n}", text="x" * 100_000) for n in range(4)]

        backend.bus.publish(events)

        assert [len(body["text"]) for body in published(backend, 4)] == [100_000] * 4

    def test_an_event_that_no_bus_takes_is_refused_by_name_with_none_published(
        self, backend: Backend
    ) -> None:
        with pytest.raises(InvalidRequest, match="ProductApplied e1"):
            backend.bus.publish([records.event("e0"), records.event("e1", text="ü" * 140_000)])

        assert backend.published() == []

    def test_nothing_to_publish_is_no_problem(self, backend: Backend) -> None:
        backend.bus.publish([])

        assert backend.published() == []


class TestMessageQueue:
    def test_messages_arrive_whole(self, backend: Backend) -> None:
        bodies = [{"n": n, "text": "ü ", "share": 1 / 3, "nested": {"a": [None, True]}} for n in range(12)]
        for body in bodies:
            backend.queue.send(body)

        assert sorted(backend.sent(), key=lambda body: int(body["n"])) == bodies

    def test_a_message_that_is_held_back_comes_later_whole(self, backend: Backend) -> None:
        backend.queue.send({"n": 1}, delay_seconds=1)
        backend.queue.send({"n": 2})

        found: list[int] = []
        until = time.monotonic() + 10
        while len(found) < 2 and time.monotonic() < until:
            found += [int(body["n"]) for body in backend.sent()]
            time.sleep(0.1)

        assert sorted(found[:2]) == [1, 2]
