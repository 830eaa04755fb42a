"""The inference door: routes and bodies as API Gateway sends them, and an answer for every one of them."""

import json
from types import ModuleType
from typing import Any

import pytest
from headgate.domain.errors import Throttled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.memory_platform import MemoryPlatform
from tests.unit.functions.conftest import CONTEXT, Load, Payload, cases, payload

ANSWERED = {
    "server-metadata",
    "server-live",
    "server-ready",
    "model-metadata",
    "model-metadata-of-a-version",
    "model-ready",
    "by-tensor",
    "by-tensor-of-a-version",
    "by-entity",
    "body-in-base64",
}
REFUSED = {
    "body-that-is-a-list": 400,
    "body-that-is-no-base64": 400,
    "body-with-a-key-twice": 400,
    "body-with-infinity": 400,
    "body-with-nan": 400,
    "malformed-json": 400,
    "missing-input": 400,
    "no-body": 400,
    "ragged-inputs": 400,
    "unknown-input": 400,
    "version-that-is-no-number": 400,
    "version-without-end": 400,
    "wrong-datatype": 400,
    "no-principal": 401,
    "stranger": 403,
    "escaped-model-name": 404,
    "unknown-model": 404,
    "unknown-route": 404,
    "unknown-version": 404,
    "wrong-method": 404,
}
UNHURRIED = settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
TENSOR = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["double_size", "warmth", "visit_id", "visited_at", "shop", "size"]) | JSON,
        "shape": st.just([1]) | JSON,
        "datatype": st.sampled_from(["FP32", "FP64", "INT64", "BYTES", "BOOL"]) | JSON,
        "data": st.lists(JSON, min_size=1, max_size=1) | JSON,
    }
)
BODY = st.fixed_dictionaries(
    {"inputs": st.lists(TENSOR, max_size=4) | JSON},
    optional={"id": JSON, "parameters": st.just({"input": "entity"}) | JSON, "outputs": JSON},
)


@pytest.fixture
def app(platform: MemoryPlatform, load: Load) -> ModuleType:
    return load("infer", platform.infer)


def answer(app: ModuleType, event: Payload) -> tuple[int, dict[str, Any]]:
    response = app.handler(event, CONTEXT)
    assert set(response) == {"statusCode", "headers", "body", "isBase64Encoded"}
    assert response["headers"]["Content-Type"] == "application/json"
    body = json.loads(response["body"], parse_constant=lambda name: pytest.fail(f"{name} in an answer"))
    return response["statusCode"], body


def test_every_payload_is_expected_to_be_answered_or_refused() -> None:
    assert set(cases("infer")) == ANSWERED | set(REFUSED)


@pytest.mark.parametrize("case", sorted(ANSWERED))
def test_a_good_request_is_answered(app: ModuleType, case: str) -> None:
    status, body = answer(app, payload("infer", case))
    assert (status, "error" in body) == (200, False)


@pytest.mark.parametrize(("case", "status"), REFUSED.items())
def test_a_bad_request_is_refused_with_a_sentence(app: ModuleType, case: str, status: int) -> None:
    found, body = answer(app, payload("infer", case))
    assert (found, set(body)) == (status, {"error"})
    assert 10 < len(body["error"]) < 600


def test_the_protocols_answers(app: ModuleType, platform: MemoryPlatform) -> None:
    assert answer(app, payload("infer", "server-metadata"))[1]["name"] == "headgate"
    assert answer(app, payload("infer", "server-live"))[1] == {"live": True}
    assert answer(app, payload("infer", "server-ready"))[1] == {"ready": True}
    assert answer(app, payload("infer", "model-ready"))[1] == {"name": "buys", "version": "1", "ready": True}
    _, tensors = answer(app, payload("infer", "by-tensor"))
    assert (tensors["model_name"], tensors["model_version"]) == ("buys", "1")
    assert tensors["parameters"] == {"alias": "champion", "request_id": "request-1"}
    assert tensors["outputs"][0]["shape"] == [2, 1]
    _, encoded = answer(app, payload("infer", "body-in-base64"))
    assert encoded["outputs"] == tensors["outputs"]
    _, entities = answer(app, payload("infer", "by-entity"))
    assert [round(score, 3) for score in entities["outputs"][0]["data"]] == [1.0, 0.0]
    assert len(platform.prediction_queue.messages) == 3


def test_a_throttled_queue_is_told_as_such(app: ModuleType, platform: MemoryPlatform) -> None:
    platform.faults.fail_at("predictions.send", 1, "before", Throttled("slow down"))
    assert answer(app, payload("infer", "by-tensor")) == (429, {"error": "slow down"})


def test_what_nobody_foresaw_is_told_without_its_details(
    app: ModuleType, platform: MemoryPlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    platform.faults.fail_at("catalog.alias", 1, "before", KeyError("secret detail"))
    status, body = answer(app, payload("infer", "by-tensor"))
    assert (status, set(body)) == (500, {"error"})
    assert CONTEXT.aws_request_id in body["error"]
    assert "secret detail" not in body["error"]
    assert "secret detail" in capsys.readouterr().err


def test_what_was_sent_is_not_logged(app: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    event = payload("infer", "wrong-datatype")
    event["body"] = event["body"].replace("big", "a very private value")
    answer(app, event)
    told = capsys.readouterr().err
    assert "a text is no FP32" in told
    assert "private" not in told


def test_a_body_has_a_largest_size(app: ModuleType) -> None:
    event = payload("infer", "by-tensor")
    event["body"] = " " * (6 * 1024**2) + event["body"]
    status, body = answer(app, event)
    assert (status, "at most 6291456 are taken" in body["error"]) == (400, True)


@given(BODY.map(json.dumps) | JSON.map(json.dumps) | st.text(max_size=40))
@UNHURRIED
def test_any_body_gets_an_answer_and_never_a_failure(app: ModuleType, body: str) -> None:
    event = {**payload("infer", "by-tensor"), "body": body}
    status, answered = answer(app, event)
    if status == 200:
        assert answered["outputs"]
    else:
        assert 400 <= status < 500, answered
        assert set(answered) == {"error"}
        assert len(answered["error"]) < 2000


@given(st.text(max_size=30), st.sampled_from(["GET", "POST", "PUT", "DELETE", ""]) | st.text(max_size=5))
@UNHURRIED
def test_any_path_gets_an_answer(app: ModuleType, path: str, method: str) -> None:
    event = {**payload("infer", "model-metadata"), "path": f"/v2/{path}", "httpMethod": method}
    status, answered = answer(app, event)
    assert status == 200 or (400 <= status < 500 and set(answered) == {"error"})
