"""The books: what is filed where, once however often it is delivered, and crashes."""

import json
from typing import Any

import pytest
from headgate.domain.events import DomainEvent

from tests.support.crash_points import after_every_crash
from tests.support.memory_platform import MemoryPlatform
from tests.support.serving import ASKER, by_entity, by_tensor

TIME = "2030-01-31T23:59:59.999Z"


@pytest.fixture
def live(served_platform: MemoryPlatform) -> MemoryPlatform:
    """A champion; nothing of what was published is recorded yet."""
    return served_platform.fork()


def record_all(platform: MemoryPlatform) -> None:
    for event in platform.bus.events:
        platform.record.record(event)


def record_predictions(platform: MemoryPlatform) -> None:
    for message in platform.prediction_queue.messages:
        platform.record.record_prediction(message)


def decisions(platform: MemoryPlatform) -> list[str]:
    return [d["id"] for d in platform.ledger.decisions("shops", 1000)]


def test_everything_published_is_filed_once_though_delivered_twice(live: MemoryPlatform) -> None:
    record_all(live)
    once = (decisions(live), live.ledger.costs("shops", "2030-01"), live.logs.keys("lineage/"))
    record_all(live)
    assert (decisions(live), live.ledger.costs("shops", "2030-01"), live.logs.keys("lineage/")) == once
    assert len(once[0]) == len(set(once[0]))


def test_the_chain_of_lineage_leads_from_model_to_objects(live: MemoryPlatform) -> None:
    record_all(live)
    node, kinds = "model/buys/1", []
    while upstream := live.ledger.upstream(node):
        node = upstream[0].upstream
        kinds.append(node.split("/")[0])
    assert kinds[:3] == ["run", "features", "dataset"]
    assert kinds[-1] == "object"


@pytest.mark.parametrize(
    "kind",
    [
        *("AccessDecided", "AliasMoved", "StageChanged", "ProductApplied"),
        *("ReleaseMoved", "ModelProposed", "ProposalWithdrawn"),
    ],
)
def test_what_must_be_answered_for_is_chained(live: MemoryPlatform, kind: str) -> None:
    live.record.record(DomainEvent(kind, "shops", "id-1", TIME, {"what": "ever"}))
    (entry,) = live.ledger.decisions("shops")
    assert (entry["id"], entry["type"], entry["what"]) == ("id-1", kind, "ever")


@pytest.mark.parametrize("kind", ["DatasetVersionCommitted", "FeatureVersionBuilt", "SomethingNew"])
def test_other_events_are_left_to_others(live: MemoryPlatform, kind: str) -> None:
    live.record.record(DomainEvent(kind, "shops", "id-1", TIME, {}))
    assert live.faults.effects == ()


def test_a_cost_line_belongs_to_the_month_of_its_event(live: MemoryPlatform) -> None:
    detail = {"kind": "training", "quantity": 36.0, "unit": "seconds", "usd": 0.01, "run": "r"}
    live.record.record(DomainEvent("CostIncurred", "shops", "id-1", TIME, detail))
    (line,) = live.ledger.costs("shops", "2030-01")
    assert (line.usd, line.run, line.time) == (0.01, "r", TIME)


def test_a_prediction_is_logged_indexed_and_traced(live: MemoryPlatform) -> None:
    answer = live.infer.predict(ASKER, "buys", None, by_entity())
    record_predictions(live)
    index = live.ledger.prediction(answer["id"])
    assert (index["model"], index["version"], index["alias"], index["rows"]) == ("buys", 1, "champion", 1)
    rows = [json.loads(line) for line in live.logs.get(index["log_key"]).splitlines()]
    assert [(r["row"], r["score"]) for r in rows] == [(0, answer["outputs"][0]["data"][0])]
    assert rows[0]["input"]["shop"] == "north"
    upstream = {e.upstream for e in live.ledger.upstream(f"prediction/{answer['id']}")}
    head = live.catalog.feature_head("shops", "visit")
    assert head is not None
    assert upstream == {"model/buys/1", f"features/shops/visit/{head.digest}"}
    assert f"{answer['id']}-infer" in decisions(live)


def test_every_part_of_a_long_prediction_is_logged_and_counted(live: MemoryPlatform) -> None:
    answer = live.infer.predict(ASKER, "buys", None, by_tensor([1.0] * 250))
    record_predictions(live)
    keys = live.logs.keys("predictions/shops/2030/01/01/")
    assert [key.rpartition("-")[2] for key in keys] == ["0.jsonl", "1.jsonl", "2.jsonl"]
    rows = [json.loads(line) for key in keys for line in live.logs.get(key).splitlines()]
    assert [row["row"] for row in rows] == list(range(250))
    assert live.ledger.prediction(answer["id"])["rows"] == 250


def test_parts_may_come_in_any_order_and_twice(live: MemoryPlatform) -> None:
    answer = live.infer.predict(ASKER, "buys", None, by_tensor([1.0] * 250))
    for message in (*reversed(live.prediction_queue.messages), *live.prediction_queue.messages):
        live.record.record_prediction(message)
    assert live.ledger.prediction(answer["id"])["rows"] == 250
    assert decisions(live).count(f"{answer['id']}-infer") == 1


def test_a_crash_at_any_side_effect_of_a_prediction_is_healed(live: MemoryPlatform) -> None:
    answer = live.infer.predict(ASKER, "buys", None, by_entity())
    live.faults.clear()
    for platform, crash in after_every_crash(live, record_predictions):
        index = platform.ledger.prediction(answer["id"])
        assert platform.logs.get(index["log_key"]), crash
        assert len(platform.ledger.upstream(f"prediction/{answer['id']}")) == 2, crash
        assert decisions(platform) == [f"{answer['id']}-infer"], crash


def test_a_crash_at_any_side_effect_of_an_event_is_healed(live: MemoryPlatform) -> None:
    chosen = {e.type: e for e in live.bus.events}

    def record(platform: MemoryPlatform) -> None:
        for event in chosen.values():
            platform.record.record(event)

    clean = live.fork()
    record(clean)

    def books(platform: MemoryPlatform) -> Any:
        edges = [platform.ledger.upstream(node) for node in ("model/buys/1", "run/shops/none")]
        return decisions(platform), platform.ledger.costs("shops", "2030-01"), edges, platform.logs.keys()

    for platform, crash in after_every_crash(live, record):
        assert books(platform) == books(clean), crash
