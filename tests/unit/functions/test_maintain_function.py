"""The function behind the maintenance queue: each command by its kind, within the time that is left."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from headgate.domain.garbage import Retention

from tests.support.diff_desk import DiffDesk, visit
from tests.support.erasure_desk import ErasureDesk
from tests.support.memory_platform import ALICE, MemoryPlatform
from tests.unit.functions.conftest import Load, Payload, failed, message_ids, payload
from tests.unit.services.test_collect_garbage import Collector


def messages(*bodies: Any) -> Payload:
    return {"Records": [{"messageId": f"m-{n}", "body": json.dumps(b)} for n, b in enumerate(bodies, 1)]}


def context(seconds: float) -> Any:
    return SimpleNamespace(
        aws_request_id="00000000-0000-4000-8000-000000000000",
        get_remaining_time_in_millis=lambda: int(seconds * 1000),
    )


def body_of(event: Payload) -> Any:
    (record,) = event["Records"]
    return json.loads(record["body"])


def digests(desk: DiffDesk) -> dict[str, str]:
    """The versions that the samples name, as they are called here."""
    versions = desk.platform.catalog.dataset_versions("shops", "visits", 2)
    return {str(version.ordinal) * 64: version.digest for version in versions}


@pytest.fixture
def desk(empty: MemoryPlatform) -> DiffDesk:
    made = DiffDesk(empty)
    made.drop("1", visit("a"))
    made.drop("2", visit("b"))
    return made


def test_a_diff_is_compared_and_a_broken_message_given_back(desk: DiffDesk, load: Load) -> None:
    asked = desk.ask("v1")
    app = load("maintain", None)
    app.__dict__["differ"] = lambda: desk.comparing

    response = app.handler(
        messages({"kind": "diff_versions"}, *desk.queue.receive(), {"kind": "sweep"}), context(900)
    )

    assert failed(response) == ["m-1", "m-3"]
    assert desk.show(asked.id).state == "done"


def test_the_sample_of_a_diff_is_what_is_sent_and_is_compared(desk: DiffDesk, load: Load) -> None:
    asked = desk.ask("v1")
    event = payload("maintain", "diff-versions", **digests(desk), **{"d" * 64: asked.id})
    assert [body_of(event)] == desk.queue.receive()
    app = load("maintain", None)
    app.__dict__["differ"] = lambda: desk.comparing

    assert failed(app.handler(event, context(900))) == []
    assert desk.show(asked.id).state == "done"


def test_the_sample_of_an_erasure_is_what_is_sent_and_erases(desk: DiffDesk, load: Load) -> None:
    erasures = ErasureDesk(desk.platform)
    asked = erasures.ask("a")
    event = payload("maintain", "erase-subject", **{"e" * 32: asked.id})
    assert [body_of(event)] == erasures.queue.receive()
    app = load("maintain", None)
    app.__dict__["eraser"] = lambda: erasures.erasing

    assert failed(app.handler(event, context(900))) == []
    assert desk.platform.catalog.erasure("shops", asked.id).state == "erased"
    assert erasures.ids("main") == ["b"]


def test_the_sample_of_a_collection_is_what_is_sent_and_collects(desk: DiffDesk, load: Load) -> None:
    garbage = Collector(desk.platform)
    asked = garbage.asking.ask(ALICE, "shops", "visits", Retention(), dry_run=False)
    event = payload("maintain", "collect-garbage", **{"c" * 32: asked.id})
    assert [body_of(event)] == garbage.queue.receive()
    app = load("maintain", None)
    app.__dict__["collector"] = garbage.collector

    assert failed(app.handler(event, context(900))) == []
    assert desk.platform.catalog.collection("shops", "visits", asked.id).state == "done"


def test_a_command_that_nobody_knows_is_given_back(load: Load) -> None:
    event = payload("maintain", "unknown-command")

    assert failed(load("maintain", None).handler(event, context(900))) == message_ids(event)


def test_a_minute_is_left_for_telling_what_came_of_it(desk: DiffDesk, load: Load) -> None:
    asked = desk.ask("v1")
    seen: list[float] = []

    class Watched:
        def compare(self, report: Any, seconds: float) -> Any:
            seen.append(seconds)
            return desk.comparing.compare(report, seconds)

    app = load("maintain", None)
    app.__dict__["differ"] = Watched

    assert failed(app.handler(messages(*desk.queue.receive()), context(600))) == []
    assert seen == [540.0]
    assert desk.show(asked.id).state == "done"
