"""The function that publishes tables: messages of one dataset are one look, a bad one harms no neighbour."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from headgate.services.versions.request_rebuild import RequestRebuild

from tests.support.memory_platform import ALICE, MemoryPlatform
from tests.unit.functions.conftest import CONTEXT, Load, failed, message_ids, payload
from tests.unit.services.test_publish_iceberg import TABLE, Press

GENERATION = "61c5b71fa5c555bc80c34c0740e0c937"


@pytest.fixture
def press(empty: MemoryPlatform) -> Press:
    """Two versions wait to be published."""
    made = Press(empty)
    made.drop("a")
    made.drop("b")
    return made


@pytest.mark.parametrize("case", ["dataset-version-committed", "two-versions-of-one-dataset"])
def test_an_event_publishes_every_version_that_waits(press: Press, load: Load, case: str) -> None:
    app = load("publish", press.worker)

    assert failed(app.handler(payload("publish", case), CONTEXT)) == []
    assert press.snapshots() == [(1, 1), (2, 2)]


def test_messages_of_one_dataset_are_one_look(press: Press, load: Load) -> None:
    looks: list[Any] = []

    def publish(request: Any) -> Any:
        looks.append(request)
        return press.worker.publish(request)

    app = load("publish", SimpleNamespace(publish=publish))

    assert failed(app.handler(payload("publish", "two-versions-of-one-dataset"), CONTEXT)) == []
    assert len(looks) == 1


def test_a_table_is_made_anew_when_it_is_asked_for(press: Press, load: Load) -> None:
    event = payload("publish", "rebuild-asked-for")
    asking = RequestRebuild(press.platform.products, press.platform.guard, press.queue, lambda: GENERATION)
    assert json.loads(event["Records"][0]["body"]) == asking.request(ALICE, "shops", "visits")

    press.publish()
    app = load("publish", press.worker)
    assert failed(app.handler(event, CONTEXT)) == []
    table = press.tables.find(TABLE)
    assert table is not None
    assert table.generation == GENERATION


def test_bad_messages_do_not_harm_the_good_one(press: Press, load: Load) -> None:
    event = payload("publish", "malformed-beside-good")
    app = load("publish", press.worker)

    assert failed(app.handler(event, CONTEXT)) == message_ids(event)[:-1]
    assert press.snapshots() == [(1, 1), (2, 2)]


def test_a_failure_gives_back_every_message_it_was_for(press: Press, load: Load) -> None:
    def publish(_request: Any) -> Any:
        raise RuntimeError("the catalog is away")

    event = payload("publish", "two-versions-of-one-dataset")
    app = load("publish", SimpleNamespace(publish=publish))

    assert failed(app.handler(event, CONTEXT)) == message_ids(event)
