"""The function behind the maintenance queue: diffs are compared within the time it has left."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.diff_desk import DiffDesk, visit
from tests.support.memory_platform import MemoryPlatform
from tests.unit.functions.conftest import Load, Payload, failed


def messages(*bodies: Any) -> Payload:
    return {"Records": [{"messageId": f"m-{n}", "body": json.dumps(b)} for n, b in enumerate(bodies, 1)]}


def context(seconds: float) -> Any:
    return SimpleNamespace(
        aws_request_id="00000000-0000-4000-8000-000000000000",
        get_remaining_time_in_millis=lambda: int(seconds * 1000),
    )


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
