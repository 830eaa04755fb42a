"""Inference: by tensor, by entity, versions and aliases, refusals, and what is logged."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from headgate.adapters.memory import LogisticModel
from headgate.domain.entity_key import entity_key
from headgate.domain.errors import AccessDenied, Corrupted, InvalidRequest, NotFound, Throttled
from headgate.domain.model import CHAMPION, AliasMove
from headgate.ports import LoadedModel, OnlineRow
from headgate.services.serving.prediction_log import LOG_BYTES

from tests.support.memory_platform import MemoryPlatform
from tests.support.serving import ASKER, STRANGER, VISIT, by_entity, by_tensor, tensor, train_champion
from tests.support.small_product import bundle, space
from tests.support.trained_run import FAIR, GOOD

NORTH = (space(), "north")
VISITED = "2024-02-29T12:30:00.000Z"


@pytest.fixture
def live(served_platform: MemoryPlatform) -> MemoryPlatform:
    """Version 1 of the model buys is champion; the sensors' newest values are of 29 February, 12:00."""
    return served_platform.fork()


def ask(platform: MemoryPlatform, document: Any, version: str | None = None) -> dict[str, Any]:
    return platform.infer.predict(ASKER, "buys", version, document)


def scores(answer: dict[str, Any]) -> list[float]:
    (output,) = answer["outputs"]
    assert output["shape"] == [len(output["data"]), 1]
    assert (output["name"], output["datatype"]) == ("score", "FP32")
    return list(output["data"])


def expected(model: LogisticModel, double_size: float | None, warmth: float | None) -> float:
    (score,) = model.score({"double_size": [double_size], "warmth": [warmth]})
    return score


def logged(platform: MemoryPlatform) -> list[dict[str, Any]]:
    return list(platform.prediction_queue.messages)


def online(platform: MemoryPlatform, event_time: str, warmth: float | None, version: str = "f" * 64) -> None:
    platform.online.write([OnlineRow("shops", *NORTH, event_time, {"warmth": warmth}, version)])


# --- by tensor


def test_tensors_are_scored_in_order(live: MemoryPlatform) -> None:
    answer = ask(live, by_tensor([60.0, 10.0, None], [1.0, None, 2.0], id="mine"))
    assert scores(answer) == [expected(GOOD, *row) for row in ((60.0, 1.0), (10.0, None), (None, 2.0))]
    assert (answer["model_name"], answer["model_version"]) == ("buys", "1")
    assert answer["parameters"] == {"alias": "champion", "request_id": "mine"}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"inputs": [tensor("double_size", [1.0])]}, r"\['double_size', 'warmth'\] are needed"),
        ({"inputs": [*by_tensor()["inputs"], tensor("colour", [1.0])]}, "found .*'colour'"),
        (
            {"inputs": [tensor("double_size", [1.0]), tensor("warmth", [1.0, 2.0])]},
            "different numbers of rows: 1, 2",
        ),
        ({}, "inputs must be an array"),
        (None, "must be a JSON object"),
    ],
)
def test_a_bad_request_is_refused_with_its_reason(live: MemoryPlatform, document: Any, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        ask(live, document)
    assert logged(live) == []


# --- by entity


def test_entity_rows_get_on_demand_and_online_features(live: MemoryPlatform) -> None:
    answer = ask(live, by_entity({}, {"visit_id": "v-2", "size": 5, "shop": "south"}))
    assert scores(answer) == [expected(GOOD, 60, 29.12), expected(GOOD, 10, 29.12)]
    (message,) = logged(live)
    assert [row["features"] for row in message["rows"]] == [
        {"double_size": 60, "warmth": 29.12},
        {"double_size": 10, "warmth": 29.12},
    ]
    assert message["rows"][0]["input"] == VISIT
    head = live.catalog.feature_head("shops", "visit")
    assert head is not None
    assert message["features"] == [f"features/shops/visit/{head.digest}"]


@pytest.mark.parametrize(
    ("known_at", "visited_at", "warmth"),
    [
        ("2024-03-01T11:30:00.000Z", "2024-03-01T12:30:00Z", 7.5),
        ("2024-03-01T11:29:59.999Z", "2024-03-01T12:30:00Z", None),
        ("2024-03-01T12:30:00.000Z", "2024-03-01T12:30:00Z", 7.5),
        ("2024-03-01T12:30:00.001Z", "2024-03-01T12:30:00Z", None),
        ("2024-03-01T12:00:00.000Z", "2024-03-01T14:30:00+02:00", 7.5),
        ("2024-03-01T14:00:00.000Z", "2024-03-01T14:30:00+02:00", None),
        ("2024-03-01T12:00:00.000Z", "2024-03-01 12:30:00", 7.5),
    ],
)
def test_only_what_was_known_then_and_not_too_old_is_used(
    live: MemoryPlatform, known_at: str, visited_at: str, warmth: float | None
) -> None:
    online(live, known_at, 7.5)
    ask(live, by_entity({"visited_at": visited_at}))
    (message,) = logged(live)
    assert message["rows"][0]["features"]["warmth"] == warmth
    # And a value that was not used is not named as a source
    assert message["features"] == ([f"features/shops/visit/{'f' * 64}"] if warmth else [])


def test_an_instant_with_an_offset_means_the_same_to_sql(live: MemoryPlatform) -> None:
    hours = LogisticModel(0.0, {"hour": 1.0})
    document = bundle()
    document["training"] = {**document["training"], "features": [{"name": "hour", "kind": "numeric"}]}
    document["training"]["gates"] = {}
    live.apply_product(document)
    train_champion(live, hours)
    ask(live, by_entity({"visited_at": "2024-03-01T14:30:00+02:00"}), version="2")
    assert logged(live)[0]["rows"][0]["features"] == {"hour": 12}


def test_without_an_event_time_now_is_meant(live: MemoryPlatform) -> None:
    online(live, "2030-01-01T00:00:00.000Z", 7.5)
    live.clock.advance(60)
    for request in (by_entity(without=["visited_at"]), by_entity({"visited_at": None})):
        ask(live, request)
    assert [m["rows"][0]["features"]["warmth"] for m in logged(live)] == [7.5, 7.5]


def test_a_null_key_joins_nothing(live: MemoryPlatform) -> None:
    known = OnlineRow("shops", space(), entity_key([None]), VISITED, {"warmth": 7.5}, "f" * 64)
    live.online.write([known])
    ask(live, by_entity({"shop": None}))
    assert logged(live)[0]["rows"][0]["features"] == {"double_size": 60, "warmth": None}


def test_an_unknown_key_has_no_values(live: MemoryPlatform) -> None:
    ask(live, by_entity({"shop": "a|b\\"}))
    assert logged(live)[0]["rows"][0]["features"]["warmth"] is None


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (by_entity(without=["shop", "size"]), "missing 'shop', 'size', unknown none"),
        (
            {**by_entity(), "inputs": [*by_entity()["inputs"], tensor("colour", ["red"], "BYTES")]},
            "unknown 'colour'",
        ),
        (by_entity({"visited_at": "soon"}), "'visited_at', row 0: an instant"),
        (by_entity({"visited_at": "infinity"}), "'visited_at', row 0: an instant"),
        (by_entity({"visited_at": "0001-01-01T00:00:00+10:00"}), "'visited_at', row 0: an instant"),
        (by_entity({}, {}), "distinct values of visit_id"),
        (
            {
                **by_entity(),
                "inputs": [
                    *(t for t in by_entity()["inputs"] if t["name"] != "size"),
                    tensor("size", ["many"], "BYTES"),
                ],
            },
            "do not fit their types",
        ),
        (
            {
                **by_entity(),
                "inputs": [
                    *(t for t in by_entity()["inputs"] if t["name"] != "visited_at"),
                    tensor("visited_at", [5], "INT64"),
                ],
            },
            "'visited_at', row 0: an instant",
        ),
    ],
)
def test_bad_entity_rows_are_refused_with_their_reason(
    live: MemoryPlatform, document: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        ask(live, document)
    assert logged(live) == []


# --- versions, aliases, principals


def test_a_version_can_be_asked_for_by_number(live: MemoryPlatform) -> None:
    answer = ask(live, by_tensor(), version="1")
    assert answer["parameters"] == {}
    assert logged(live)[0]["alias"] is None


@pytest.mark.parametrize("version", ["0", "-1", "one", "1.0", "", "²", "9" * 5000, " 1"])
def test_a_version_that_is_no_positive_integer_is_a_bad_request(live: MemoryPlatform, version: str) -> None:
    with pytest.raises(InvalidRequest, match="no positive integer"):
        ask(live, by_tensor(), version)


@pytest.mark.parametrize("name", ["sells", "", "a/b", "buys ", "x" * 3000, "\x00"])
def test_an_unknown_model_is_not_found(live: MemoryPlatform, name: str) -> None:
    with pytest.raises(NotFound) as refused:
        live.infer.predict(ASKER, name, None, by_tensor())
    assert len(str(refused.value)) < 300


def test_an_unknown_version_is_not_found(live: MemoryPlatform) -> None:
    with pytest.raises(NotFound, match="version 2"):
        ask(live, by_tensor(), version="2")


def test_a_promotion_is_live_at_once(live: MemoryPlatform) -> None:
    live.apply_product(bundle(training={**bundle()["training"], "seed": 5}))
    train_champion(live, FAIR)
    before = ask(live, by_tensor([45.0], [10.0]))
    live.catalog.move_alias(AliasMove("buys", CHAMPION, 1, 2, "user/alice", "", "2030-01-02T00:00:00.000Z"))
    after = ask(live, by_tensor([45.0], [10.0]))
    assert (before["model_version"], after["model_version"]) == ("1", "2")
    assert scores(before) != scores(after)


@pytest.mark.parametrize("call", ["predict", "metadata", "ready"])
def test_a_stranger_is_refused_and_the_refusal_is_on_record(live: MemoryPlatform, call: str) -> None:
    arguments = (STRANGER, "buys", None, *([by_tensor()] if call == "predict" else []))
    with pytest.raises(AccessDenied):
        getattr(live.infer, call)(*arguments)
    decided = live.bus.of_type("AccessDecided")[-1]
    assert decided.detail["decision"] == "implicit_deny"
    assert (decided.detail["principal"], decided.detail["action"]) == ("user/mallory", "headgate:Infer")
    assert decided.detail["resource"] == "hrn:shops:model/buys/1"
    assert logged(live) == []


def test_every_allowed_call_is_on_record(live: MemoryPlatform) -> None:
    before = len(live.bus.of_type("AccessDecided"))
    live.infer.metadata(ASKER, "buys", None)
    live.infer.ready(ASKER, "buys", None)
    told = [e.detail["decision"] for e in live.bus.of_type("AccessDecided")[before:]]
    assert told == ["allow", "allow"]
    # A prediction's decision goes with its log
    answer = ask(live, by_tensor())
    assert len(live.bus.of_type("AccessDecided")) == before + 2
    decision = logged(live)[0]["decision"]
    assert (decision["id"], decision["decision"]) == (f"{answer['id']}-infer", "allow")


def test_metadata_names_inputs_and_request_columns(live: MemoryPlatform) -> None:
    found = live.infer.metadata(ASKER, "buys", None)
    assert found["versions"] == ["1"]
    assert [i["name"] for i in found["inputs"]] == ["double_size", "warmth"]
    assert found["parameters"]["entity"] == ["visit_id"]
    assert {"name": "size", "type": "INTEGER"} in found["parameters"]["entity_inputs"]


def test_a_feature_set_that_is_gone_is_not_found(live: MemoryPlatform) -> None:
    document = bundle(training=None)
    document["feature_sets"] = {}
    live.apply_product(document)
    with pytest.raises(NotFound, match="no longer declares the feature set visit"):
        ask(live, by_entity())
    assert scores(ask(live, by_tensor()))


# --- the artifact


def test_an_artifact_that_was_exchanged_is_not_served(live: MemoryPlatform) -> None:
    live.models.put(live.catalog.model_version("buys", 1).artifact_key, FAIR.to_bytes())
    with pytest.raises(Corrupted, match="not what was registered"):
        ask(live, by_tensor())


def test_a_model_is_loaded_once_and_few_are_kept(live: MemoryPlatform) -> None:
    for seed in range(10, 15):
        live.apply_product(bundle(training={**bundle()["training"], "seed": seed}))
        train_champion(live, LogisticModel(-51.0 + seed / 1000, GOOD.weights))
    loaded: dict[str, LoadedModel] = {}
    infer = replace(live.infer, _loaded=loaded)
    for version in (1, 2, 3, 4, 5, 6, 6):
        infer.predict(ASKER, "buys", str(version), by_tensor())
    assert set(loaded) == {live.catalog.model_version("buys", v).digest for v in (3, 4, 5, 6)}


def test_a_score_that_is_no_number_is_not_given(live: MemoryPlatform) -> None:
    class NoNumber:
        def score(self, columns: Any) -> list[float]:
            return [0.5, math.nan]

    digest = live.catalog.model_version("buys", 1).digest
    infer = replace(live.infer, _loaded={digest: NoNumber()})
    with pytest.raises(InvalidRequest, match="row 1: the model has no score"):
        infer.predict(ASKER, "buys", None, by_tensor([1.0, 2.0]))


# --- the log


def test_the_log_is_cut_into_parts_of_a_hundred_rows(live: MemoryPlatform) -> None:
    answer = ask(live, by_tensor([float(n % 100) for n in range(250)]))
    parts = logged(live)
    assert [(m["part"], len(m["rows"]), m["count"]) for m in parts] == [
        (0, 100, 250),
        (1, 100, 250),
        (2, 50, 250),
    ]
    assert {m["prediction"] for m in parts} == {answer["id"]}
    assert [row["row"] for m in parts for row in m["rows"]] == list(range(250))
    assert [row["score"] for m in parts for row in m["rows"]] == scores(answer)
    assert ["decision" in m for m in parts] == [True, False, False]


def test_no_part_is_larger_than_a_queue_takes(live: MemoryPlatform) -> None:
    visits = [{"visit_id": f"{n}-" + "ü" * 4000, "shop": "é" * 4000} for n in range(60)]
    ask(live, by_entity(*visits))
    sizes = [len(json.dumps(m, ensure_ascii=False).encode()) for m in logged(live)]
    assert len(sizes) > 1
    assert max(sizes) < LOG_BYTES + 20_000 < 256 * 1024
    assert sum(len(m["rows"]) for m in logged(live)) == 60


def test_a_prediction_that_cannot_be_logged_is_not_given(live: MemoryPlatform) -> None:
    live.faults.fail_at("predictions.send", 1, "before", Throttled("slow down"))
    with pytest.raises(Throttled):
        ask(live, by_tensor())
